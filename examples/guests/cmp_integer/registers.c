/* Instructions from registers to a register. */
#include "operands.h"

#define TWO(id, mnemonic)                                                       \
  static u64 op_##id(u64 a, u64 b) {                                            \
    u64 d;                                                                      \
    asm volatile(mnemonic " %0, %1, %2" : "=r"(d) : "r"(a), "r"(b));            \
    return d;                                                                   \
  }
#define ONE(id, mnemonic)                                                       \
  static u64 op_##id(u64 a, u64 b) {                                            \
    u64 d;                                                                      \
    asm volatile(mnemonic " %0, %1" : "=r"(d) : "r"(a ^ b));                    \
    return d;                                                                   \
  }
/* Four immediates of each; the destination is the source once. */
#define IMMEDIATE(id, mnemonic, i, j, k, l)                                     \
  static u64 op_##id(u64 a, u64 b) {                                            \
    u64 d, e, f, g = a ^ b;                                                     \
    asm volatile(mnemonic " %0, %4, " #i "\n" mnemonic " %1, %5, " #j "\n"      \
                 mnemonic " %2, %4, " #k "\n" mnemonic " %3, %3, " #l           \
                 : "=&r"(d), "=&r"(e), "=&r"(f), "+&r"(g)                       \
                 : "r"(a), "r"(b));                                             \
    return fold(fold(fold(d, e), f), g);                                        \
  }

#define TWOS(X)                                                                                              \
  X(add, "add") X(sub, "sub") X(sll, "sll") X(slt, "slt") X(sltu, "sltu") X(xor, "xor") X(srl, "srl")        \
  X(sra, "sra") X(or, "or") X(and, "and") X(addw, "addw") X(subw, "subw") X(sllw, "sllw") X(srlw, "srlw")    \
  X(sraw, "sraw") X(mul, "mul") X(mulh, "mulh") X(mulhsu, "mulhsu") X(mulhu, "mulhu") X(div, "div")          \
  X(divu, "divu") X(rem, "rem") X(remu, "remu") X(mulw, "mulw") X(divw, "divw") X(divuw, "divuw")            \
  X(remw, "remw") X(remuw, "remuw") X(add_uw, "add.uw") X(sh1add, "sh1add") X(sh2add, "sh2add")              \
  X(sh3add, "sh3add") X(sh1add_uw, "sh1add.uw") X(sh2add_uw, "sh2add.uw") X(sh3add_uw, "sh3add.uw")          \
  X(andn, "andn") X(orn, "orn") X(xnor, "xnor") X(max, "max") X(maxu, "maxu") X(min, "min") X(minu, "minu")  \
  X(rol, "rol") X(rolw, "rolw") X(ror, "ror") X(rorw, "rorw") X(bclr, "bclr") X(bext, "bext")                \
  X(binv, "binv") X(bset, "bset")
#define ONES(X)                                                                                              \
  X(clz, "clz") X(clzw, "clzw") X(ctz, "ctz") X(cpop, "cpop") X(cpopw, "cpopw")              \
  X(sext_b, "sext.b") X(sext_h, "sext.h") X(zext_h, "zext.h") X(orc_b, "orc.b") X(rev8, "rev8")
#define IMMEDIATES(X)                                                                                        \
  X(addi, "addi", 0, 1, -2048, 2047) X(slti, "slti", 0, -1, -2048, 2047) X(sltiu, "sltiu", 1, -1, -2048, 2047) \
  X(xori, "xori", 0, -1, -2048, 2047) X(ori, "ori", 0, 5, -2048, 2047) X(andi, "andi", 0, 255, -2048, 2047)  \
  X(addiw, "addiw", 0, 1, -2048, 2047) X(slli, "slli", 0, 1, 32, 63) X(srli, "srli", 0, 1, 32, 63)           \
  X(srai, "srai", 0, 1, 32, 63) X(slliw, "slliw", 0, 1, 16, 31) X(srliw, "srliw", 0, 1, 16, 31)              \
  X(sraiw, "sraiw", 0, 1, 16, 31) X(slli_uw, "slli.uw", 0, 1, 32, 63) X(rori, "rori", 0, 1, 32, 63)          \
  X(roriw, "roriw", 0, 1, 16, 31) X(bclri, "bclri", 0, 1, 32, 63) X(bexti, "bexti", 0, 1, 32, 63)            \
  X(binvi, "binvi", 0, 1, 32, 63) X(bseti, "bseti", 0, 1, 32, 63)

TWOS(TWO)
ONES(ONE)
IMMEDIATES(IMMEDIATE)

static u64 op_lui(u64 a, u64 b) {
  u64 d, e, f;
  asm volatile("lui %0, 0x7ffff\n lui %1, 0x80000\n lui %2, 1" : "=r"(d), "=r"(e), "=r"(f));
  return fold(fold(d ^ a, e ^ b), f);
}

static u64 op_auipc(u64 a, u64 b) {
  u64 d, e;
  asm volatile("1: auipc %0, 0x80000\n la t0, 1b\n sub %0, %0, t0\n 2: auipc %1, 0x12345\n la t0, 2b\n sub %1, %1, t0"
               : "=&r"(d), "=&r"(e)
               :
               : "t0");
  return fold(d ^ a, e ^ b);
}

/* QEMU 7.2 looks at the upper word where the lower one is zero, so there both are. */
static u64 op_ctzw(u64 a, u64 b) {
  u64 d, source = (u32)(a ^ b) ? a ^ b : 0;
  asm volatile("ctzw %0, %1" : "=r"(d) : "r"(source));
  return d;
}

#define ENTRY(id, mnemonic, ...) {mnemonic, op_##id},

void show_registers(void) {
  static const struct operation operations[] = {TWOS(ENTRY) ONES(ENTRY) IMMEDIATES(ENTRY){"ctzw", op_ctzw},
                                                {"lui", op_lui}, {"auipc", op_auipc}};
  show(operations, LENGTH(operations));
}
