/* Operands of both precisions, and what is done with an instruction. */
#pragma once
#include "../runtime/compare.h"

/* One result and the flags that it raised. */
struct outcome {
  u64 bits;
  u64 flags;
};

/* Operands are register contents: singles are NaN-boxed, some on purpose wrongly. */
typedef struct outcome (*operation)(u64 a, u64 b, u64 c);

struct test {
  const char *name;
  operation operate;
  int operands;     /* 1, 2 or 3 */
  bool is_double;   /* of the floating-point operands */
  bool is_integer;  /* operands are integers: a conversion to floating point */
  bool rounds;      /* whether the rounding mode matters */
};

extern const struct test single_tests[], double_tests[];
extern const u64 single_count, double_count;

/* Prints the hash of a test in each rounding mode. */
void show(const struct test *test);
