/* Loads and stores at every offset, misaligned ones included; atomics with what they leave in memory. */
#include "operands.h"

static u64 cells[8] __attribute__((aligned(64)));

#define LOAD(id, mnemonic)                                                      \
  static u64 op_##id(u64 a, u64 b) {                                            \
    u64 d, e;                                                                   \
    cells[0] = a;                                                               \
    cells[1] = b;                                                               \
    asm volatile(mnemonic " %0, 0(%2)\n" mnemonic " %1, 7(%2)"                  \
                 : "=&r"(d), "=r"(e)                                            \
                 : "r"((u64)cells + (b & 7))                                    \
                 : "memory");                                                   \
    return fold(d, e);                                                          \
  }
#define STORE(id, mnemonic)                                                     \
  static u64 op_##id(u64 a, u64 b) {                                            \
    cells[0] = cells[2] = ~a;                                                   \
    cells[1] = b;                                                               \
    asm volatile(mnemonic " %0, 0(%1)\n" mnemonic " %0, -1(%2)"                 \
                 :                                                              \
                 : "r"(a), "r"((u64)cells + (b & 7)), "r"(&cells[2])            \
                 : "memory");                                                   \
    return fold(fold(cells[0], cells[1]), cells[2]);                            \
  }
#define ATOMIC(id, mnemonic)                                                    \
  static u64 op_##id(u64 a, u64 b) {                                            \
    u64 d, e;                                                                   \
    cells[0] = a;                                                               \
    cells[1] = ~b;                                                              \
    asm volatile(mnemonic " %0, %2, (%3)\n" mnemonic ".aqrl %1, %1, (%4)"       \
                 : "=&r"(d), "=&r"(e)                                           \
                 : "r"(b), "r"(&cells[0]), "r"(&cells[1]), "1"(a)               \
                 : "memory");                                                   \
    return fold(fold(fold(d, e), cells[0]), cells[1]);                          \
  }

#define LOADS(X) X(lb, "lb") X(lbu, "lbu") X(lh, "lh") X(lhu, "lhu") X(lw, "lw") X(lwu, "lwu") X(ld, "ld")
#define STORES(X) X(sb, "sb") X(sh, "sh") X(sw, "sw") X(sd, "sd")
#define ATOMICS(X)                                                                                                  \
  X(amoswap_w, "amoswap.w") X(amoadd_w, "amoadd.w") X(amoxor_w, "amoxor.w") X(amoand_w, "amoand.w")                 \
  X(amoor_w, "amoor.w") X(amomin_w, "amomin.w") X(amomax_w, "amomax.w") X(amominu_w, "amominu.w")                   \
  X(amomaxu_w, "amomaxu.w") X(amoswap_d, "amoswap.d") X(amoadd_d, "amoadd.d") X(amoxor_d, "amoxor.d")               \
  X(amoand_d, "amoand.d") X(amoor_d, "amoor.d") X(amomin_d, "amomin.d") X(amomax_d, "amomax.d")                     \
  X(amominu_d, "amominu.d") X(amomaxu_d, "amomaxu.d")

LOADS(LOAD)
STORES(STORE)
ATOMICS(ATOMIC)

static u64 op_lr_sc_w(u64 a, u64 b) {
  u64 d, e, f, g;
  cells[0] = a;
  asm volatile("lr.w %0, (%4)\n sc.w %1, %5, (%4)\n sc.w %2, %6, (%4)\n lr.w.aq %3, (%4)"
               : "=&r"(d), "=&r"(e), "=&r"(f), "=&r"(g)
               : "r"(cells), "r"(b), "r"(a)
               : "memory");
  return fold(fold(fold(fold(d, e), f != 0), g), cells[0]);
}

static u64 op_lr_sc_d(u64 a, u64 b) {
  u64 d, e, f, g;
  cells[0] = a;
  asm volatile("lr.d %0, (%4)\n sc.d %1, %5, (%4)\n sc.d %2, %6, (%4)\n lr.d.aqrl %3, (%4)"
               : "=&r"(d), "=&r"(e), "=&r"(f), "=&r"(g)
               : "r"(cells), "r"(b), "r"(a)
               : "memory");
  return fold(fold(fold(fold(d, e), f != 0), g), cells[0]);
}

#define ENTRY(id, mnemonic) {mnemonic, op_##id},

void show_memory(void) {
  static const struct operation operations[] = {LOADS(ENTRY) STORES(ENTRY) ATOMICS(ENTRY){"lr.w, sc.w", op_lr_sc_w},
                                                {"lr.d, sc.d", op_lr_sc_d}};
  show(operations, LENGTH(operations));
}
