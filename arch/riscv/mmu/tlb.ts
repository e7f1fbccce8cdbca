/**
 * The translation tables that generated code looks addresses up in: filled here, flushed here (layout in `layout.ts`; Privileged ISA,
 * "Supervisor Memory-Management Fence Instruction").
 *
 * A bank holds the combined translation (both stages, PMP) of one regime, so that a change of privilege or address space only switches
 * tables.
 * Superpages enter as 4 KiB entries; each bank remembers roughly where they came from, because a fence for any address of a
 * superpage must reach all of them.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SHIFT } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import {
  TLB_BANK_SIZE,
  TLB_BANKS,
  TLB_DEVICE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_GUARDED,
  TLB_TABLE_SIZE,
  tlbTag,
} from "../layout.ts";
import { Access } from "./pte.ts";

/** M-mode's bank; the others belong to address spaces, see `contexts.ts`. */
export const MACHINE_BANK = 0;

/** No entry: the distance between two pages is never odd. */
export const MISS = 1;

/** Tables of a bank. */
const TABLES = 3;

/** Fills since the last flush that a table keeps a list of; a longer list costs more than clearing the table. */
const LISTED = 64;

/** Sizes of leaves above a page, as shifts: Svnapot, 2 MiB, 1 GiB, 512 GiB, 256 TiB. */
const LARGE_SHIFTS = [16, 21, 30, 39, 48];

/** Slots of a bank's filter of large leaves. */
const FILTER = 1024;

/** One hart's translation tables. */
export class Tlb {
  readonly #memory: HostMemory;
  readonly #i32: Int32Array;
  readonly #banks: HostPhysAddr;
  /** Fills of each table since it was last empty, LISTED + 1 if more. */
  readonly #fills = new Int32Array(TLB_BANKS * TABLES);
  readonly #lists = new Uint16Array(TLB_BANKS * TABLES * LISTED);
  /** Which {@link LARGE_SHIFTS} each bank has entries of, one bit each. */
  readonly #large = new Uint8Array(TLB_BANKS);
  readonly #filters = new Uint8Array(TLB_BANKS * FILTER);

  /** @param banks TLB_BANKS * TLB_BANK_SIZE zeroed bytes, aligned to 16 */
  constructor(memory: HostMemory, banks: HostPhysAddr) {
    this.#memory = memory;
    this.#i32 = memory.i32;
    this.#banks = banks;
  }

  /** Address of a bank's table for one kind of {@link Access}. */
  table(bank: number, access: number): HostPhysAddr {
    return this.#banks + bank * TLB_BANK_SIZE + access * TLB_TABLE_SIZE;
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
    if (i32[entry] !== (vaLow & -4096 | TLB_DEVICE) || i32[entry + 1] !== vaHigh || i32[entry + 3] !== era) return -1;
    return i32[entry + 2];
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
    const entry = (this.table(bank, access) + index * TLB_ENTRY_SIZE) >>> 2;
    const i32 = this.#i32;
    i32[entry] = tag;
    i32[entry + 1] = vaHigh;
    i32[entry + 2] = value;
    i32[entry + 3] = extra;
    const table = bank * TABLES + access;
    const fills = this.#fills[table];
    if (fills < LISTED) this.#lists[table * LISTED + fills] = index;
    if (fills <= LISTED) this.#fills[table] = fills + 1;
    if (shift !== PAGE_SHIFT) this.#noteLarge(bank, tag, vaHigh, shift);
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
    for (let table = 0; table < TABLES; table++) this.#flushTable(bank * TABLES + table);
    if (this.#large[bank] === 0) return;
    this.#large[bank] = 0;
    this.#filters.fill(0, bank * FILTER, (bank + 1) * FILTER);
  }

  /** Drops what a bank has for one address, and for all addresses that a large leaf may share with it. */
  flushAddress(bank: number, vaLow: number, vaHigh: number): void {
    if (this.#large[bank] !== 0 && this.#maybeLarge(bank, vaLow, vaHigh)) return this.flush(bank);
    const index = (vaLow >>> PAGE_SHIFT) & (TLB_ENTRIES - 1);
    for (let table = bank * TABLES; table < (bank + 1) * TABLES; table++) {
      if (this.#fills[table] !== 0) this.#clear(table, index);
    }
  }

  /** Empties all tables of one kind of access. */
  drop(access: number): void {
    for (let table = access; table < TLB_BANKS * TABLES; table += TABLES) this.#flushTable(table);
  }

  /** Drops the write entries that lead to one host page, guarded ones as well. */
  dropWritesTo(hostPage: HostPhysAddr): void {
    for (let table: number = Access.WRITE; table < TLB_BANKS * TABLES; table += TABLES) {
      const fills = this.#fills[table];
      const count = fills > LISTED ? TLB_ENTRIES : fills;
      for (let i = 0; i < count; i++) {
        const index = fills > LISTED ? i : this.#lists[table * LISTED + i];
        const entry = (this.#banks + table * TLB_TABLE_SIZE + index * TLB_ENTRY_SIZE) >>> 2;
        const leadsTo = (this.#i32[entry + 2] + this.#i32[entry]) & -4096;
        if (leadsTo === (hostPage | 0)) this.#clear(table, index);
      }
    }
  }

  #flushTable(table: number): void {
    const fills = this.#fills[table];
    if (fills === 0) return;
    if (fills <= LISTED) {
      for (let i = 0; i < fills; i++) this.#clear(table, this.#lists[table * LISTED + i]);
    } else {
      const start = this.#banks + table * TLB_TABLE_SIZE;
      this.#memory.u8.fill(0, start, start + TLB_TABLE_SIZE);
    }
    this.#fills[table] = 0;
  }

  /** A zeroed tag matches no page. */
  #clear(table: number, index: number): void {
    const entry = (this.#banks + table * TLB_TABLE_SIZE + index * TLB_ENTRY_SIZE) >>> 2;
    this.#i32[entry] = 0;
    this.#i32[entry + 1] = 0;
  }

  #noteLarge(bank: number, vaLow: number, vaHigh: number, shift: number): void {
    this.#large[bank] |= 1 << LARGE_SHIFTS.indexOf(shift);
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
