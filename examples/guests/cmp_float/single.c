/* The instructions of the F extension. */
#define P single
#define IS_DOUBLE false
#include "instructions.h"

/* A number of 32 bits in a register, and a narrow move of the low half out of any contents. */
#define OTHERS(X)                                                                                  \
  X(move_out, "fmv.x.w", "fmv.x.w a0, fa0", FROM_X, 1, false, false)                               \
  X(move_in, "fmv.w.x", "fmv.w.x fa0, a0", FROM_F, 1, true, false)                                 \
  X(widen, "fcvt.d.s", "fcvt.d.s fa0, fa0", FROM_F, 1, false, false)

ARITHMETIC(DEFINE, "s")
CONVERSIONS(DEFINE, "s")
OTHERS(DEFINE)

const struct test single_tests[] = {ARITHMETIC(ROW, "s") CONVERSIONS(ROW, "s") OTHERS(ROW)};
const u64 single_count = LENGTH(single_tests);
