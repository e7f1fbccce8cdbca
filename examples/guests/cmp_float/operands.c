/* Operands: every kind of special value, values at the edges of rounding and of integers, random ones of near exponents. */
#include "../runtime/print.h"
#include "float.h"

static const u32 singles[] = {
    0x00000000, 0x00000001, 0x00000002, 0x007fffff, 0x00800000, 0x00800001, 0x33800000, 0x33800001, 0x3effffff,
    0x3f000000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40000000, 0x40490fdb, 0x4b000001, 0x4effffff,
    0x4f000000, 0x4f800000, 0x5f000000, 0x5f800000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff,
};
static const u64 doubles[] = {
    0x0000000000000000, 0x0000000000000001, 0x0000000000000002, 0x000fffffffffffff, 0x0010000000000000,
    0x0010000000000001, 0x3810000000000000, 0x380fffffffffffff, 0x36a0000000000000, 0x3690000000000000,
    0x3ca0000000000000, 0x3ca0000000000001, 0x3fdfffffffffffff, 0x3fe0000000000000, 0x3fefffffffffffff,
    0x3ff0000000000000, 0x3ff0000000000001, 0x3ff0000010000000, 0x3ff8000000000000, 0x4000000000000000,
    0x400921fb54442d18, 0x41dfffffffc00000, 0x41e0000000000000, 0x41f0000000000000, 0x43e0000000000000,
    0x43f0000000000000, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000, 0x7fefffffffffffff,
    0x7ff0000000000000, 0x7ff0000000000001, 0x7ff8000000000000, 0x7fffffffffffffff,
};
static const u64 integers[] = {
    0,          1,          2,          0xffffff,   0x1000000,  0x1000001,  0x1000003,          0x7fffffff,
    0x80000000, 0xffffffff, 0x100000000, 1ul << 53,  (1ul << 53) + 1, (1ul << 53) + 3, 0x7fffffffffffffff, 1ul << 63,
    -1ul,       -2ul,       -0x1000001ul, 0xfffffffffffff400, 0xfffffffffffffbff, 0x7ffffffffffffe00, 0x8000000000000400,
};

enum { RANDOM = 600, BOX_BROKEN = 2 };

static u64 table_size(const struct test *test) {
  if (test->is_integer) return LENGTH(integers);
  /* Each with both signs; singles also as register contents that are not boxed. */
  return test->is_double ? 2 * LENGTH(doubles) : 2 * LENGTH(singles) + BOX_BROKEN;
}

static u64 table_entry(const struct test *test, u64 index) {
  if (test->is_integer) return integers[index];
  if (test->is_double) return doubles[index / 2] | (index & 1) << 63;
  if (index >= 2 * LENGTH(singles)) return index & 1 ? 0x3f800000 : 0xfffffffe40000000;
  return 0xffffffff00000000 | singles[index / 2] | (index & 1) << 31;
}

/* A random operand; exponents stay near 1 mostly, so that sums cancel and products round. */
static u64 random_operand(const struct test *test, struct random *random) {
  u64 bits = random_next(random), kind = random_next(random) >> 60;
  if (test->is_integer) return (u64)((i64)bits >> (kind * 4));
  if (test->is_double) {
    return kind ? (bits & 0x803fffffffffffff & ~(kind & 1 ? 0xfffffffful : 0)) + 0x3fe0000000000000 : bits;
  }
  bits &= 0xffffffff;
  return 0xffffffff00000000 | (kind ? (bits & (kind & 1 ? 0x81fff000 : 0x81ffffff)) + 0x3f000000 : bits);
}

static u64 fold_outcome(u64 hash, struct outcome outcome) { return fold(hash, outcome.bits ^ outcome.flags << 56); }

static u64 run(const struct test *test) {
  struct random random = {0x2545f4914f6cdd1d};
  u64 hash = FOLD_START, size = table_size(test);
  u64 second = test->operands > 1 ? size : 1, third = test->operands > 2 ? size : 1;
  for (u64 i = 0; i < size; i++) {
    for (u64 j = 0; j < second; j++) {
      /* Of triples every fifth: the stride is prime to the table, so that all values meet in time. */
      for (u64 k = (i + j) % (third > 1 ? 5 : 1); k < third; k += 5) {
        hash = fold_outcome(hash, test->operate(table_entry(test, i), table_entry(test, j), table_entry(test, k)));
      }
    }
  }
  for (u64 i = 0; i < RANDOM; i++) {
    u64 a = random_operand(test, &random), b = random_operand(test, &random), c = random_operand(test, &random);
    hash = fold_outcome(hash, test->operate(a, b, c));
  }
  return hash;
}

void show(const struct test *test) {
  static const char *const modes[] = {"rne", "rtz", "rdn", "rup", "rmm"};
  for (u64 mode = 0; mode < (test->rounds ? LENGTH(modes) : 1); mode++) {
    csr_write(frm, mode);
    u64 hash = run(test);
    print("%-10s %-4s %016x\n", test->name, test->rounds ? modes[mode] : "", hash);
  }
}
