/* What a trap handler gets from trap.S. */
#pragma once
#include "base.h"

struct trap_frame {
  u64 pc;
  u64 x[31]; /* x[n - 1] is register n */
};

extern char trap_entry[];

/* Every guest with traps defines it. */
void trap(struct trap_frame *frame);

#define INTERRUPT(number) (1ul << 63 | (number))

/* Interrupt numbers, and their bits in sie and mie. */
enum { SOFTWARE_S = 1, SOFTWARE_M = 3, TIMER_S = 5, TIMER_M = 7, EXTERNAL_S = 9, EXTERNAL_M = 11 };

/* Exceptions (Privileged ISA, table of scause values). */
enum {
  FETCH_MISALIGNED, FETCH_ACCESS, ILLEGAL, BREAKPOINT, LOAD_MISALIGNED, LOAD_ACCESS, STORE_MISALIGNED, STORE_ACCESS,
  ECALL_U, ECALL_S, ECALL_VS, ECALL_M, FETCH_PAGE, LOAD_PAGE, STORE_PAGE = 15,
};
