/* Operands: corners against corners, then random ones of every magnitude. */
#include "operands.h"

static const u64 corners[] = {
    0,          1,          2,          3,           7,          8,          31,         32,
    63,         64,         0x7f,       0x80,        0xff,       0x7fff,     0x8000,     0xffff,
    0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, -1ul,       -2ul,       -8ul,       -128ul,
    1ul << 62,  1ul << 63,  -1ul >> 1,  -1ul << 31,  -1ul << 32, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0x0123456789abcdef,
};

u64 operands_hash(u64 (*operate)(u64 a, u64 b)) {
  struct random random = {0x9e3779b97f4a7c15};
  u64 hash = FOLD_START;
  for (u64 i = 0; i < LENGTH(corners); i++) {
    for (u64 j = 0; j < LENGTH(corners); j++) hash = fold(hash, operate(corners[i], corners[j]));
  }
  for (u64 i = 0; i < 1000; i++) {
    u64 a = random_next(&random), b = random_next(&random);
    hash = fold(hash, operate(a >> (b & 63), (u64)((i64)b >> (a & 63))));
  }
  return hash;
}
