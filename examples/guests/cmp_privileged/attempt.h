/* Running a few instructions in a mode until the first trap, and telling what that was. */
#pragma once
#include "../runtime/base.h"
#include "../runtime/trap.h"

enum { MODE_U = 0, MODE_S = 1, MODE_M = 3 };

/* Fields of mstatus. */
enum {
  SIE_BIT = 1 << 1, MIE_BIT = 1 << 3, SPIE_BIT = 1 << 5, MPIE_BIT = 1 << 7, SPP_BIT = 1 << 8, MPP_BITS = 3 << 11,
  MPRV_BIT = 1 << 17, SUM_BIT = 1 << 18, MXR_BIT = 1 << 19, TVM_BIT = 1 << 20, TW_BIT = 1 << 21, TSR_BIT = 1 << 22,
};

/* The first trap of an attempt. Filled by attempt.S, which knows the order. */
struct taken {
  u64 level;  /* 3: M-mode took it, 1: S-mode */
  u64 cause, pc, value, status, a0;
  u64 vector; /* which entry of a vectored table, or -1 */
};

extern struct taken taken;

/* Enters `mode` at `code` with `a0`; comes back after the first trap, which `taken` tells. */
void attempt(u64 mode, const void *code, u64 a0);
/* The same for one instruction of 4 bytes; a trap from the ecall behind it says that it did not trap. */
void attempt_word(u64 mode, u32 instruction, u64 a0);
/* Whether the attempt came to its ecall. */
bool completed(void);

/* Entries for mtvec and stvec, and tables for their vectored mode. */
extern char machine_entry[], machine_table[], supervisor_entry[], supervisor_table[];

/* Code that ends in an ecall. */
#define CODE(name, text)                                     \
  extern const char name[];                                  \
  asm(".pushsection .text\n .balign 4\n .globl " #name "\n " #name ":\n .option push\n .option norvc\n" text \
      "\n ecall\n .option pop\n .popsection")

/* All memory for S and U, no delegation, no interrupts. */
void settle(void);

void show_access(void);
void show_legal_values(void);
void show_traps(void);
void show_delegation(void);
void show_interrupts(void);
void show_protection(void);
