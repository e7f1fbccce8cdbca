/**
 * Where each piece of a hart's state lies in linear memory: the one table that engines, CSRs, traps, MMU and snapshots read.
 *
 * The hart that runs has its state in a window at a fixed address, so that generated code reaches it with constant addresses;
 * the others keep theirs in save areas. Offsets below are relative to the start of either.
 *
 * @module
 */

/**
 * Host-physical address of the running hart's window. {@link HostMemory} keeps its first 64 KiB free for it. It is where the
 * memory begins: registers that are chosen at run time are then compared with the same limit as records and the guest's memory are.
 */
export const WINDOW = 0;

/** Names of the 64-bit CSR fields that need storage of their own; `csr/` says which CSR uses which. */
const CSR_STORAGE = [
  "mstatus",
  "misa",
  "medeleg",
  "mideleg",
  "mie",
  "mip",
  "mtvec",
  "mcounteren",
  "menvcfg",
  "mcountinhibit",
  "mscratch",
  "mepc",
  "mcause",
  "mtval",
  "mtinst",
  "mtval2",
  "pmpcfg0",
  "pmpcfg2",
  "stvec",
  "scounteren",
  "senvcfg",
  "sscratch",
  "sepc",
  "scause",
  "stval",
  "satp",
  "stimecmp",
  "hstatus",
  "hedeleg",
  "hideleg",
  "hcounteren",
  "hvip",
  "hgeie",
  "hgeip",
  "htval",
  "htinst",
  "htimedelta",
  "henvcfg",
  "hgatp",
  "vsstatus",
  "vstvec",
  "vsscratch",
  "vsepc",
  "vscause",
  "vstval",
  "vsatp",
  "vstimecmp",
] as const;

/** Other 64-bit fields. */
const DOUBLEWORDS = [
  /** Address of the instruction that runs, or of the next one between runs. */
  "pc",
  /** minstret minus the steps that were counted: written by CSR writes and by trapped attempts. */
  "instretOffset",
  /** mcycle minus the steps that were counted. */
  "cycleOffset",
  /** Steps (retired or trapped) of all finished runs. */
  "steps",
  /** Virtual address of the reservation: a snapshot cannot keep its host address. */
  "reservedAddress",
] as const;

/** 32-bit fields. */
const WORDS = [
  /** Why the engine must leave its loop: an `ExitRequest`, 0 to go on. */
  "exitRequest",
  /** Why translated code must be left at once, a `LeaveRegions`, 0 to go on. Beside `exitRequest`: both are read as one. */
  "leaveRegions",
  /** Privilege: 0 U, 1 S, 3 M (Privileged ISA 1.2). `virtual` lies behind it, so that both can be read at once. */
  "privilege",
  /** Virtualisation mode V: 0 or 1 (Privileged ISA, Hypervisor extension). */
  "virtual",
  /** Floating point: 0 off, 1 on, 2 on and FS already dirty. Derived from mstatus and vsstatus. */
  "fpAccess",
  /** Accrued exceptions, fcsr[4:0]. */
  "fflags",
  /** Dynamic rounding mode, fcsr[7:5]. */
  "frm",
  /** Host-physical address that LR reserved, or -1. */
  "reservation",
  /** Bytes that LR reserved. */
  "reservationSize",
  /** Interrupt inputs that wires hold high, by bit number of mip. */
  "lines",
  /** Timer interrupts that stimecmp and vstimecmp had caused when the run began, by bit number of mip. */
  "timers",
  /** Host-physical address of the read table of the translation bank in use. */
  "readTable",
  /** Host-physical address of the write table of the translation bank in use. */
  "writeTable",
  /** Host-physical address of the fetch table of the translation bank in use. */
  "fetchTable",
  /** Budget of the run in progress, and what the engine has left of it: steps so far are the difference. */
  "budget",
  /** Steps left, stored by the engine before each call into TypeScript. */
  "budgetLeft",
  /** Steps that the run in progress may go on for when the piece that the interpreter runs is over; they are not part of `budget`. */
  "budgetBeyond",
  /** Steps that regions executed in the run in progress. */
  "regionSteps",
  /**
   * Where the interpreter came in last in the run in progress, the low half of the address: by a jump to another page, an indirect jump,
   * a trap, or from a region.
   */
  "cameIn",
  /** Attempts that trapped in the run in progress. */
  "trapped",
  /** 1 while the hart waits after WFI. */
  "waiting",
  /** Host-physical address of what `MmuArea` describes. */
  "mmuArea",
  /** Host-physical address of the table that has the address of each host page's decoded records, 32 bits each, 0 if it has none. */
  "recordTable",
  /** 1 if `mmu/refill.ts` may walk for this hart, else 0. */
  "walksTables",
] as const;

/** Name of a 64-bit CSR field. */
export type CsrField = (typeof CSR_STORAGE)[number];

/** Name of any field of one machine word. */
export type FieldName = CsrField | (typeof DOUBLEWORDS)[number] | (typeof WORDS)[number];

/** Registers x0..x31, 8 bytes each; x0 is never written, so it reads as 0. */
export const X_REGISTERS = 0;

/** Takes what is written to x0. */
export const X_SINK = 32 * 8;

/** Registers f0..f31, 8 bytes each, NaN-boxed. */
export const F_REGISTERS = X_SINK + 8;

/** Entries of the PMP. */
export const PMP_ENTRIES = 16;

/** pmpaddr0..pmpaddr15, 8 bytes each. */
export const PMP_ADDRESSES = F_REGISTERS + 32 * 8;

/** 16 bytes in which accesses that cross a page are put together. */
export const STAGING = PMP_ADDRESSES + PMP_ENTRIES * 8;

const FIRST_FIELD = STAGING + 16;

function placeFields(): Record<FieldName, number> {
  const offsets = {} as Record<FieldName, number>;
  let offset = FIRST_FIELD;
  for (const name of [...DOUBLEWORDS, ...CSR_STORAGE]) {
    offsets[name] = offset;
    offset += 8;
  }
  for (const name of WORDS) {
    offsets[name] = offset;
    offset += 4;
  }
  return offsets;
}

/** Offset of each field. The copy matters: an object that was filled key by key is a hash table to V8, and each use a search. */
export const FIELD: Readonly<Record<FieldName, number>> = Object.freeze({ ...placeFields() });

/** Bytes of a hart's state, rounded up to 16. */
export const STATE_SIZE = Math.ceil((FIELD[WORDS[WORDS.length - 1]] + 4) / 16) * 16;

/** Values of the `exitRequest` field. */
export const ExitRequest = {
  /** Go on. */
  NONE: 0,
  /** A trap reached HS-mode or M-mode in guest mode: the hypervisor is there. */
  HYPERVISOR_TRAP: 1,
  /** An access left RAM in machine mode; `hart.mmio` tells which. */
  MMIO: 2,
  /** An access met RAM in machine mode that the VM keeps from it for now; `hart.mmio` tells which. */
  NESTED_FAULT: 3,
  /** The hart waits for an interrupt. */
  WAIT: 4,
  /** Something changed that the VM's loop must see (a timer deadline, a kick). */
  RESCHEDULE: 5,
} as const;

/** Values of the `leaveRegions` field. */
export const LeaveRegions = {
  /** Go on. */
  NO: 0,
  /** Nothing is translated at pc, or the budget does not reach to the end of a block: the interpreter goes on, one by one. */
  INTERPRET: 1,
  /** pc, the mode, translation or the code itself may be other than what runs relies on: go on with what pc leads to now. */
  LOOK_UP: 2,
} as const;

/** Bytes of a cache block, for the Zicbo* instructions and the device tree. */
export const CACHE_BLOCK_SIZE = 64;
