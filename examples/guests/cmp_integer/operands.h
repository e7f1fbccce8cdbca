/* What is done with an instruction. */
#pragma once
#include "../runtime/compare.h"

/* The results of an operation over all operands, as one number. */
u64 operands_hash(u64 (*operate)(u64 a, u64 b));

struct operation {
  const char *name;
  u64 (*operate)(u64 a, u64 b);
};

/* Prints name and hash of each. */
void show(const struct operation *operations, u64 count);

void show_registers(void);  /* register and immediate forms: I, M, Zba, Zbb, Zbs */
void show_memory(void);     /* loads, stores, atomics */
void show_control(void);    /* branches, jumps, compressed instructions */
