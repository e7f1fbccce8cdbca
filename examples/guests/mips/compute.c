/* Work on registers and control flow: matrices, CRC, a state machine over text, calls direct, recursive and by pointer. */
#include "mips.h"

enum { SIDE = 48, TEXT = 16384 };

static i32 left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];
static char text[TEXT];

u32 crc32(u32 crc, const void *data, u64 length) {
  static u32 table[16];
  if (!table[1]) {
    for (u32 i = 0; i < 16; i++) {
      u32 value = i;
      for (int bit = 0; bit < 4; bit++) value = value >> 1 ^ (value & 1 ? 0xedb88320 : 0);
      table[i] = value;
    }
  }
  crc = ~crc;
  for (const u8 *at = data; length; length--, at++) {
    crc = crc >> 4 ^ table[(crc ^ *at) & 15];
    crc = crc >> 4 ^ table[(crc ^ *at >> 4) & 15];
  }
  return ~crc;
}

u32 matrix_round(u32 seed) {
  for (u32 i = 0; i < SIDE * SIDE; i++) {
    left[i / SIDE][i % SIDE] = (i32)(next_random(&seed) & 0xffff) - 0x8000;
    right[i / SIDE][i % SIDE] = (i32)(next_random(&seed) & 0xfff);
  }
  for (u32 i = 0; i < SIDE; i++) {
    for (u32 j = 0; j < SIDE; j++) {
      i32 sum = 0;
      for (u32 k = 0; k < SIDE; k++) sum += left[i][k] * right[k][j];
      product[i][j] = sum >> 3;
    }
  }
  return crc32(0, product, sizeof product);
}

/* What a piece of text is; as in CoreMark, decided character by character. */
enum state { START, SIGN, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, INVALID, STATES };

static enum state step(enum state state, char c) {
  bool digit = c >= '0' && c <= '9', sign = c == '+' || c == '-', exponent = c == 'e' || c == 'E';
  switch (state) {
    case START: return digit ? INTEGER : sign ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN: return digit ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER: return digit ? INTEGER : c == '.' ? FRACTION : exponent ? EXPONENT : INVALID;
    case POINT: return digit ? FRACTION : INVALID;
    case FRACTION: return digit ? FRACTION : exponent ? EXPONENT : INVALID;
    case EXPONENT: return digit ? SCIENTIFIC : sign ? EXPONENT_SIGN : INVALID;
    case EXPONENT_SIGN:
    case SCIENTIFIC: return digit ? SCIENTIFIC : INVALID;
    default: return INVALID;
  }
}

u32 scanner_round(u32 seed) {
  static const char alphabet[] = "0123456789012345.+-e, ,x";
  u32 counts[STATES] = {0};
  for (u32 i = 0; i < TEXT; i++) text[i] = alphabet[next_random(&seed) % (sizeof alphabet - 1)];
  enum state state = START;
  for (u32 i = 0; i < TEXT; i++) {
    if (text[i] == ',') {
      counts[state]++;
      state = START;
    } else {
      state = step(state, text[i]);
    }
  }
  return crc32(crc32(0, text, TEXT), counts, sizeof counts);
}

static __attribute__((noinline)) u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static u32 rotate(u32 x) { return x << 7 | x >> 25; }
static u32 scale(u32 x) { return x * 0x01000193; }
static u32 fold(u32 x) { return x ^ x >> 15; }
static u32 divide(u32 x) { return x / ((x & 31) + 3) + x % 17; }

u32 call_round(u32 seed) {
  static u32 (*const operations[])(u32) = {rotate, scale, fold, divide};
  u32 value = seed + fibonacci(17);
  for (u32 i = 0; i < 20000; i++) value = operations[(value ^ i) & 3](value) + i;
  return value;
}
