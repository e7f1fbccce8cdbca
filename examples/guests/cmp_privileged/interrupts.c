/* Interrupts: which is taken first, by whom, and through which entry. */
#include "../runtime/machine.h"
#include "../runtime/print.h"
#include "attempt.h"

CODE(code_nothing, "nop\n nop\n nop\n nop");
CODE(code_raise_own, "csrsi sip, 2\n nop\n nop\n nop");
CODE(code_enable, "csrsi sstatus, 2\n nop\n nop\n nop");

enum { LINES = 6 };
static const u64 lines[LINES] = {SOFTWARE_S, SOFTWARE_M, TIMER_S, TIMER_M, EXTERNAL_S, EXTERNAL_M};

/* Makes interrupts pending: S-mode's by mip, M-mode's software and timer by the CLINT; M-mode's external one is left out. */
static void set_pending(u64 bits) {
  csr_write(mip, bits & 0x222);
  write32(CLINT, (u32)(bits >> SOFTWARE_M & 1));
  *(volatile u64 *)(CLINT + 0x4000) = bits >> TIMER_M & 1 ? 0 : ~0ul;
  while ((csr_read(mip) & 0x888) != (bits & 0x888)) {}
}

/* What is taken in each mode, with interrupts of that mode on; "-" if it is the ecall. */
static void tell_taken(u64 mode) {
  csr_set(mstatus, MPIE_BIT | SIE_BIT);
  attempt(mode, code_nothing, 0);
  if (taken.cause >> 63) print(" %c%u", (u64)"US?M"[taken.level], taken.cause & 63);
  else print(" -");
}

/* Whether the first by priority is also the first by number: QEMU before 8.0 goes by number. */
static bool undisputed(u64 bits) {
  static const u64 order[] = {EXTERNAL_M, SOFTWARE_M, TIMER_M, EXTERNAL_S, SOFTWARE_S, TIMER_S};
  for (u64 i = 0; i < LENGTH(order); i++) {
    if (bits >> order[i] & 1) return (bits & ((1ul << order[i]) - 1)) == 0;
  }
  return true;
}

static void show_priorities(u64 delegated) {
  print("pending and enabled together, mideleg %03x: taken in U, S, M\n", delegated);
  csr_write(mideleg, delegated);
  for (u64 set = 0; set < 32; set++) {
    u64 bits = 0;
    for (u64 i = 0; i < LINES - 1; i++) bits |= (set >> i & 1) << lines[i];
    if (!undisputed(bits & delegated) || !undisputed(bits & ~delegated)) continue;
    set_pending(bits);
    csr_write(mie, bits);
    print("  %03x", bits);
    tell_taken(MODE_U);
    tell_taken(MODE_S);
    tell_taken(MODE_M);
    print("\n");
  }
  set_pending(0);
  settle();
}

/* Enables of a mode guard that mode alone: not the ones below, and not the ones above. */
static void show_enables(void) {
  print("global enables off, 0a8 pending: taken in U, S, M\n");
  for (u64 delegated = 0; delegated < 0x400; delegated += 0x222) {
    csr_write(mideleg, delegated);
    set_pending(0x0a8);
    csr_write(mie, 0x0a8);
    print("  mideleg %03x", delegated);
    for (u64 mode = 0; mode < 4; mode += 1 + (mode == 1)) {
      csr_clear(mstatus, MPIE_BIT | SIE_BIT);
      attempt(mode, code_nothing, 0);
      if (taken.cause >> 63) print(" %c%u", (u64)"US?M"[taken.level], taken.cause & 63);
      else print(" -");
    }
    print("\n");
  }
  set_pending(0);
  settle();
}

static void show_vectors(void) {
  csr_write(mtvec, machine_table + 1);
  csr_write(stvec, supervisor_table + 1);
  print("vectored: entry of each interrupt, and of an exception\n ");
  for (u64 delegated = 0; delegated < 0x400; delegated += 0x222) {
    csr_write(mideleg, delegated);
    for (u64 i = 0; i < LINES - 1; i++) {
      set_pending(1ul << lines[i]);
      csr_write(mie, 1ul << lines[i]);
      csr_set(mstatus, MPIE_BIT | SIE_BIT);
      attempt(MODE_U, code_nothing, 0);
      print(" %c%u:%d", (u64)"US?M"[taken.level], taken.cause & 63, taken.vector);
    }
  }
  set_pending(0);
  csr_write(mie, 0);
  attempt(MODE_U, code_nothing, 0);
  print(" ecall:%d\n", taken.vector);
  settle();
}

/* An interrupt that the code itself raises or enables comes before its next instruction. */
static void show_timing(void) {
  csr_write(mideleg, 1 << SOFTWARE_S);
  csr_write(mie, 1 << SOFTWARE_S);
  csr_write(mstatus, SIE_BIT);
  attempt(MODE_S, code_raise_own, 0);
  print("raised by itself: to %u, cause %x, pc +%u\n", taken.level, taken.cause, taken.pc);
  csr_write(mstatus, 0);
  attempt(MODE_S, code_enable, 0);
  print("enabled by itself: to %u, cause %x, pc +%u\n", taken.level, taken.cause, taken.pc);
  csr_write(mip, 0);
  print("mip after it was cleared: %x\n", csr_read(mip) & 0x222);
  settle();
}

void show_interrupts(void) {
  show_priorities(0);
  show_priorities(0x222);
  show_priorities(0x020);
  show_enables();
  show_vectors();
  show_timing();
}
