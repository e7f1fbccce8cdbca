/*
 * RV64IMAC with Zba, Zbb and Zbs, one line for each instruction: a hash of its results over corner and random operands. Two
 * machines that print the same transcript agree on all of them.
 */
#include "../runtime/machine.h"
#include "../runtime/print.h"
#include "../runtime/trap.h"
#include "operands.h"

void trap(struct trap_frame *frame) {
  print("unexpected trap: cause %u, mtval %x, pc %x\n", csr_read(mcause), csr_read(mtval), frame->pc);
  machine_finish(1);
}

void show(const struct operation *operations, u64 count) {
  for (u64 i = 0; i < count; i++) {
    print("%-12s %016x\n", operations[i].name, operands_hash(operations[i].operate));
  }
}

void guest_main(u64 hart, u64 device_tree) {
  (void)hart, (void)device_tree;
  csr_write(mtvec, trap_entry);
  machine_console();
  show_registers();
  show_memory();
  show_control();
  print("done\n");
  machine_finish(0);
}
