/* A mix as in CoreMark, in code of our own: a linked list, small matrices, a state machine over text, and a CRC over it all. */
#include "bench.h"

enum { NODES = 200, SIDE = 16, TEXT = 512 };

typedef signed short i16;

struct node {
  struct node *next;
  i16 key, index;
};

static u16 crc16(u16 crc, u32 value) {
  for (u32 bit = 0; bit < 16; bit++, value >>= 1) crc = (u16)(crc >> 1 ^ (((crc ^ value) & 1) ? 0xa001 : 0));
  return crc;
}

static struct node *reverse(struct node *list) {
  struct node *done = NULL;
  while (list) {
    struct node *rest = list->next;
    list->next = done;
    done = list;
    list = rest;
  }
  return done;
}

static struct node *find(struct node *list, i16 key) {
  while (list && list->key != key) list = list->next;
  return list;
}

static int order_by_key(const struct node *a, const struct node *b) { return a->key - b->key; }
static int order_by_index(const struct node *a, const struct node *b) { return a->index - b->index; }

/* Merge sort from the bottom up. */
static NOINLINE struct node *sort(struct node *list, int (*order)(const struct node *, const struct node *)) {
  for (u32 width = 1;; width *= 2) {
    struct node *rest = list, **end = &list;
    u32 merges = 0;
    while (rest) {
      struct node *left = rest, *right = rest;
      u32 left_count = 0, right_count = width;
      merges++;
      while (right && left_count < width) left_count++, right = right->next;
      while (left_count > 0 || (right_count > 0 && right)) {
        bool take_left = left_count > 0 && (right_count == 0 || !right || order(left, right) <= 0);
        struct node **from = take_left ? &left : &right;
        take_left ? left_count-- : right_count--;
        *end = *from;
        end = &(*end)->next;
        *from = (*from)->next;
      }
      rest = right;
    }
    *end = NULL;
    if (merges <= 1) return list;
  }
}

static NOINLINE u16 list_part(struct node *nodes, u16 seed) {
  u16 crc = seed;
  for (u32 i = 0; i < NODES; i++) {
    nodes[i] = (struct node){i + 1 < NODES ? nodes + i + 1 : NULL, (i16)(crc16(seed, i) & 0x7ff), (i16)i};
  }
  struct node *list = nodes;
  for (i16 i = 0; i < 40; i++) {
    struct node *found = find(list, (i16)(crc16(seed, (u32)i * 3) & 0x7ff));
    crc = crc16(crc, found ? (u32)found->index : 0xffff);
    list = reverse(list);
  }
  list = sort(list, order_by_key);
  for (struct node *at = list; at; at = at->next) crc = crc16(crc, (u16)at->key);
  list = sort(list, order_by_index);
  return crc16(crc, (u16)list->key);
}

static NOINLINE u16 matrix_part(i16 *a, i16 *b, i32 *c, i16 seed) {
  u16 crc = 0;
  for (i32 i = 0; i < SIDE * SIDE; i++) {
    a[i] = (i16)((seed + i * 7) & 0xff);
    b[i] = (i16)((seed ^ i * 13) & 0xff);
  }
  for (u32 i = 0; i < SIDE; i++) {
    for (u32 j = 0; j < SIDE; j++) {
      i32 sum = 0;
      for (u32 k = 0; k < SIDE; k++) sum += a[i * SIDE + k] * b[k * SIDE + j];
      c[i * SIDE + j] = sum;
    }
  }
  for (u32 i = 0; i < SIDE * SIDE; i++) {
    i32 bits = (c[i] >> 2 & 15) * (c[i] >> 5 & 127);
    c[i] += bits;
    if ((i & 15) == 0) crc = crc16(crc, (u32)c[i]);
  }
  return crc;
}

enum state { START, SIGN, INTEGER, POINT, EXPONENT, SCIENTIFIC, INVALID, STATES };

static enum state step(enum state now, u8 c) {
  bool digit = c >= '0' && c <= '9';
  switch (now) {
    case START: return digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN: return digit ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER: return digit ? INTEGER : c == '.' ? POINT : c == 'e' ? EXPONENT : INVALID;
    case POINT: return digit ? POINT : c == 'e' ? EXPONENT : INVALID;
    case EXPONENT: return digit || c == '-' ? SCIENTIFIC : INVALID;
    case SCIENTIFIC: return digit ? SCIENTIFIC : INVALID;
    default: return INVALID;
  }
}

static NOINLINE u16 state_part(u8 *text, u16 seed) {
  static const u8 words[8][8] = {"5012", "1234.5", "-874", "+122e-5", ".1234", "-110.70", "T0.3e-1", "-T.T++T"};
  u32 counts[STATES] = {0}, at = 0;
  for (u32 i = 0; at < TEXT - 9; i++) {
    const u8 *word = words[(seed + i * i) & 7];
    for (u32 j = 0; j < 8 && word[j]; j++) text[at++] = word[j];
    text[at++] = ',';
  }
  text[at] = 0;
  enum state now = START;
  for (const u8 *c = text; *c; c++) {
    if (*c == ',') counts[now]++, now = START;
    else now = step(now, *c);
  }
  u16 crc = seed;
  for (u32 i = 0; i < STATES; i++) crc = crc16(crc, counts[i]);
  return crc;
}

u64 run_coremark(u64 size) {
  struct node *nodes = take_memory(NODES * sizeof(struct node));
  i16 *a = take_memory(4096), *b = take_memory(4096);
  i32 *c = take_memory(4096);
  u8 *text = take_memory(TEXT);
  u16 crc = 0;
  u64 sum = 0;
  for (u64 i = 0; i < size; i++) {
    crc = crc16(crc, list_part(nodes, (u16)i));
    crc = crc16(crc, matrix_part(a, b, c, (i16)i));
    crc = crc16(crc, state_part(text, (u16)i));
    sum = mix(sum, crc);
  }
  return sum;
}
