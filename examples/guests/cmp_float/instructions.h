/*
 * The instructions of one precision, for a file that defines P as its suffix and LETTER as "s" or "d": all that is the same
 * in both. Operands come and go as register contents: fmv.d.x and fmv.x.d neither box nor look.
 */
#include "float.h"

#define NAME(id) NAME2(id, P)
#define NAME2(id, p) NAME3(id, p)
#define NAME3(id, p) id##_##p

/* `instruction` computes from fa0, fa1 and fa2, or from a0, into fa0 (F) or into a0 (X). */
#define OPERATION(id, instruction, result)                                                                   \
  static struct outcome NAME(id)(u64 a, u64 b, u64 c) {                                                      \
    register u64 x asm("a0") = a;                                                                            \
    struct outcome outcome;                                                                                  \
    asm volatile("fmv.d.x fa0, a0\n fmv.d.x fa1, %2\n fmv.d.x fa2, %3\n csrw fflags, zero\n" instruction     \
                 "\n csrr %1, fflags\n" result                                                               \
                 : "+r"(x), "=&r"(outcome.flags)                                                             \
                 : "r"(b), "r"(c)                                                                            \
                 : "fa0", "fa1", "fa2");                                                                     \
    outcome.bits = x;                                                                                        \
    return outcome;                                                                                          \
  }
#define FROM_F "fmv.x.d a0, fa0"
#define FROM_X ""

/* name, instruction, result, operands, integer operands, rounds */
#define ARITHMETIC(X, l)                                                                                     \
  X(fadd, "fadd." l, "fadd." l " fa0, fa0, fa1", FROM_F, 2, false, true)                                     \
  X(fsub, "fsub." l, "fsub." l " fa0, fa0, fa1", FROM_F, 2, false, true)                                     \
  X(fmul, "fmul." l, "fmul." l " fa0, fa0, fa1", FROM_F, 2, false, true)                                     \
  X(fdiv, "fdiv." l, "fdiv." l " fa0, fa0, fa1", FROM_F, 2, false, true)                                     \
  X(fsqrt, "fsqrt." l, "fsqrt." l " fa0, fa0", FROM_F, 1, false, true)                                       \
  X(fmadd, "fmadd." l, "fmadd." l " fa0, fa0, fa1, fa2", FROM_F, 3, false, true)                             \
  X(fmsub, "fmsub." l, "fmsub." l " fa0, fa0, fa1, fa2", FROM_F, 3, false, true)                             \
  X(fnmadd, "fnmadd." l, "fnmadd." l " fa0, fa0, fa1, fa2", FROM_F, 3, false, true)                          \
  X(fnmsub, "fnmsub." l, "fnmsub." l " fa0, fa0, fa1, fa2", FROM_F, 3, false, true)                          \
  X(fmin, "fmin." l, "fmin." l " fa0, fa0, fa1", FROM_F, 2, false, false)                                    \
  X(fmax, "fmax." l, "fmax." l " fa0, fa0, fa1", FROM_F, 2, false, false)                                    \
  X(fsgnj, "fsgnj." l, "fsgnj." l " fa0, fa0, fa1", FROM_F, 2, false, false)                                 \
  X(fsgnjn, "fsgnjn." l, "fsgnjn." l " fa0, fa0, fa1", FROM_F, 2, false, false)                              \
  X(fsgnjx, "fsgnjx." l, "fsgnjx." l " fa0, fa0, fa1", FROM_F, 2, false, false)                              \
  X(feq, "feq." l, "feq." l " a0, fa0, fa1", FROM_X, 2, false, false)                                        \
  X(flt, "flt." l, "flt." l " a0, fa0, fa1", FROM_X, 2, false, false)                                        \
  X(fle, "fle." l, "fle." l " a0, fa0, fa1", FROM_X, 2, false, false)                                        \
  X(fclass, "fclass." l, "fclass." l " a0, fa0", FROM_X, 1, false, false)
#define CONVERSIONS(X, l)                                                                                    \
  X(to_w, "fcvt.w." l, "fcvt.w." l " a0, fa0", FROM_X, 1, false, true)                                       \
  X(to_wu, "fcvt.wu." l, "fcvt.wu." l " a0, fa0", FROM_X, 1, false, true)                                    \
  X(to_l, "fcvt.l." l, "fcvt.l." l " a0, fa0", FROM_X, 1, false, true)                                       \
  X(to_lu, "fcvt.lu." l, "fcvt.lu." l " a0, fa0", FROM_X, 1, false, true)                                    \
  X(from_w, "fcvt." l ".w", "fcvt." l ".w fa0, a0", FROM_F, 1, true, true)                                   \
  X(from_wu, "fcvt." l ".wu", "fcvt." l ".wu fa0, a0", FROM_F, 1, true, true)                                \
  X(from_l, "fcvt." l ".l", "fcvt." l ".l fa0, a0", FROM_F, 1, true, true)                                   \
  X(from_lu, "fcvt." l ".lu", "fcvt." l ".lu fa0, a0", FROM_F, 1, true, true)

#define DEFINE(id, name, instruction, result, operands, integer, rounds) OPERATION(id, instruction, result)
#define ROW(id, name, instruction, result, operands, integer, rounds)                                        \
  {name, NAME(id), operands, IS_DOUBLE, integer, rounds},
