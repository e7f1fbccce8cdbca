/* Work on data structures: a linked list, a hash table and an array, about 300 KiB together. */
#include "mips.h"

enum { NODES = 2048, SLOTS = 16384, NUMBERS = 8192 };

struct node {
  struct node *next;
  u32 key, value;
};

static struct node nodes[NODES];
static struct {
  u32 key, count;
} slots[SLOTS];
static u32 numbers[NUMBERS], scratch[NUMBERS];

static struct node *merge(struct node *a, struct node *b) {
  struct node head, *last = &head;
  while (a && b) {
    struct node **least = a->key <= b->key ? &a : &b;
    last->next = *least;
    last = *least;
    *least = (*least)->next;
  }
  last->next = a ? a : b;
  return head.next;
}

static struct node *sort_list(struct node *list, u32 length) {
  if (length == 1) {
    list->next = NULL;
    return list;
  }
  struct node *middle = list;
  for (u32 i = 0; i < length / 2; i++) middle = middle->next;
  struct node *right = sort_list(middle, length - length / 2);
  return merge(sort_list(list, length / 2), right);
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

u32 list_round(u32 seed) {
  for (u32 i = 0; i < NODES; i++) {
    nodes[i] = (struct node){i + 1 < NODES ? &nodes[i + 1] : NULL, next_random(&seed) >> 8, i};
  }
  struct node *list = reverse(sort_list(reverse(nodes), NODES));
  u32 sum = 0;
  for (; list; list = list->next) sum = sum * 31 + (list->key ^ list->value);
  return sum;
}

u32 hash_round(u32 seed) {
  u32 probes = 0;
  memset(slots, 0, sizeof slots);
  for (u32 i = 0; i < SLOTS / 2; i++) {
    u32 key = next_random(&seed) | 1;
    u32 at = (key * 2654435761u) >> 18;
    while (slots[at].key && slots[at].key != key) {
      at = (at + 1) % SLOTS;
      probes++;
    }
    slots[at].key = key;
    slots[at].count++;
  }
  return crc32(probes, slots, sizeof slots / 4);
}

u32 sort_round(u32 seed) {
  for (u32 i = 0; i < NUMBERS; i++) numbers[i] = next_random(&seed);
  for (u32 shift = 0; shift < 32; shift += 8) {
    u32 starts[257] = {0};
    for (u32 i = 0; i < NUMBERS; i++) starts[(numbers[i] >> shift & 255) + 1]++;
    for (u32 i = 0; i < 256; i++) starts[i + 1] += starts[i];
    for (u32 i = 0; i < NUMBERS; i++) scratch[starts[numbers[i] >> shift & 255]++] = numbers[i];
    for (u32 i = 0; i < NUMBERS; i++) numbers[i] = scratch[i];
  }
  u32 sum = 0;
  for (u32 i = 1; i < NUMBERS; i++) sum += numbers[i - 1] <= numbers[i] ? numbers[i] ^ i : 0xbad;
  return sum;
}
