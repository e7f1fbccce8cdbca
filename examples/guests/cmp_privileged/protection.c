/* PMP: every kind of region and permission against every mode and access; and MPRV. */
#include "../runtime/machine.h"
#include "../runtime/print.h"
#include "attempt.h"

/* 4 KiB by themselves: some machines protect by pages. The code in them is an ecall. */
static u32 guarded[1024] __attribute__((aligned(4096)));

CODE(code_load_here, "lw a0, 0(a0)");
CODE(code_store_here, "sw zero, 4(a0)");
CODE(code_jump_here, "jr a0");

/* L, S, X for what works; the cause where it does not. */
static void tell_accesses(u64 mode) {
  static const char *const codes[] = {code_load_here, code_store_here, code_jump_here};
  print(" %c", (u64)"US?M"[mode]);
  for (u64 i = 0; i < LENGTH(codes); i++) {
    attempt(mode, codes[i], (u64)guarded);
    bool good = taken.cause >= ECALL_U && taken.cause <= ECALL_M;
    print("%c", (u64)(good ? "LSX"[i] : '0' + (char)taken.cause));
  }
}

enum { TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, LOCK = 1 << 7, ALL = 0x1f };

/* Entry 0 and 1 guard; entry 2 lets everything else through. */
static void guard(u64 config, u64 address0, u64 address1) {
  csr_write(pmpcfg0, 0);
  csr_write(pmpaddr0, address0);
  csr_write(pmpaddr1, address1);
  csr_write(pmpaddr2, -1ul);
  csr_write(pmpcfg0, config | ALL << 16);
  asm volatile("sfence.vma" : : : "memory");
}

static void show_permissions(void) {
  u64 at = (u64)guarded;
  static const u64 permissions[] = {0, 1, 4, 3, 5, 7};
  for (u64 i = 0; i < LENGTH(permissions); i++) {
    guard(NAPOT | permissions[i], at >> 2 | 0x1ff, 0);
    print("  NAPOT %u:", permissions[i]);
    tell_accesses(MODE_U);
    tell_accesses(MODE_S);
    tell_accesses(MODE_M);
    print("\n");
    guard((TOR | permissions[i]) << 8, at >> 2, (at + 4096) >> 2);
    print("  TOR %u:  ", permissions[i]);
    tell_accesses(MODE_U);
    tell_accesses(MODE_S);
    tell_accesses(MODE_M);
    print("\n");
  }
  guard((TOR | 0) << 8, (at + 4096) >> 2, at >> 2);
  print("  TOR of nothing:");
  tell_accesses(MODE_U);
  print("\n");
  guard(NAPOT | 1 | (NAPOT | 7) << 8, at >> 2 | 0x1ff, at >> 2 | 0x1ff);
  print("  two entries, the first decides:");
  tell_accesses(MODE_U);
  print("\n");
}

/* MPRV: loads and stores of M-mode with the rights of MPP; fetches with its own. */
static void show_modify_privilege(void) {
  static u64 loaded, cause;
  u64 at = (u64)guarded;
  guard(NAPOT | 0, at >> 2 | 0x1ff, 0);
  for (u64 mode = 0; mode < 4; mode += 1 + (mode == 1)) {
    extern char mprv_done[], mprv_entry[];
    csr_write(mtvec, mprv_entry);
    cause = 0;
    u64 status = MPRV_BIT | mode << 11;
    asm volatile(
        "csrw mstatus, %2\n lw %0, 0(%3)\n csrw mstatus, zero\n j mprv_done\n"
        ".balign 4\n .globl mprv_entry\n mprv_entry:\n csrw mstatus, zero\n csrr %1, mcause\n"
        ".globl mprv_done\n mprv_done:"
        : "=&r"(loaded), "+&r"(cause)
        : "r"(status), "r"(at)
        : "memory");
    (void)mprv_done;
    print("  MPRV as %c: %u\n", (u64)"US?M"[mode], cause);
  }
  settle();
}

/* A locked entry binds M-mode too, and cannot be changed; there is no way back, so this is the last. */
static void show_lock(void) {
  u64 at = (u64)guarded;
  guard(NAPOT | LOCK | 1, at >> 2 | 0x1ff, 0);
  print("  locked, read only:");
  tell_accesses(MODE_U);
  tell_accesses(MODE_M);
  print("\n");
  csr_write(pmpcfg0, ALL << 16);
  csr_write(pmpaddr0, 0);
  print("  after an attempt to undo it: pmpcfg0 %x, address kept: %u\n", csr_read(pmpcfg0),
        (u64)(csr_read(pmpaddr0) == (at >> 2 | 0x1ff)));
  tell_accesses(MODE_M);
  print("\n");
}

void show_protection(void) {
  guarded[0] = 0x00000073;
  asm volatile("fence.i" : : : "memory");
  print("PMP: what works, or the cause: load, store, fetch\n");
  show_permissions();
  show_modify_privilege();
  show_lock();
}
