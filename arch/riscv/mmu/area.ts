/**
 * Where each piece of what a hart's MMU remembers lies in linear memory: tables of translations, what is noted of them, and caches; the one
 * table that TypeScript and generated code read.
 *
 * @module
 */

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
 * device has `TLB_DEVICE` in its tag, at 8 the number of the physical page, and at 12 when it was entered, see `devices.ts`.
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

/** Address spaces that a hart keeps translations of at a time at most, see `contexts.ts`. */
export const TLB_CONTEXTS = 16;

/** The least that it can do with: the supervisor's address space, and its guest's. */
export const TLB_LEAST_CONTEXTS = 2;

/** Banks of an address space: one for each way in which an address can be translated. */
export const TLB_CONTEXT_BANKS = 4;

/** M-mode's bank; the others belong to address spaces, see `contexts.ts`. */
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
  /** Sizes of leaves above a page that it has entries of, a bit each from 64 KiB (Svnapot) and 2 MiB on: see `tlb_code.ts`. 32 bits. */
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

/** Sets of the index of write entries, see `writer_index.ts`: a power of two. Pages 64 MiB apart share one. */
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
