/*
 * The F and D extensions: for each instruction and rounding mode a hash of results and flags over special and random
 * operands; then the accesses and the CSRs. Two machines that print the same transcript agree on all of them.
 */
#include "../runtime/machine.h"
#include "../runtime/print.h"
#include "../runtime/trap.h"
#include "float.h"

static volatile u64 causes, last_value;

void trap(struct trap_frame *frame) {
  causes = causes * 16 + csr_read(mcause);
  last_value = csr_read(mtval);
  frame->pc += (*(u16 *)frame->pc & 3) == 3 ? 4 : 2;
}

/* Loads and stores: boxing on a load of 4 bytes, the low half on a store. */
static void show_accesses(void) {
  static u64 cells[2];
  u64 boxed, whole;
  cells[0] = 0x123456789abcdef0;
  asm volatile("flw ft0, 0(%2)\n fmv.x.d %0, ft0\n fld ft1, 0(%2)\n fmv.x.d %1, ft1\n fsw ft1, 8(%2)"
               : "=&r"(boxed), "=&r"(whole)
               : "r"(cells)
               : "ft0", "ft1", "memory");
  print("flw %016x, fld %016x, fsw %016x\n", boxed, whole, cells[1]);
}

/* Rounding modes that do not exist, dynamic and static, and registers that are off. */
static void show_csrs(void) {
  csr_write(fcsr, -1ul);
  print("fcsr after all ones: %x, frm %u, fflags %x\n", csr_read(fcsr), csr_read(frm), csr_read(fflags));
  asm volatile("fadd.d fa0, fa1, fa2" : : : "fa0");
  print("dynamic rounding mode 7: causes %x, mtval %x\n", causes, last_value);
  csr_write(frm, 5);
  asm volatile("fadd.d fa0, fa1, fa2, rtz" : : : "fa0");
  print("static mode while frm is 5: causes %x\n", causes);
  asm volatile(".4byte 0x02c5d553" : : : "fa0");
  print("static rounding mode 5: causes %x, mtval %x\n", causes, last_value);
  csr_write(fcsr, 0);
  print("mstatus.FS after writes: %u, SD %u\n", csr_read(mstatus) >> 13 & 3, csr_read(mstatus) >> 63);
  csr_clear(mstatus, 3 << 13);
  causes = 0;
  asm volatile("fadd.d fa0, fa1, fa2\n csrr t0, fcsr\n fld fa0, 0(sp)" : : : "fa0", "t0");
  print("off: causes %x, SD %u\n", causes, csr_read(mstatus) >> 63);
  csr_set(mstatus, 1 << 13);
  u64 zero;
  asm volatile("fmv.x.d %0, fa1" : "=r"(zero));
  print("FS after a read of initial registers: %u\n", csr_read(mstatus) >> 13 & 3);
  asm volatile("fmv.d.x fa1, zero" : : : "fa1");
  print("FS after a write: %u\n", csr_read(mstatus) >> 13 & 3);
}

void guest_main(u64 hart, u64 device_tree) {
  (void)hart, (void)device_tree;
  csr_write(mtvec, trap_entry);
  csr_set(mstatus, 1 << 13);
  machine_console();
  for (u64 i = 0; i < single_count; i++) show(&single_tests[i]);
  for (u64 i = 0; i < double_count; i++) show(&double_tests[i]);
  csr_write(frm, 0);
  show_accesses();
  show_csrs();
  print("done\n");
  machine_finish(0);
}
