/* Traps, the PLIC and the timer. */
#include "../runtime/sbi.h"
#include "../runtime/trap.h"
#include "demo.h"

u64 plic_base, plic_context;
u64 last_cause, last_value;

static bool exception_expected;
static void (*handlers[64])(void);

static volatile u64 ticks_left;
static u64 tick_interval;
static bool use_sstc;

void irq_enable(u32 source, void (*handler)(void)) {
  if (source == 0 || source >= LENGTH(handlers)) return;
  u64 enable = plic_base + 0x2000 + 0x80 * plic_context + 4 * (source / 32);
  handlers[source] = handler;
  write32(plic_base + 4 * source, 1);
  write32(enable, read32(enable) | 1u << source % 32);
  write32(plic_base + 0x200000 + 0x1000 * plic_context, 0);
  csr_set(sie, 1ul << EXTERNAL_S);
}

static void external(void) {
  u64 claim = plic_base + 0x200000 + 0x1000 * plic_context + 4;
  u32 source = read32(claim);
  if (source < LENGTH(handlers) && handlers[source]) handlers[source]();
  write32(claim, source);
}

/* stimecmp by its number: the assembler need not know Sstc. */
static void timer_set(u64 time) {
  if (use_sstc) csr_write(0x14d, time);
  else sbi_call(SBI_TIME, 0, time, 0, 0);
}

void timer_start(u64 ticks, u64 interval, bool sstc) {
  use_sstc = sstc;
  tick_interval = interval;
  ticks_left = ticks;
  timer_set(csr_read(time) + interval);
  csr_set(sie, 1ul << TIMER_S);
}

bool timer_done(void) { return ticks_left == 0; }

static void tick(void) {
  ticks_left--;
  if (ticks_left) {
    timer_set(csr_read(time) + tick_interval);
  } else {
    timer_set(~0ul);
    csr_clear(sie, 1ul << TIMER_S);
  }
}

void expect_exception(void) {
  exception_expected = true;
  last_cause = last_value = 0;
}

void trap(struct trap_frame *frame) {
  u64 cause = csr_read(scause);
  if (cause == INTERRUPT(TIMER_S)) {
    tick();
  } else if (cause == INTERRUPT(EXTERNAL_S)) {
    external();
  } else if (exception_expected) {
    exception_expected = false;
    last_cause = cause;
    last_value = csr_read(stval);
    frame->pc += (*(u16 *)frame->pc & 3) == 3 ? 4 : 2;
  } else {
    sbi_shutdown(true);
  }
}

void wait_until(bool (*done)(void)) {
  /* WFI wakes for a pending interrupt even while they are off, so none is missed between question and sleep. */
  for (;;) {
    csr_clear(sstatus, 2);
    if (done()) break;
    asm volatile("wfi" : : : "memory");
    csr_set(sstatus, 2);
  }
  csr_set(sstatus, 2);
}
