/**
 * The projection of areas into the nested page table, and the write protection that a dirty log needs there.
 *
 * While a log is kept, a leaf allows writing only if its page is already recorded.
 *
 * @module
 */
import { type GuestPhysAddr, type HostPhysAddr, PAGE_SIZE } from "../address.ts";
import { type AreaList, forEachRun, type MemoryArea } from "./area.ts";
import { DirtyLog } from "./dirty_log.ts";
import { MappingFlags, type NestedPageTable } from "./nested_page_table.ts";

const ANY_ACCESS = MappingFlags.READ | MappingFlags.WRITE | MappingFlags.EXECUTE;

/** Keeps the table in step with the areas. The caller flushes it. */
export class Projection {
  #table: NestedPageTable;
  #log: DirtyLog | undefined;

  /** Projects into `table`. */
  constructor(table: NestedPageTable) {
    this.#table = table;
  }

  /** The log that is being kept. */
  get log(): DirtyLog | undefined {
    return this.#log;
  }

  /** Maps what a new area has frames for. False, and nothing mapped, if the table is out of frames. */
  add(area: MemoryArea): boolean {
    let mapped = true;
    forEachRun(area, area.start, area.end, (guest, host, size) => {
      mapped &&= this.addRun(area, guest, host, size);
    });
    if (!mapped) this.#table.unmap(area.start, area.end - area.start);
    return mapped;
  }

  /** Maps one contiguous piece of an area. Without any access there is no leaf: the table could not express it. */
  addRun(area: MemoryArea, guest: GuestPhysAddr, host: HostPhysAddr, size: number): boolean {
    const flags = this.#leafFlags(area.flags);
    if ((flags & ANY_ACCESS) === 0 || this.#table.map(guest, host, size, flags, true)) return true;
    this.#table.unmap(guest, size);
    return false;
  }

  /** Removes the leaves of a range. */
  remove(start: GuestPhysAddr, size: number): void {
    this.#log?.forget(start, size);
    this.#table.unmap(start, size);
  }

  /** Brings the leaves of an area from the flags `before` to those that it has now. False if the table is out of frames. */
  change(area: MemoryArea, before: number): boolean {
    const flags = this.#leafFlags(area.flags);
    const size = area.end - area.start;
    if ((flags & ANY_ACCESS) === 0) this.#table.unmap(area.start, size);
    else if ((before & ANY_ACCESS) !== 0) this.#table.protect(area.start, size, flags);
    else if (!this.add(area)) return false;
    if (flags !== area.flags) {
      for (const page of this.#log!.pagesIn(area.start, area.end)) this.#setLeaves(page, PAGE_SIZE, area.flags);
    }
    return true;
  }

  /** Records a write of the guest and gives the page's leaf the area's full rights. */
  allowWrite(area: MemoryArea, guest: GuestPhysAddr): void {
    this.#log?.mark(guest, 1);
    this.#setLeaves(guest - guest % PAGE_SIZE, PAGE_SIZE, area.flags);
  }

  /** Starts a log: takes the right to write from every leaf. */
  startLog(areas: AreaList): void {
    this.#log = new DirtyLog();
    for (const area of areas.all) this.#setLeaves(area.start, area.end - area.start, this.#leafFlags(area.flags));
  }

  /** Empties the log and protects its pages again. */
  takeLog(areas: AreaList): GuestPhysAddr[] {
    const pages = this.#log?.take() ?? [];
    for (let from = 0; from < pages.length;) {
      const area = areas.find(pages[from])!;
      let to = from + 1;
      while (pages[to] === pages[to - 1] + PAGE_SIZE && pages[to] < area.end) to++;
      this.#setLeaves(pages[from], (to - from) * PAGE_SIZE, this.#leafFlags(area.flags));
      from = to;
    }
    return pages;
  }

  /** Ends the log: gives every leaf its area's full rights. */
  stopLog(areas: AreaList): void {
    this.#log = undefined;
    for (const area of areas.all) this.#setLeaves(area.start, area.end - area.start, area.flags);
  }

  /** Flags of a leaf whose page is not in the log. */
  #leafFlags(flags: number): number {
    return this.#log === undefined ? flags : flags & ~MappingFlags.WRITE;
  }

  #setLeaves(start: GuestPhysAddr, size: number, flags: number): void {
    if ((flags & ANY_ACCESS) !== 0) this.#table.protect(start, size, flags);
  }
}
