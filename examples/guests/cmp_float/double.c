/* The instructions of the D extension. */
#define P double
#define IS_DOUBLE true
#include "instructions.h"

#define OTHERS(X) X(narrow, "fcvt.s.d", "fcvt.s.d fa0, fa0", FROM_F, 1, false, true)

ARITHMETIC(DEFINE, "d")
CONVERSIONS(DEFINE, "d")
OTHERS(DEFINE)

const struct test double_tests[] = {ARITHMETIC(ROW, "d") CONVERSIONS(ROW, "d") OTHERS(ROW)};
const u64 double_count = LENGTH(double_tests);
