/* Floating point: a series, directed rounding with its flags, and the exact residue that only a fused multiply-add gives. */
#include "../runtime/print.h"
#include "demo.h"

static u64 bits(double value) {
  union {
    double value;
    u64 bits;
  } both = {value};
  return both.bits;
}

/* arctan(1 / n) by its power series, smallest terms first. */
static double inverse_tangent(double n) {
  double sum = 0;
  for (int k = 41; k > 0; k -= 2) sum = 1.0 / k - sum / (n * n);
  return sum / n;
}

void show_arithmetic(void) {
  volatile double five = 5, large = 239, one = 1, three = 3;
  double pi = 4 * (4 * inverse_tangent(five) - inverse_tangent(large));
  u64 digits = (u64)((pi - 3) * 1e15 + 0.5);
  label("arithmetic");
  print("pi = 3.%015u (0x%016x) by Machin's formula\n", digits, bits(pi));
  check(bits(pi) - 0x400921fb54442d17 < 3, "pi");

  double up, down, residue;
  u64 flags;
  asm volatile("fsflags zero\n fdiv.d %0, %3, %4, rup\n fdiv.d %1, %3, %4, rdn\n frflags %2"
               : "=&f"(up), "=&f"(down), "=r"(flags)
               : "f"(one), "f"(three));
  label("");
  print("1/3 rounded up and down: 0x%016x, 0x%016x%s\n", bits(up), bits(down), flags == 1 ? ", inexact" : "");
  check(bits(up) - bits(down) == 1 && flags == 1, "rounding");

  asm volatile("fnmsub.d %0, %1, %2, %3" : "=f"(residue) : "f"(down), "f"(three), "f"(one));
  label("");
  print("what 1/3 lacks, fused: 1 - 3 * (1/3) = 2^-54%s\n", bits(residue) == 0x3c90000000000000 ? "" : "?");
  check(bits(residue) == 0x3c90000000000000, "fused multiply-add");
}
