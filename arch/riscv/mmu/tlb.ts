/**
 * The translation tables that generated code looks addresses up in: filled here, flushed here (layout in `area.ts`; Privileged ISA,
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
  BankNotes,
  MmuArea,
  TLB_BANK_SIZE,
  TLB_DEVICE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_FILTER,
  TLB_GUARDED,
  TLB_LISTED,
  TLB_PIECE_SHIFT,
  TLB_TABLE_SIZE,
  tlbBanks,
  TlbNotes,
  tlbTag,
} from "./area.ts";
import { Access } from "./pte.ts";
import { instantiateTlbCode, type TlbCode } from "./tlb_code.ts";
import { leadsTo, WriterIndex } from "./writer_index.ts";

/** No entry: the distance between two pages is never odd. */
export const MISS = 1;

/** Tables of a bank. */
const TABLES = 3;

/** Any host page: no page has such an address. */
const ANYWHERE = 1;

/** Pieces of a table. */
const PIECES = TLB_ENTRIES >>> TLB_PIECE_SHIFT;

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
  readonly #u8: Uint8Array;
  readonly #u16: Uint16Array;
  readonly #first: HostPhysAddr;
  readonly #banks: number;
  readonly #writers: WriterIndex;
  readonly #code: TlbCode;
  #flushes = 0;

  /**
   * @param area `mmuAreaSize(contexts)` zeroed bytes, aligned to 16
   * @param contexts Address spaces that have banks, beside M-mode's
   */
  constructor(memory: HostMemory, readonly area: HostPhysAddr, contexts: number) {
    this.#first = area + MmuArea.BANKS;
    this.#banks = tlbBanks(contexts);
    this.#i32 = memory.i32;
    this.#u8 = memory.u8;
    this.#u16 = memory.u16;
    this.#writers = new WriterIndex(memory, area + MmuArea.WRITERS);
    this.#code = instantiateTlbCode(memory);
  }

  /** (va: bigint, access) -> 1: the page was entered for the hart in the window, see `refill.ts`; for generated code. */
  get refill(): TlbCode["refill"] {
    return this.#code.refill;
  }

  /** Counters for `--stats`. */
  get counts(): TlbCounts {
    const [reads, writes, fetches] = [Access.READ, Access.WRITE, Access.EXECUTE].map((access) =>
      this.#i32[(this.area + MmuArea.COUNTS) / 4 + access] >>> 0
    );
    return { reads, writes, fetches, flushes: this.#flushes };
  }

  /** Address of a bank. */
  bank(bank: number): HostPhysAddr {
    return this.#first + bank * TLB_BANK_SIZE;
  }

  /** Address of a bank's table for one kind of {@link Access}. */
  table(bank: number, access: number): HostPhysAddr {
    return this.#first + bank * TLB_BANK_SIZE + access * TLB_TABLE_SIZE;
  }

  /**
   * Enters a page.
   *
   * @param value What area.ts says the entry's third word is for this kind
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
    this.#code.enter(this.area, this.table(bank, access), access, tag, vaHigh, value, extra, shift);
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
    const start = this.bank(bank);
    const end = start + TLB_TABLE_SIZE * TABLES;
    let fills = 0;
    for (let table = start; table < end; table += TLB_TABLE_SIZE) fills |= this.#fills(table);
    if (fills === 0) return;
    this.#flushes++;
    for (let table = start; table < end; table += TLB_TABLE_SIZE) this.#flushTable(table);
    const large = (start + BankNotes.LARGE) >>> 2;
    if (this.#i32[large] === 0) return;
    this.#i32[large] = 0;
    this.#u8.fill(0, start + BankNotes.FILTER, start + BankNotes.FILTER + TLB_FILTER);
  }

  /**
   * Drops what banks in a row have for one address, and for all addresses that a large leaf may share with it.
   *
   * @param bank The first bank
   * @param count How many there are
   */
  flushAddress(bank: number, count: number, vaLow: number, vaHigh: number): void {
    const whole = this.#code.forget(this.bank(bank), count, vaLow, vaHigh);
    if (whole === 0) return;
    for (let i = 0; i < count; i++) {
      if ((whole >>> i & 1) !== 0) this.flush(bank + i);
    }
  }

  /** Empties all tables of one kind of access. */
  drop(access: number): void {
    for (let bank = 0; bank < this.#banks; bank++) this.#flushTable(this.table(bank, access));
    if (access === Access.WRITE) this.#writers.reset();
  }

  /** Drops the write entries that lead to one host page, guarded ones as well. */
  dropWritesTo(hostPage: HostPhysAddr): void {
    if (this.#writers.clear(hostPage)) return;
    for (let bank = 0; bank < this.#banks; bank++) this.#clear(this.table(bank, Access.WRITE), hostPage | 0);
  }

  /** Entries of a table as its list counts them. */
  #fills(table: HostPhysAddr): number {
    return this.#i32[(table + TlbNotes.FILLS) >>> 2];
  }

  #flushTable(table: HostPhysAddr): void {
    if (this.#fills(table) === 0) return;
    this.#clear(table, ANYWHERE);
    this.#i32[(table + TlbNotes.FILLS) >>> 2] = 0;
    const pieces = (table + TlbNotes.PIECES) >>> 2;
    this.#i32[pieces] = this.#i32[pieces + 1] = 0;
  }

  /** Clears the entries of a table that lead to a host page, or {@link ANYWHERE}. */
  #clear(table: HostPhysAddr, hostPage: number): void {
    const fills = this.#fills(table);
    if (fills <= TLB_LISTED) {
      const list = (table + TlbNotes.LIST) >>> 1;
      for (let i = 0; i < fills; i++) this.#clearEntry(table, this.#u16[list + i], hostPage);
      return;
    }
    const pieces = (table + TlbNotes.PIECES) >>> 2;
    for (let piece = 0; piece < PIECES; piece++) {
      if ((this.#i32[pieces + (piece >>> 5)] >>> piece & 1) === 0) continue;
      const first = piece << TLB_PIECE_SHIFT;
      for (let index = first; index < first + (1 << TLB_PIECE_SHIFT); index++) {
        this.#clearEntry(table, index, hostPage);
      }
    }
  }

  /** A tag whose low half is 0 matches no page. */
  #clearEntry(table: HostPhysAddr, index: number, hostPage: number): void {
    const entry = (table + index * TLB_ENTRY_SIZE) >>> 2;
    if (hostPage === ANYWHERE || leadsTo(this.#i32, entry) === hostPage) this.#i32[entry] = 0;
  }
}
