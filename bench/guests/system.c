/* Rows that go to and fro between modes, and to devices. */
#include "../../examples/guests/runtime/paging.h"
#include "../../examples/guests/runtime/sbi.h"
#include "bench.h"

extern char user_page[], user_vector[];
u64 enter_user(u64 pc, u64 count);

u64 run_ecall(u64 size) {
  u64 pc = 0x1000;
  paging_map(bench_root, SV39, pc, (u64)user_page, PAGE_SIZE, PAGE_RX | PTE_U, 0);
  sfence_all();
  csr_write(stvec, user_vector);
  u64 sum = enter_user(pc, size * 1000);
  csr_write(stvec, trap_entry);
  return mix(sum, size);
}

u64 run_sbi(u64 size) {
  u64 errors = 0, first = sbi_call(SBI_BASE, 0, 0, 0, 0).value;
  for (u64 i = 0; i < size * 1000; i++) {
    struct sbi_result version = sbi_call(SBI_BASE, 0, i, 0, 0);
    errors += version.error != 0 || version.value != first;
  }
  return mix(errors, size);
}

u64 run_csr(u64 size) {
  enum { SIE = 1 << 1 };
  u64 sum = 0;
  for (u64 i = 0; i < size * 1000; i++) {
    csr_write(sscratch, sum + i);
    csr_write(sepc, i << 2);
    csr_set(sstatus, SIE);
    sum += csr_read(sscratch) ^ csr_read(sepc);
    csr_write(scause, i & 7);
    csr_write(stval, sum);
    csr_clear(sstatus, SIE);
    sum = csr_swap(sscratch, 0) + csr_read(scause) * 3 + csr_read(stval);
  }
  return sum;
}

u64 run_time(u64 size) {
  u64 backwards = 0, time = csr_read(time), retired = csr_read(instret);
  for (u64 i = 0; i < size * 1000; i++) {
    u64 now = csr_read(time), then = csr_read(instret);
    backwards += now < time || then <= retired;
    time = now;
    retired = then;
  }
  return mix(backwards, size);
}

static volatile u64 timer_interrupts;

static void set_timer(u64 time) { sbi_call(SBI_TIME, 0, time, 0, 0); }

static void on_timer(struct trap_frame *frame) {
  (void)frame;
  if (csr_read(scause) == INTERRUPT(TIMER_S)) timer_interrupts++;
  set_timer(~0ul);
}

/* A timer in the past, and the wait for its interrupt. */
u64 run_timer(u64 size) {
  bench_trap = on_timer;
  csr_write(sie, 1 << TIMER_S);
  csr_set(sstatus, 2);
  for (u64 i = 0; i < size * 100; i++) {
    set_timer(0);
    while (timer_interrupts == i) continue;
  }
  csr_clear(sstatus, 2);
  return mix(timer_interrupts, size);
}

/* Reads of the UART's line status, which does not change. */
u64 run_mmio(u64 size) {
  enum { UART = 0x10000000, LINE_STATUS = 5 };
  paging_map(bench_root, SV39, UART, UART, PAGE_SIZE, PAGE_RW, 0);
  sfence_all();
  u64 sum = 0;
  for (u64 i = 0; i < size * 1000; i++) sum = mix(sum, read8(UART + LINE_STATUS));
  return sum;
}
