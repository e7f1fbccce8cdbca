/* Folding many results into one printed number: for programs whose transcript two machines must share. */
#pragma once
#include "base.h"

struct random {
  u64 state;
};

/* xorshift64: all operands come from here or from tables. */
static inline u64 random_next(struct random *random) {
  u64 x = random->state;
  x ^= x << 13;
  x ^= x >> 7;
  return random->state = x ^ x << 17;
}

/* FNV-1a over 64-bit words, with a rotation so that high bits count too. */
static inline u64 fold(u64 hash, u64 value) {
  hash = (hash ^ value) * 0x100000001b3;
  return hash << 29 | hash >> 35;
}

enum { FOLD_START = 0x1505 };
