/**
 * Exception codes and their names (Privileged ISA, "Machine Cause Register", "Hypervisor and Virtual Supervisor CSRs").
 *
 * @module
 */

/** Exception codes of xcause. */
export const Cause = {
  /** Instruction address misaligned. */
  FETCH_MISALIGNED: 0,
  /** Instruction access fault. */
  FETCH_ACCESS: 1,
  /** Illegal instruction. */
  ILLEGAL_INSTRUCTION: 2,
  /** Breakpoint. */
  BREAKPOINT: 3,
  /** Load address misaligned. */
  LOAD_MISALIGNED: 4,
  /** Load access fault. */
  LOAD_ACCESS: 5,
  /** Store or AMO address misaligned. */
  STORE_MISALIGNED: 6,
  /** Store or AMO access fault. */
  STORE_ACCESS: 7,
  /** Environment call from U-mode or VU-mode. */
  ECALL_U: 8,
  /** Environment call from HS-mode. */
  ECALL_HS: 9,
  /** Environment call from VS-mode. */
  ECALL_VS: 10,
  /** Environment call from M-mode. */
  ECALL_M: 11,
  /** Instruction page fault. */
  FETCH_PAGE: 12,
  /** Load page fault. */
  LOAD_PAGE: 13,
  /** Store or AMO page fault. */
  STORE_PAGE: 15,
  /** Instruction guest-page fault. */
  FETCH_GUEST_PAGE: 20,
  /** Load guest-page fault. */
  LOAD_GUEST_PAGE: 21,
  /** Virtual instruction. */
  VIRTUAL_INSTRUCTION: 22,
  /** Store or AMO guest-page fault. */
  STORE_GUEST_PAGE: 23,
} as const;

function maskOf(causes: readonly number[]): number {
  return causes.reduce((mask, cause) => mask | 1 << cause, 0);
}

/** Exceptions that medeleg can delegate, as a mask: all that exist but ECALL from M-mode. */
export const MACHINE_DELEGABLE: number = maskOf(Object.values(Cause).filter((cause) => cause !== Cause.ECALL_M));

/** Exceptions that hedeleg can delegate, as a mask: without ECALL from HS-mode and VS-mode, and what only HS-mode can handle. */
export const HYPERVISOR_DELEGABLE: number = MACHINE_DELEGABLE & ~maskOf([
  Cause.ECALL_HS,
  Cause.ECALL_VS,
  Cause.FETCH_GUEST_PAGE,
  Cause.LOAD_GUEST_PAGE,
  Cause.VIRTUAL_INSTRUCTION,
  Cause.STORE_GUEST_PAGE,
]);

/** Exception codes of faults of memory accesses, by kind and then by kind of access: 0 read, 1 write, 2 execute. */
export const FAULT_CAUSES: Readonly<Record<"page" | "access" | "guestPage", readonly number[]>> = {
  page: [Cause.LOAD_PAGE, Cause.STORE_PAGE, Cause.FETCH_PAGE],
  access: [Cause.LOAD_ACCESS, Cause.STORE_ACCESS, Cause.FETCH_ACCESS],
  guestPage: [Cause.LOAD_GUEST_PAGE, Cause.STORE_GUEST_PAGE, Cause.FETCH_GUEST_PAGE],
};

const EXCEPTION_NAMES: Readonly<Record<number, string>> = {
  0: "instruction address misaligned",
  1: "instruction access fault",
  2: "illegal instruction",
  3: "breakpoint",
  4: "load address misaligned",
  5: "load access fault",
  6: "store address misaligned",
  7: "store access fault",
  8: "environment call from U-mode",
  9: "environment call from HS-mode",
  10: "environment call from VS-mode",
  11: "environment call from M-mode",
  12: "instruction page fault",
  13: "load page fault",
  15: "store page fault",
  20: "instruction guest-page fault",
  21: "load guest-page fault",
  22: "virtual instruction",
  23: "store guest-page fault",
};

const INTERRUPT_NAMES: Readonly<Record<number, string>> = {
  1: "supervisor software interrupt",
  2: "virtual supervisor software interrupt",
  3: "machine software interrupt",
  5: "supervisor timer interrupt",
  6: "virtual supervisor timer interrupt",
  7: "machine timer interrupt",
  9: "supervisor external interrupt",
  10: "virtual supervisor external interrupt",
  11: "machine external interrupt",
  12: "supervisor guest external interrupt",
};

/** Name of an exception or interrupt code, for people. */
export function causeName(cause: number, interrupt: boolean): string {
  const name = (interrupt ? INTERRUPT_NAMES : EXCEPTION_NAMES)[cause];
  return name ?? `reserved ${interrupt ? "interrupt" : "exception"} ${cause}`;
}

/** Exceptions whose xtval is a virtual address, as a mask: xstatus.GVA tells whether it is the guest's. */
export const ADDRESS_EXCEPTIONS = 0b1011_0000_1011_0000_1111_1011;
