/*
 * Privileged architecture: which mode may touch which CSR, legal values of CSRs, causes and values of traps, delegation,
 * interrupt priorities and vectors, PMP. Only what the specification decides, or what QEMU's choice is ours too. Two machines
 * that print the same transcript agree on all of it.
 */
#include "../runtime/machine.h"
#include "../runtime/print.h"
#include "attempt.h"

void enter(const void *code, u64 stack, u64 a0);

static char stack[1024] __attribute__((aligned(16)));
static u32 word_code[2] __attribute__((aligned(16)));

void attempt(u64 mode, const void *code, u64 a0) {
  taken.level = 0;
  csr_clear(mstatus, MPP_BITS);
  csr_set(mstatus, mode << 11);
  enter(code, (u64)stack + sizeof stack, a0);
  /* The trap switched them off; they stay off between attempts. */
  csr_clear(mstatus, MIE_BIT | SIE_BIT);
  taken.pc -= (u64)code;
  if (taken.vector) {
    u64 table = taken.level == 3 ? (u64)machine_table : (u64)supervisor_table;
    taken.vector = (taken.vector - table) / 4 - 1;
  } else {
    taken.vector = ~0ul;
  }
}

void attempt_word(u64 mode, u32 instruction, u64 a0) {
  word_code[0] = instruction;
  word_code[1] = 0x73;
  asm volatile("fence.i" : : : "memory");
  attempt(mode, word_code, a0);
}

bool completed(void) { return taken.cause >= ECALL_U && taken.cause <= ECALL_M && taken.pc == 4; }

void settle(void) {
  csr_write(mtvec, machine_entry);
  csr_write(stvec, supervisor_entry);
  csr_write(medeleg, 0);
  csr_write(mideleg, 0);
  csr_write(mie, 0);
  csr_write(mip, 0);
  csr_write(satp, 0);
  csr_write(mstatus, 0);
  csr_write(pmpaddr0, -1ul);
  csr_write(pmpcfg0, 0x1f);
}

void guest_main(u64 hart, u64 device_tree) {
  (void)hart, (void)device_tree;
  machine_console();
  settle();
  show_access();
  show_legal_values();
  show_traps();
  show_delegation();
  show_interrupts();
  show_protection();
  print("done\n");
  machine_finish(0);
}
