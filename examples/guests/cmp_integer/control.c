/* Branches both ways, jumps with what they link, and the compressed forms of everything. */
#include "operands.h"

#define BRANCH(id, mnemonic)                                                                       \
  static u64 op_##id(u64 a, u64 b) {                                                               \
    u64 d = 1;                                                                                     \
    asm volatile(mnemonic " %1, %2, 1f\n addi %0, %0, 2\n 1:\n" mnemonic " %2, %1, 2f\n"           \
                 "addi %0, %0, 4\n 2:\n" mnemonic " %1, %1, 3f\n addi %0, %0, 8\n 3:"              \
                 : "+r"(d)                                                                         \
                 : "r"(a), "r"(b));                                                                \
    return d;                                                                                      \
  }
/* A compressed instruction on a0 and a1, given in %0 and %1. */
#define COMPRESSED(id, instruction)                                                                \
  static u64 op_##id(u64 a, u64 b) {                                                               \
    register u64 x asm("a0") = a;                                                                  \
    register u64 y asm("a1") = b;                                                                  \
    asm volatile(instruction : "+r"(x), "+r"(y));                                                  \
    return fold(x, y);                                                                             \
  }

#define BRANCHES(X) X(beq, "beq") X(bne, "bne") X(blt, "blt") X(bge, "bge") X(bltu, "bltu") X(bgeu, "bgeu")
#define COMPRESSEDS(X)                                                                                       \
  X(c_addi, "c.addi a0, -32\n c.addi a1, 31") X(c_addiw, "c.addiw a0, -32\n c.addiw a1, 31")                 \
  X(c_li, "c.li a0, -32\n c.li a1, 31") X(c_lui, "c.lui a0, 0xfffe0\n c.lui a1, 31")                         \
  X(c_srli, "c.srli a0, 1\n c.srli a1, 63") X(c_srai, "c.srai a0, 1\n c.srai a1, 63")                        \
  X(c_andi, "c.andi a0, -32\n c.andi a1, 31") X(c_slli, "c.slli a0, 1\n c.slli a1, 63")                      \
  X(c_sub, "c.sub a0, a1") X(c_xor, "c.xor a0, a1") X(c_or, "c.or a0, a1") X(c_and, "c.and a0, a1")          \
  X(c_subw, "c.subw a0, a1") X(c_addw, "c.addw a0, a1") X(c_mv, "c.mv a0, a1") X(c_add, "c.add a0, a1")      \
  X(c_beqz, "c.beqz a0, 1f\n c.addi a1, 1\n 1:") X(c_bnez, "c.bnez a0, 1f\n c.addi a1, 1\n 1:")              \
  X(c_j, "c.j 1f\n c.addi a1, 1\n 1:")

BRANCHES(BRANCH)
COMPRESSEDS(COMPRESSED)

static u64 op_c_memory(u64 a, u64 b) {
  static u64 cells[8] __attribute__((aligned(64)));
  register u64 x asm("a0") = a;
  register u64 y asm("a1") = b;
  register u64 at asm("a2") = (u64)cells;
  asm volatile(
      "c.sd a0, 8(a2)\n c.sw a1, 20(a2)\n c.lw a0, 20(a2)\n c.ld a1, 8(a2)\n"
      "c.addi16sp sp, -64\n c.sdsp a0, 24(sp)\n c.swsp a1, 36(sp)\n c.ldsp a0, 24(sp)\n c.lwsp a1, 36(sp)\n"
      "c.addi4spn a3, sp, 32\n sub a3, a3, sp\n add a0, a0, a3\n c.addi16sp sp, 64"
      : "+r"(x), "+r"(y)
      : "r"(at)
      : "a3", "memory");
  return fold(fold(fold(x, y), cells[1]), cells[2]);
}

/* What jumps link is told as a distance, so that it does not depend on where the code lies. */
static u64 op_jumps(u64 a, u64 b) {
  u64 d, e, f, g = a & b & 1;
  asm volatile(
      "1: jal %0, 2f\n addi %3, %3, 2\n 2: la t0, 1b\n sub %0, %0, t0\n"
      "la t0, 3f\n 4: jalr %1, 1(t0)\n addi %3, %3, 4\n 3: la t0, 4b\n sub %1, %1, t0\n"
      "la t1, 5f\n 6: c.jalr t1\n addi %3, %3, 8\n 5: la t0, 6b\n sub %2, ra, t0\n"
      "la t1, 7f\n c.jr t1\n addi %3, %3, 16\n 7: la t0, 8f\n jalr t0, 0(t0)\n addi %3, %3, 32\n 8:"
      : "=&r"(d), "=&r"(e), "=&r"(f), "+&r"(g)
      :
      : "t0", "t1", "ra");
  return fold(fold(fold(d, e), f), g);
}

#define ENTRY(id, mnemonic) {#id, op_##id},

void show_control(void) {
  static const struct operation operations[] = {BRANCHES(ENTRY) COMPRESSEDS(ENTRY){"c_memory", op_c_memory},
                                                {"jumps", op_jumps}};
  show(operations, LENGTH(operations));
}
