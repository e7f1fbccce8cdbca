/* The parts of the benchmark: each does one round of its work and gives a number that depends on all of it. */
#pragma once
#include "../runtime/base.h"

/* One step of the generator that makes all data. */
static inline u32 next_random(u32 *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

/* CRC-32 of `length` bytes, by nibbles. */
u32 crc32(u32 crc, const void *data, u64 length);

u32 list_round(u32 seed);
u32 matrix_round(u32 seed);
u32 hash_round(u32 seed);
u32 scanner_round(u32 seed);
u32 call_round(u32 seed);
u32 sort_round(u32 seed);
