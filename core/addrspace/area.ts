/**
 * What {@link AddrSpace} keeps of each mapping: an area with a backend (linear or alloc), and the sorted list of all areas.
 *
 * @module
 */
import { type GuestPhysAddr, hex, type HostPhysAddr, indexAbove } from "../address.ts";

/** A range of guest memory that was mapped by one call (or what is left of it after a split). */
export interface MemoryArea {
  /** Backend: a fixed piece of host memory, or frames taken one by one. */
  readonly kind: "linear" | "alloc";
  /** Name for messages. */
  readonly name: string;
  /** First address. */
  readonly start: GuestPhysAddr;
  /** First address above. */
  readonly end: GuestPhysAddr;
  /** Union of MappingFlags. */
  flags: number;
  /** Whether others use the memory too, so that a reset of this VM leaves its contents alone. */
  readonly shared: boolean;
  /** Host address behind `address`, which lies inside; -1 if no frame is there yet. */
  hostOf(address: GuestPhysAddr): number;
  /**
   * First address above `address` at which host memory stops being contiguous (or, where no frame is, at which one is); at
   * most `limit` and the end of the area.
   */
  runEnd(address: GuestPhysAddr, limit: GuestPhysAddr): GuestPhysAddr;
  /** Shortens the area to end at `address` and returns the rest as an area of its own. */
  splitAt(address: GuestPhysAddr): MemoryArea;
  /** Calls `free` for every frame that the area owns. */
  release(free: (frame: HostPhysAddr) => void): void;
}

/** Names an area in a message. */
export function describeArea(area: Pick<MemoryArea, "kind" | "name" | "start" | "end">): string {
  return `${area.kind} area "${area.name}" at ${hex(area.start)}..${hex(area.end)}`;
}

/** Calls `visit` for every contiguous populated piece of an area inside `[from, to)`. */
export function forEachRun(
  area: MemoryArea,
  from: GuestPhysAddr,
  to: GuestPhysAddr,
  visit: (address: GuestPhysAddr, host: HostPhysAddr, size: number) => void,
): void {
  const limit = Math.min(to, area.end);
  for (let address = Math.max(from, area.start); address < limit;) {
    const end = area.runEnd(address, limit);
    const host = area.hostOf(address);
    if (host >= 0) visit(address, host, end - address);
    address = end;
  }
}

/** Areas in order of address; they never overlap. */
export class AreaList {
  #areas: MemoryArea[] = [];
  #last: MemoryArea | undefined;

  /** The areas in order. */
  get all(): readonly MemoryArea[] {
    return this.#areas;
  }

  /** The area that holds `address`. */
  find(address: GuestPhysAddr): MemoryArea | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    const area = this.#areas[indexAbove(this.#areas, address) - 1];
    if (area === undefined || address >= area.end) return undefined;
    return this.#last = area;
  }

  /** The first area that shares a byte with `[start, end)`. */
  firstIn(start: GuestPhysAddr, end: GuestPhysAddr): MemoryArea | undefined {
    const below = this.find(start);
    if (below !== undefined) return below;
    const above = this.#areas[indexAbove(this.#areas, start)];
    return above !== undefined && above.start < end ? above : undefined;
  }

  /** First address in `[start, end)` that no area holds; `end` if there is none. */
  firstHole(start: GuestPhysAddr, end: GuestPhysAddr): GuestPhysAddr {
    let address = start;
    for (let area = this.find(address); area !== undefined && address < end; area = this.find(address)) {
      address = area.end;
    }
    return Math.min(address, end);
  }

  /** Adds an area that overlaps none. */
  insert(area: MemoryArea): void {
    this.#areas.splice(indexAbove(this.#areas, area.start), 0, area);
  }

  /** Splits areas at both ends of `[start, end)` and returns those between. */
  isolate(start: GuestPhysAddr, end: GuestPhysAddr): MemoryArea[] {
    this.#splitAt(start);
    this.#splitAt(end);
    return this.#areas.slice(indexAbove(this.#areas, start - 1), indexAbove(this.#areas, end - 1));
  }

  /** Takes areas out that {@link isolate} returned. */
  remove(areas: readonly MemoryArea[]): void {
    if (areas.length === 0) return;
    this.#last = undefined;
    this.#areas.splice(this.#areas.indexOf(areas[0]), areas.length);
  }

  #splitAt(address: GuestPhysAddr): void {
    const area = this.find(address);
    if (area !== undefined && area.start !== address) this.insert(area.splitAt(address));
  }
}
