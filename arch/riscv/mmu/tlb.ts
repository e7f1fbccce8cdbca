/**
 * The translation tables that generated code looks addresses up in: filled here, flushed here (layout in `layout.ts`; Privileged ISA,
 * "Supervisor Memory-Management Fence Instruction").
 *
 * A bank holds the combined translation (both stages, PMP) of one regime, so that a change of privilege or address space only switches
 * tables. Tables are large, and little of them is ever used: what empties or searches them only looks where something was entered.
 * Superpages enter as 4 KiB entries; each bank remembers roughly where they came from, because a fence for any address of a
 * superpage must reach all of them.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SHIFT } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import {
  TLB_BANK_SIZE,
  TLB_DEVICE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_GUARDED,
  TLB_TABLE_SIZE,
  tlbBanks,
  tlbTag,
} from "../layout.ts";
import { Access } from "./pte.ts";
import { leadsTo, WriterIndex } from "./writer_index.ts";

/** M-mode's bank; the others belong to address spaces, see `contexts.ts`. */
export const MACHINE_BANK = 0;

/** No entry: the distance between two pages is never odd. */
export const MISS = 1;

/** Tables of a bank. */
const TABLES = 3;

/** Entries that {@link Tlb} keeps a list of for each table; of a table with more it only knows which pieces they are in. */
const LISTED = 256;

/** Any host page: no page has such an address. */
const ANYWHERE = 1;

/** log2 of the entries of a piece of a table: 4 KiB, of which the host commits nothing before something is entered. */
const PIECE_SHIFT = 8;

/** Pieces of a table. */
const PIECES = TLB_ENTRIES >>> PIECE_SHIFT;

/** Words of 32 bits that have a bit for each of them. */
const PIECE_WORDS = Math.ceil(PIECES / 32);

/** Words of 32-bit numbers of an entry. */
const ENTRY_WORDS = TLB_ENTRY_SIZE / 4;

/** Sizes of leaves above a page, as shifts: Svnapot, 2 MiB, 1 GiB, 512 GiB, 256 TiB. */
const LARGE_SHIFTS = [16, 21, 30, 39, 48];

/** Slots of a bank's filter of large leaves. */
const FILTER = 1024;

/** Bit of {@link LARGE_SHIFTS} by shift. */
const LARGE_BIT = Uint8Array.from({ length: 64 }, (_, shift) => 1 << LARGE_SHIFTS.indexOf(shift));

/** How often tables were filled and emptied. */
export interface TlbCounts {
  /** Pages entered for loads. */
  reads: number;
  /** Pages entered for stores. */
  writes: number;
  /** Pages entered for fetches. */
  fetches: number;
  /** Banks emptied that had entries. */
  flushes: number;
}

/** One hart's translation tables. */
export class Tlb {
  readonly #i32: Int32Array;
  readonly #tables: HostPhysAddr;
  readonly #count: number;
  readonly #writers: WriterIndex;
  /** Entries that each table's list has, LISTED + 1 if there are more in the table. */
  readonly #fills: Int32Array;
  readonly #lists: Uint16Array;
  /** Pieces of each table that have entries. */
  readonly #pieces: Int32Array;
  /** Which {@link LARGE_SHIFTS} each bank has entries of, one bit each. */
  readonly #large: Uint8Array;
  readonly #filters: Uint8Array;
  /** Counters for `--stats`. */
  readonly counts: TlbCounts = { reads: 0, writes: 0, fetches: 0, flushes: 0 };

  /**
   * @param tables `tlbSize(contexts)` zeroed bytes, aligned to 16
   * @param contexts Address spaces that have banks, beside M-mode's
   */
  constructor(memory: HostMemory, tables: HostPhysAddr, contexts: number) {
    const banks = tlbBanks(contexts);
    this.#i32 = memory.i32;
    this.#tables = tables;
    this.#count = banks * TABLES;
    this.#writers = new WriterIndex(memory, tables);
    this.#fills = new Int32Array(this.#count);
    this.#lists = new Uint16Array(this.#count * LISTED);
    this.#pieces = new Int32Array(this.#count * PIECE_WORDS);
    this.#large = new Uint8Array(banks);
    this.#filters = new Uint8Array(banks * FILTER);
  }

  /** Address of a bank's table for one kind of {@link Access}. */
  table(bank: number, access: number): HostPhysAddr {
    return this.#tables + bank * TLB_BANK_SIZE + access * TLB_TABLE_SIZE;
  }

  /**
   * Enters a page.
   *
   * @param value What layout.ts says the entry's third word is for this kind
   * @param extra For fetches the host page; for writes what guards the page, 0 if nothing does; else 0
   * @param shift log2 of the size of the leaf that the translation came from
   */
  fill(
    bank: number,
    access: number,
    vaLow: number,
    vaHigh: number,
    value: number,
    extra: HostPhysAddr,
    shift: number,
  ): void {
    const isGuarded = access === Access.WRITE && extra !== 0;
    const tag = isGuarded ? tlbTag(vaLow) | TLB_GUARDED : tlbTag(vaLow);
    this.#enter(bank, access, tag, vaHigh, value, extra, shift);
  }

  /**
   * Enters a page of a device for loads or for stores.
   *
   * @param frame Number of the physical page, below 2^31
   * @param era What {@link findDevice} must be given to find it
   */
  fillDevice(
    bank: number,
    access: number,
    vaLow: number,
    vaHigh: number,
    frame: number,
    era: number,
    shift: number,
  ): void {
    this.#enter(bank, access, vaLow & -4096 | TLB_DEVICE, vaHigh, frame, era, shift);
  }

  /** Number of the physical page of a device that a bank has for an address, entered in this era; -1 if there is none. */
  findDevice(bank: number, access: number, vaLow: number, vaHigh: number, era: number): number {
    const index = (vaLow >>> PAGE_SHIFT) & (TLB_ENTRIES - 1);
    const entry = (this.table(bank, access) + index * TLB_ENTRY_SIZE) >>> 2;
    const i32 = this.#i32;
    const tag = vaLow & -4096 | TLB_DEVICE;
    const frame = i32[entry + 2];
    const differs = (i32[entry] ^ tag) | (i32[entry + 1] ^ vaHigh) | (i32[entry + 3] ^ era);
    return differs === 0 ? frame : -1;
  }

  #enter(
    bank: number,
    access: number,
    tag: number,
    vaHigh: number,
    value: number,
    extra: number,
    shift: number,
  ): void {
    const index = (tag >>> PAGE_SHIFT) & (TLB_ENTRIES - 1);
    const table = bank * TABLES + access;
    const entry = this.#start(table) + index * ENTRY_WORDS;
    const i32 = this.#i32;
    i32[entry] = tag;
    i32[entry + 1] = vaHigh;
    i32[entry + 2] = value;
    i32[entry + 3] = extra;
    this.#note(table, index);
    if (shift !== PAGE_SHIFT) this.#noteLarge(bank, tag, vaHigh, shift);
    if (access === Access.READ) {
      this.counts.reads++;
    } else if (access === Access.WRITE) {
      this.counts.writes++;
      this.#writers.add(entry);
    } else {
      this.counts.fetches++;
    }
  }

  /** Remembers that a table has an entry. */
  #note(table: number, index: number): void {
    const fills = this.#fills[table];
    if (fills < LISTED) this.#lists[table * LISTED + fills] = index;
    this.#fills[table] = Math.min(fills, LISTED) + 1;
    const piece = index >>> PIECE_SHIFT;
    this.#pieces[table * PIECE_WORDS + (piece >>> 5)] |= 1 << piece;
  }

  #hasPiece(table: number, piece: number): boolean {
    return (this.#pieces[table * PIECE_WORDS + (piece >>> 5)] >>> piece & 1) !== 0;
  }

  /** `hostPage - virtualPage` (wrapped) that the read or write table of a bank has for an address, or {@link MISS}; unless it is guarded. */
  peekData(bank: number, access: number, vaLow: number, vaHigh: number): number {
    const index = (vaLow >>> PAGE_SHIFT) & (TLB_ENTRIES - 1);
    const entry = (this.table(bank, access) + index * TLB_ENTRY_SIZE) >>> 2;
    if (this.#i32[entry] !== tlbTag(vaLow) || this.#i32[entry + 1] !== vaHigh) return MISS;
    return this.#i32[entry + 2];
  }

  /** Host page that the fetch table of a bank has for an address, or -1. */
  peekFetch(bank: number, vaLow: number, vaHigh: number): HostPhysAddr | -1 {
    const index = (vaLow >>> PAGE_SHIFT) & (TLB_ENTRIES - 1);
    const entry = (this.table(bank, Access.EXECUTE) + index * TLB_ENTRY_SIZE) >>> 2;
    if (this.#i32[entry] !== tlbTag(vaLow) || this.#i32[entry + 1] !== vaHigh) return -1;
    return this.#i32[entry + 3] >>> 0;
  }

  /** Empties a bank. */
  flush(bank: number): void {
    const first = bank * TABLES;
    if ((this.#fills[first] | this.#fills[first + 1] | this.#fills[first + 2]) === 0) return;
    this.counts.flushes++;
    for (let table = first; table < first + TABLES; table++) this.#flushTable(table);
    if (this.#large[bank] === 0) return;
    this.#large[bank] = 0;
    this.#filters.fill(0, bank * FILTER, (bank + 1) * FILTER);
  }

  /** Drops what a bank has for one address, and for all addresses that a large leaf may share with it. */
  flushAddress(bank: number, vaLow: number, vaHigh: number): void {
    if (this.#large[bank] !== 0 && this.#maybeLarge(bank, vaLow, vaHigh)) return this.flush(bank);
    const index = (vaLow >>> PAGE_SHIFT) & (TLB_ENTRIES - 1);
    for (let table = bank * TABLES; table < (bank + 1) * TABLES; table++) {
      if (this.#hasPiece(table, index >>> PIECE_SHIFT)) this.#i32[this.#start(table) + index * ENTRY_WORDS] = 0;
    }
  }

  /** Empties all tables of one kind of access. */
  drop(access: number): void {
    for (let table = access; table < this.#count; table += TABLES) this.#flushTable(table);
    if (access === Access.WRITE) this.#writers.reset();
  }

  /** Drops the write entries that lead to one host page, guarded ones as well. */
  dropWritesTo(hostPage: HostPhysAddr): void {
    if (this.#writers.clear(hostPage)) return;
    for (let table: number = Access.WRITE; table < this.#count; table += TABLES) this.#clear(table, hostPage | 0);
  }

  #flushTable(table: number): void {
    if (this.#fills[table] === 0) return;
    this.#clear(table, ANYWHERE);
    this.#fills[table] = 0;
    for (let word = 0; word < PIECE_WORDS; word++) this.#pieces[table * PIECE_WORDS + word] = 0;
  }

  /** Clears the entries of a table that lead to a host page, or {@link ANYWHERE}. */
  #clear(table: number, hostPage: number): void {
    const fills = this.#fills[table];
    if (fills <= LISTED) {
      for (let i = 0; i < fills; i++) this.#clearEntry(table, this.#lists[table * LISTED + i], hostPage);
      return;
    }
    for (let piece = 0; piece < PIECES; piece++) {
      if (!this.#hasPiece(table, piece)) continue;
      const first = piece << PIECE_SHIFT;
      for (let index = first; index < first + (1 << PIECE_SHIFT); index++) this.#clearEntry(table, index, hostPage);
    }
  }

  /** A tag whose low half is 0 matches no page. */
  #clearEntry(table: number, index: number, hostPage: number): void {
    const entry = this.#start(table) + index * ENTRY_WORDS;
    if (hostPage === ANYWHERE || leadsTo(this.#i32, entry) === hostPage) this.#i32[entry] = 0;
  }

  /** Where a table begins, as an index in `HostMemory.i32`: its number counts those of all banks. */
  #start(table: number): number {
    return (this.#tables + table * TLB_TABLE_SIZE) >>> 2;
  }

  #noteLarge(bank: number, vaLow: number, vaHigh: number, shift: number): void {
    this.#large[bank] |= LARGE_BIT[shift];
    this.#filters[bank * FILTER + filterSlot(vaLow, vaHigh, shift)] = 1;
  }

  #maybeLarge(bank: number, vaLow: number, vaHigh: number): boolean {
    for (let i = 0; i < LARGE_SHIFTS.length; i++) {
      if ((this.#large[bank] >> i & 1) === 0) continue;
      if (this.#filters[bank * FILTER + filterSlot(vaLow, vaHigh, LARGE_SHIFTS[i])] !== 0) return true;
    }
    return false;
  }
}

/**
 * Slot of the large leaf that contains an address; several leaves may share one, which only costs a needless flush. Not if one is in the
 * upper half of the address space: there are a supervisor's own pages, most of them large, and the fences are for those of its users.
 */
function filterSlot(vaLow: number, vaHigh: number, shift: number): number {
  const key = shift < 32 ? (vaLow >>> shift) | (vaHigh << (32 - shift)) : vaHigh >>> (shift - 32);
  return (key ^ (key >>> 9) ^ (vaHigh >>> 21) ^ (shift << 4)) & (FILTER / 2 - 1) | (vaHigh < 0 ? FILTER / 2 : 0);
}
