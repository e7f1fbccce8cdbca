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

/**
 * Entries of one translation table: a power of two. So many pages, 64 MiB in a row, are no more than a table holds. A table costs memory
 * where it is used: 4 KiB for each MiB of addresses.
 */
export const TLB_ENTRIES = 16384;

/**
 * Bytes of a translation entry: at 0 the tag, `virtualPageAddress | 1` as 64 bits (so that a zeroed entry never matches), at 8 what it
 * leads to, 32 bits: for reads and writes `hostPage - virtualPage` (wrapped), for fetches the address of the page's decoded records;
 * at 12, for fetches the host page. A write entry for a page of code is guarded: its tag is `virtualPageAddress | TLB_GUARDED`, and at 12
 * is the address of the page's records, which say what lines may be written without more ado. A read or write entry for a page of a
 * device has `TLB_DEVICE` in its tag, at 8 the number of the physical page, and at 12 when it was entered, see `mmu/devices.ts`.
 */
export const TLB_ENTRY_SIZE = 16;

/** What a guarded write entry has in place of the 1 in its tag: more than the 1 and the bits of a misaligned address can make. */
export const TLB_GUARDED = 17;

/** What an entry for a page of a device has in place of the 1 in its tag: no access makes that either. */
export const TLB_DEVICE = 33;

/** Low half of the tag for a virtual address; the high half is the address's own. */
export function tlbTag(vaLow: number): number {
  return vaLow & -4096 | 1;
}

/** Entries that a table has a list of; of a table with more is only known which pieces they are in. */
export const TLB_LISTED = 256;

/** log2 of the entries of a piece of a table: 4 KiB, of which the host commits nothing before something is entered. */
export const TLB_PIECE_SHIFT = 8;

const TLB_NOTES = TLB_ENTRIES * TLB_ENTRY_SIZE;

/** What is noted of a table, behind its entries. */
export const TlbNotes = {
  /** Entries that its list has, {@link TLB_LISTED} + 1 if there are more in the table: 32 bits. */
  FILLS: TLB_NOTES,
  /** Pieces that have entries, a bit each: 64 bits. */
  PIECES: TLB_NOTES + 8,
  /** The list: numbers of entries, 16 bits each. */
  LIST: TLB_NOTES + 16,
} as const;

/** Bytes of one translation table: no power of two, or the entries of a page in all tables would want the same lines of the host's cache. */
export const TLB_TABLE_SIZE: number = TLB_NOTES + 9 * 64;

/** Address spaces that a hart keeps translations of at a time at most, see `mmu/contexts.ts`. */
export const TLB_CONTEXTS = 16;

/** The least that it can do with: the supervisor's address space, and its guest's. */
export const TLB_LEAST_CONTEXTS = 2;

/** Banks of an address space: one for each way in which an address can be translated. */
export const TLB_CONTEXT_BANKS = 4;

/** M-mode's bank; the others belong to address spaces, see `mmu/contexts.ts`. */
export const MACHINE_BANK = 0;

/** The banks of a context, counted from its first one. */
export const ContextBank = {
  /** U-mode or VU-mode. */
  USER: 0,
  /** HS-mode or VS-mode. */
  SUPERVISOR: 1,
  /** The same with SUM set. */
  SUPERVISOR_SUM: 2,
  /** Loads and stores with an MXR bit set, whatever the mode; emptied when its meaning changes. */
  ODD: 3,
} as const;

/** Slots of a bank's filter of large leaves. */
export const TLB_FILTER = 1024;

const BANK_NOTES = 3 * TLB_TABLE_SIZE;

/**
 * What is noted of a bank, behind its tables. Its length makes a bank as many lines of the host's cache long as spread the entries that 16
 * address spaces have of a page over all lines that they may lie in: an odd number.
 */
export const BankNotes = {
  /** Sizes of leaves above a page that it has entries of, a bit each: see {@link largeBit}. 32 bits. */
  LARGE: BANK_NOTES,
  /** Its filter: a byte is 1 if a large leaf of that slot has entries. */
  FILTER: BANK_NOTES + 2 * 64,
} as const;

/** Bytes of a bank: a read, a write and a fetch table, in this order, and its notes. */
export const TLB_BANK_SIZE: number = BankNotes.FILTER + TLB_FILTER;

/** Translation banks of a hart: M-mode's, then those of its address spaces. */
export function tlbBanks(contexts: number): number {
  return 1 + contexts * TLB_CONTEXT_BANKS;
}

/** Sets of the index of write entries, see `mmu/writer_index.ts`: a power of two. Pages 64 MiB apart share one. */
export const WRITER_SETS = 16384;

/** Places that a set has: addresses of entries, 32 bits each. */
export const WRITER_WAYS = 4;

/** Entries of the cache of the second stage's large leaves, of which each stands for 2 MiB: a power of two. */
export const NESTED_LARGE_ENTRIES = 1024;

/** Words of 32 bits of an entry there. */
export const NestedLarge = {
  /** What {@link MmuArea.NESTED_GENERATION} was. */
  GENERATION: 0,
  /** Guest-physical address[52:21]. */
  KEY: 1,
  /** Guest-physical address[63:53]. */
  HIGH: 2,
  /** R, W, X bits; W only if the leaf is dirty. */
  PERMISSIONS: 3,
  /** Supervisor-physical frame of its first page, low half. */
  FRAME: 4,
  /** The same, high half. */
  FRAME_HIGH: 5,
  /** Host page of its first page, with all others behind it; 0 if they do not lie so, or not all of them are RAM. */
  HOST: 6,
} as const;

/** log2 of the bytes of such an entry. */
export const NESTED_LARGE_SHIFT = 5;

const NESTED_AT = 64 + WRITER_SETS * WRITER_WAYS * 4;

/** What lies where in the memory of a hart's MMU, from the address in the field `mmuArea` on. */
export const MmuArea = {
  /** Pages that were entered into read, write and fetch tables, 32 bits each. */
  COUNTS: 0,
  /** What entries of the cache of large leaves must have to be used: 32 bits. */
  NESTED_GENERATION: 12,
  /** The index of write entries. */
  WRITERS: 64,
  /** The cache of the second stage's large leaves. */
  NESTED_LARGE: NESTED_AT,
  /** The translation banks. */
  BANKS: NESTED_AT + (NESTED_LARGE_ENTRIES << NESTED_LARGE_SHIFT),
} as const;

/** Bytes of the memory of a hart's MMU, zeroed at first. */
export function mmuAreaSize(contexts: number): number {
  return MmuArea.BANKS + tlbBanks(contexts) * TLB_BANK_SIZE;
}
