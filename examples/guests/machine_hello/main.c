/*
 * The smallest machine: owns the hart from M-mode. Shows the UART, CLINT timer and software interrupts, a PLIC interrupt,
 * traps, PMP with U-mode behind it, and ends through the test finisher.
 */
#include "../runtime/machine.h"
#include "../runtime/print.h"
#include "../runtime/trap.h"

enum { UART_IRQ = 10, MSTATUS_MIE = 8, MSTATUS_MPP = 3 << 11, MSTATUS_MPRV = 1 << 17 };

static volatile u64 timer_interrupts, software_interrupts, external_interrupts, last_cause, last_value;
static u64 after_user;
static char user_stack[1024] __attribute__((aligned(4096)));

static u64 mtime(void) { return *(volatile u64 *)(CLINT + 0xbff8); }
static void set_mtimecmp(u64 time) { *(volatile u64 *)(CLINT + 0x4000) = time; }

static void external(void) {
  u32 source = read32(PLIC + 0x200004);
  if (source == UART_IRQ) {
    external_interrupts++;
    read8(UART + 2);
    write8(UART + 1, 0);
  }
  write32(PLIC + 0x200004, source);
}

void trap(struct trap_frame *frame) {
  u64 cause = csr_read(mcause);
  if (cause == INTERRUPT(TIMER_M)) {
    timer_interrupts++;
    set_mtimecmp(timer_interrupts < 5 ? mtime() + 1000 : ~0ul);
  } else if (cause == INTERRUPT(SOFTWARE_M)) {
    software_interrupts++;
    write32(CLINT, 0);
  } else if (cause == INTERRUPT(EXTERNAL_M)) {
    external();
  } else {
    last_cause = cause;
    last_value = csr_read(mtval);
    if (after_user) {
      frame->pc = after_user;
      after_user = 0;
      csr_set(mstatus, MSTATUS_MPP);
    } else {
      frame->pc += (*(u16 *)frame->pc & 3) == 3 ? 4 : 2;
    }
  }
}

/* Sleeps until `count` is `wanted`. WFI goes on for a pending interrupt even while they are off. */
static void wait_for(volatile u64 *count, u64 wanted) {
  for (;;) {
    csr_clear(mstatus, MSTATUS_MIE);
    if (*count >= wanted) return;
    asm volatile("wfi");
    csr_set(mstatus, MSTATUS_MIE);
  }
}

static void show_interrupts(void) {
  csr_set(mie, 1 << TIMER_M | 1 << SOFTWARE_M | 1 << EXTERNAL_M);
  set_mtimecmp(mtime() + 1000);
  wait_for(&timer_interrupts, 5);
  print("timer: %u interrupts from the CLINT\n", timer_interrupts);
  write32(CLINT, 1);
  wait_for(&software_interrupts, 1);
  print("software: %u interrupt from the CLINT\n", software_interrupts);
  write32(PLIC + 4 * UART_IRQ, 1);
  write32(PLIC + 0x2000, 1 << UART_IRQ);
  write32(PLIC + 0x200000, 0);
  write8(UART + 1, 2);
  wait_for(&external_interrupts, 1);
  print("external: %u interrupt from the UART, claimed at the PLIC\n", external_interrupts);
}

static void show_traps(void) {
  asm volatile(".4byte 0xffffffff");
  print("illegal instruction: cause %u, mtval 0x%x\n", last_cause, last_value);
  asm volatile("ebreak");
  print("ebreak: cause %u\n", last_cause);
  asm volatile("ecall");
  print("ecall from M: cause %u\n", last_cause);
  asm volatile("lw x0, 0(%0)" : : "r"(0x20000000000) : "memory");
  print("load from nowhere: cause %u, mtval 0x%x\n", last_cause, last_value);
}

/* Runs `code` in U-mode until it traps. */
static void run_user(void (*code)(void)) {
  extern char user_return[];
  after_user = (u64)user_return;
  csr_clear(mstatus, MSTATUS_MPP);
  csr_write(mepc, code);
  csr_write(mscratch, 0);
  asm volatile(
      "csrw mscratch, sp\n mv sp, %0\n mret\n"
      ".globl user_return\n user_return:\n csrr sp, mscratch\n"
      :
      : "r"(user_stack + sizeof user_stack)
      : "memory", "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7");
}

static void user_ecall(void) { asm volatile("ecall"); }
static void user_csr(void) { asm volatile("csrr t0, mhartid" : : : "t0"); }
static void user_store(void) { asm volatile("sw zero, 0(%0)" : : "r"((u64)CLINT) : "memory"); }

/* U-mode may do everything in RAM, nothing elsewhere. */
static void show_pmp(void) {
  csr_write(pmpaddr0, 0x80000000 >> 2);
  csr_write(pmpaddr1, 0x90000000 >> 2);
  csr_write(pmpcfg0, 0x0f00 | 0x08);
  run_user(user_ecall);
  print("ecall from U: cause %u\n", last_cause);
  run_user(user_csr);
  print("U reads mhartid: cause %u, mtval 0x%x\n", last_cause, last_value);
  run_user(user_store);
  print("U stores to the CLINT, which PMP keeps from it: cause %u, mtval 0x%x\n", last_cause, last_value);
  static u64 word = 0x1234;
  csr_write(pmpaddr2, (u64)&word >> 2);
  csr_write(pmpcfg0, 0x910000 | csr_read(pmpcfg0));
  print("a locked entry that comes later loses to an earlier match: 0x%x\n", *(volatile u64 *)&word);
}

void guest_main(u64 hart, u64 device_tree) {
  csr_write(mtvec, trap_entry);
  machine_console();
  print("Hello from M-mode: hart %u, device tree %s\n", hart, device_tree ? "given" : "missing");
  print("misa: ");
  u64 isa = csr_read(misa);
  for (u64 letter = 0; letter < 26; letter++) {
    if (isa >> letter & 1) print("%c", 'A' + letter);
  }
  print(", XLEN %u\n", 16ul << (isa >> 62));
  show_interrupts();
  show_traps();
  show_pmp();
  print("done\n");
  machine_finish(0);
}
