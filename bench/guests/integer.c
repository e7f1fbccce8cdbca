/* Rows that stay in the integer registers, or nearly. */
#include "bench.h"

u64 run_alu(u64 size) {
  u64 a = 0x123456789abcdef, b = 0xfedcba987654321, sum = 0;
  u32 c = 12345, d = 678;
  for (u64 i = 0; i < size * 1000; i++) {
    a = a * 0x5851f42d4c957f2dul + b;
    b ^= a >> 29;
    c = (c << 7 | c >> 25) + (u32)a;
    d = d * 69069 + 1 - (c >> 3);
    sum += (a < b) + (i64)(i32)(c ^ d);
    sum ^= sum << 11 | (u64)(d & 0xff00) >> 4;
    if (d & 0x10000) b += c | 1;
    if ((i & 15) == 0) sum += a / (d | 1) + c % 1000;
  }
  return mix(sum, a ^ b);
}

u64 run_atomics(u64 size) {
  static u64 counter, lock, slots[64];
  u64 sum = 0;
  for (u64 i = 0; i < size * 1000; i++) {
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) sum++;
    u64 before = __atomic_fetch_add(&counter, i, __ATOMIC_RELAXED);
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    u64 expected = slots[i & 63];
    if (__atomic_compare_exchange_n(&slots[i & 63], &expected, before, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) sum += expected;
    __atomic_fetch_xor((u32 *)&slots[before & 63], (u32)i, __ATOMIC_RELAXED);
  }
  return mix(sum, counter);
}

static const u32 round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline u32 rotate(u32 x, u32 by) { return x >> by | x << (32 - by); }

/* FIPS 180-4, section 6.2.2: one block of 64 bytes into the state. */
static NOINLINE void sha256_block(u32 state[8], const u8 *block) {
  u32 w[64], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (u32 i = 0; i < 16; i++) w[i] = (u32)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
  for (u32 i = 16; i < 64; i++) {
    u32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  for (u32 i = 0; i < 64; i++) {
    u32 s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25), choice = (e & f) ^ (~e & g);
    u32 t1 = h + s1 + choice + round_constants[i] + w[i];
    u32 s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22), majority = (a & b) ^ (a & c) ^ (b & c);
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + s0 + majority;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/* The digest of size * 64 KiB in which nothing repeats; its first eight bytes. */
u64 run_sha256(u64 size) {
  enum { BYTES = 65536 };
  u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}, seed = 1;
  u32 *data = take_memory(BYTES);
  for (u32 i = 0; i < BYTES / 4; i++) data[i] = next_random(&seed);
  for (u64 i = 0; i < size; i++) {
    data[i % (BYTES / 4)] += (u32)i;
    for (u32 at = 0; at < BYTES; at += 64) sha256_block(state, (const u8 *)data + at);
  }
  u8 last[64] = {0x80};
  u64 bits = size * BYTES * 8;
  for (u32 i = 0; i < 8; i++) last[63 - i] = (u8)(bits >> 8 * i);
  sha256_block(state, last);
  return (u64)state[0] << 32 | state[1];
}
