/*
 * A hypervisor inside: from M-mode into HS-mode, and from there a guest in VS- and VU-mode under Sv39x4. Verifies the
 * hypervisor extension from the inside: causes, stval, htval, htinst, hstatus, both stages, injection, time.
 */
#include "../runtime/machine.h"
#include "../runtime/print.h"
#include "nested.h"

void enter_guest(u64 pc, u64 a0);
extern char hypervisor_entry[];

/* M-mode delegates all that it can; what comes here all the same was not meant to. */
void trap(struct trap_frame *frame) {
  print("unexpected trap into M: cause %x, pc %x, mtval %x\n", csr_read(mcause), frame->pc, csr_read(mtval));
  machine_finish(1);
}

void run_guest(u64 mode, u64 pc, u64 a0) {
  csr_set(hstatus, H_SPV);
  if (mode == MODE_VS) csr_set(sstatus, 1 << 8);
  else csr_clear(sstatus, 1 << 8);
  enter_guest(pc, a0);
}

void settle_guest(void) {
  csr_write(hstatus, 2ul << 32);
  csr_write(vsstatus, 2ul << 32 | 1 << 13);
  csr_write(hedeleg, 1 << FETCH_PAGE | 1 << LOAD_PAGE | 1 << STORE_PAGE);
  csr_write(hideleg, 0);
  csr_write(hvip, 0);
  csr_write(vsie, 0);
  csr_write(hcounteren, -1ul);
  csr_write(htimedelta, 0);
  csr_write(vstvec, guest_entry);
  csr_write(vsatp, 0);
  csr_set(sstatus, 1 << 13);
  asm volatile("hfence.vvma\n hfence.gvma" : : : "memory");
}

static NORETURN void hypervisor(void) {
  csr_write(stvec, hypervisor_entry);
  make_tables();
  settle_guest();
  show_virtual_instructions();
  show_guest_faults();
  show_two_stages();
  show_injection();
  print("done\n");
  machine_finish(0);
}

void guest_main(u64 hart, u64 device_tree) {
  (void)hart, (void)device_tree;
  csr_write(mtvec, trap_entry);
  machine_console();
  if (!(csr_read(misa) >> 7 & 1)) {
    print("This hart has no hypervisor extension\n");
    machine_finish(1);
  }
  csr_write(pmpaddr0, -1ul);
  csr_write(pmpcfg0, 0x1f);
  csr_write(medeleg, ~(1ul << ECALL_S));
  csr_write(mideleg, 0x222);
  csr_write(mcounteren, -1ul);
  csr_write(mstatus, 1 << 11 | 1 << 13);
  csr_write(mepc, hypervisor);
  asm volatile("mret");
  __builtin_unreachable();
}
