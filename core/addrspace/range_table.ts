/**
 * A nested page table without tables: linear ranges, for VMs that own the whole machine and for tests of core.
 *
 * Neighbours that continue each other are kept as one range, so a machine's RAM stays a single entry however it was mapped.
 *
 * @module
 */
import { type GuestPhysAddr, type HostPhysAddr, indexAbove, PAGE_SIZE } from "../address.ts";
import type { NestedMapping, NestedPageTable } from "./nested_page_table.ts";

/** A piece of guest memory with one flag set and one host piece behind it. */
interface Range {
  start: GuestPhysAddr;
  end: GuestPhysAddr;
  host: HostPhysAddr;
  flags: number;
}

/** How a {@link RangeTable} is made. */
export interface RangeTableOptions {
  /** First guest-physical address above what can be mapped (default 2^50). */
  limit?: GuestPhysAddr;
  /** Called by {@link RangeTable.flush}: tells running CPUs to forget what they cached. */
  onFlush?: () => void;
}

/** Sorted ranges with a last-hit lookup. */
export class RangeTable implements NestedPageTable {
  /** There is no root: 0. */
  readonly root: HostPhysAddr = 0;
  /** First guest-physical address above what can be mapped. */
  readonly limit: GuestPhysAddr;
  /** Flags of the range that the last successful {@link toHost} found. */
  hitFlags = 0;
  /** First guest-physical address above the range that the last successful {@link toHost} found. */
  hitEnd: GuestPhysAddr = 0;
  #ranges: Range[] = [];
  #last: Range | undefined;
  #onFlush: () => void;

  /** Makes an empty table. */
  constructor(options: RangeTableOptions = {}) {
    this.limit = options.limit ?? 2 ** 50;
    this.#onFlush = options.onFlush ?? (() => {});
  }

  /** Number of ranges, for tests and statistics. */
  get length(): number {
    return this.#ranges.length;
  }

  /**
   * Translates an address: -1 if nothing is mapped there. Leaves the flags and the end of the range in {@link hitFlags} and
   * {@link hitEnd}; allocates nothing.
   */
  toHost(address: GuestPhysAddr): number {
    let range = this.#last;
    if (range === undefined || address < range.start || address >= range.end) {
      range = this.#ranges[indexAbove(this.#ranges, address) - 1];
      if (range === undefined || address >= range.end) return -1;
      this.#last = range;
    }
    this.hitFlags = range.flags;
    this.hitEnd = range.end;
    return range.host + (address - range.start);
  }

  /** Maps a range, replacing what was there. Always succeeds. */
  map(guest: GuestPhysAddr, host: HostPhysAddr, size: number, flags: number, _allowHuge: boolean): boolean {
    if (size === 0) return true;
    this.unmap(guest, size);
    const range = { start: guest, end: guest + size, host, flags };
    const index = indexAbove(this.#ranges, guest);
    this.#ranges.splice(index, 0, range);
    this.#merge(index, index + 1);
    return true;
  }

  /** Removes what is mapped in the range. */
  unmap(guest: GuestPhysAddr, size: number): void {
    const [from, to] = this.#isolate(guest, guest + size);
    this.#ranges.splice(from, to - from);
  }

  /** Changes the flags of what is mapped in the range. */
  protect(guest: GuestPhysAddr, size: number, flags: number): void {
    const [from, to] = this.#isolate(guest, guest + size);
    for (let i = from; i < to; i++) this.#ranges[i].flags = flags;
    this.#merge(from, to);
  }

  /** Looks one address up; reports the page size, as ranges have no leaves. */
  query(guest: GuestPhysAddr): NestedMapping | undefined {
    const host = this.toHost(guest);
    return host < 0 ? undefined : { host, flags: this.hitFlags, pageSize: PAGE_SIZE };
  }

  /** Calls the `onFlush` of the options. */
  flush(): void {
    this.#onFlush();
  }

  /** Forgets every range. */
  dispose(): void {
    this.#ranges = [];
    this.#last = undefined;
  }

  /** Splits ranges at both ends and returns the indexes of those between. */
  #isolate(start: GuestPhysAddr, end: GuestPhysAddr): [from: number, to: number] {
    this.#last = undefined;
    this.#splitAt(start);
    this.#splitAt(end);
    const from = indexAbove(this.#ranges, start - 1);
    return [from, indexAbove(this.#ranges, end - 1)];
  }

  /** Makes `address` a border if it lies inside a range. */
  #splitAt(address: GuestPhysAddr): void {
    const index = indexAbove(this.#ranges, address) - 1;
    const range = this.#ranges[index];
    if (range === undefined || range.start === address || address >= range.end) return;
    const upper = { start: address, end: range.end, host: range.host + (address - range.start), flags: range.flags };
    range.end = address;
    this.#ranges.splice(index + 1, 0, upper);
  }

  /** Joins neighbours in `[from - 1, to + 1)` that continue each other. */
  #merge(from: number, to: number): void {
    this.#last = undefined;
    for (let i = Math.min(to, this.#ranges.length - 1); i >= Math.max(from, 1); i--) {
      const lower = this.#ranges[i - 1];
      const upper = this.#ranges[i];
      const continues = lower.end === upper.start && lower.flags === upper.flags &&
        lower.host + (lower.end - lower.start) === upper.host;
      if (!continues) continue;
      lower.end = upper.end;
      this.#ranges.splice(i, 1);
    }
  }
}
