/**
 * Real G-stage tables in host memory, for the core's address spaces: Sv39x4, Sv48x4, Sv57x4 (Privileged ISA, Hypervisor extension,
 * "Guest Physical Address Translation").
 *
 * @module
 */
import { type GuestPhysAddr, type HostPhysAddr, PAGE_SIZE } from "../../../core/address.ts";
import { MappingFlags, type NestedMapping, type NestedPageTable } from "../../../core/addrspace/nested_page_table.ts";
import { HypervisorError } from "../../../core/errors.ts";
import type { HostMemory } from "../../../core/memory.ts";
import { isPointer, MODE_LEVELS, Pte } from "./pte.ts";

/** Entries of a table below the root; the root has four times as many. */
const ENTRIES = 512;
const ROOT_ENTRIES = 4 * ENTRIES;

/** Frames of the root, and its alignment. */
const ROOT_FRAMES = 4;
const ROOT_ALIGN = ROOT_FRAMES * PAGE_SIZE;

/** Highest level that gets leaves: 1 GiB. */
const TOP_LEAF_LEVEL = 2;

/** Bits for software in an entry: they keep flags that the hardware bits do not express. */
const DEVICE = 1 << 8;
const UNCACHED = 1 << 9;

/** All bits of a leaf below its page number. */
const LEAF_BITS = 0x3ff;

/** hgatp.MODE of a table with so many levels. */
export function hgatpMode(levels: 3 | 4 | 5): 8 | 9 | 10 {
  return levels + MODE_LEVELS as 8 | 9 | 10;
}

/** A table of the second stage. Every leaf has U, A and D set: all guest accesses count as user accesses, and nothing is tracked. */
export class RiscvNestedPageTable implements NestedPageTable {
  readonly root: HostPhysAddr;
  readonly limit: GuestPhysAddr;
  /** Value of hgatp.MODE. */
  readonly mode: 8 | 9 | 10;
  readonly #memory: HostMemory;
  readonly #i32: Int32Array;
  readonly #levels: number;
  readonly #onFlush: () => void;
  readonly #onGain: () => void;
  /** Whether a mapping went away, moved or lost rights since the last flush. What only gained is found by the next walk. */
  #stale = false;

  /**
   * Makes an empty table. Throws if no frames are left.
   *
   * @param levels 3 for Sv39x4, 4 for Sv48x4, 5 for Sv57x4
   * @param onFlush Called by {@link flush} if harts may have cached what is no longer so: makes all forget, `Mmu.nestedChanged`
   * @param onGain Called by it otherwise: there may be mappings that were not there, `Mmu.nestedGained`
   */
  constructor(memory: HostMemory, levels: 3 | 4 | 5, onFlush: () => void, onGain: () => void = () => {}) {
    const root = memory.allocContiguous(ROOT_FRAMES, ROOT_ALIGN);
    if (root === undefined) {
      throw new HypervisorError(
        "Cannot create a nested page table: 16 KiB of host memory are not left; make it larger",
      );
    }
    this.root = root;
    this.limit = 2 ** (14 + 9 * levels);
    this.mode = hgatpMode(levels);
    this.#memory = memory;
    this.#i32 = memory.i32;
    this.#levels = levels;
    this.#onFlush = onFlush;
    this.#onGain = onGain;
  }

  map(guest: GuestPhysAddr, host: HostPhysAddr, size: number, flags: number, allowHuge: boolean): boolean {
    const bits = leafBits(flags);
    if (bits === 0) {
      this.unmap(guest, size);
      return true;
    }
    for (let done = 0; done < size;) {
      const level = allowHuge ? leafLevel(guest + done, host + done, size - done) : 0;
      if (!this.#place(guest + done, host + done, level, bits)) return false;
      done += spanOf(level);
    }
    return true;
  }

  /** Removes mappings. If no frame is left to split a huge leaf, all of it goes; its accesses then fault. */
  unmap(guest: GuestPhysAddr, size: number): void {
    this.#change(this.root, this.#levels - 1, 0, guest, guest + size, 0);
  }

  /** Changes flags; without any access the mapping goes. Splits like {@link unmap}. */
  protect(guest: GuestPhysAddr, size: number, flags: number): void {
    this.#change(this.root, this.#levels - 1, 0, guest, guest + size, leafBits(flags));
  }

  query(guest: GuestPhysAddr): NestedMapping | undefined {
    if (guest < 0 || guest >= this.limit) return undefined;
    let table = this.root;
    for (let level = this.#levels - 1; level >= 0; level--) {
      const entry = this.#i32[this.#entryOf(table, level, guest)];
      if ((entry & Pte.V) === 0) return undefined;
      if (!isPointer(entry)) {
        const pageSize = spanOf(level);
        return { host: addressOf(entry) + guest % pageSize, flags: flagsOf(entry), pageSize };
      }
      table = addressOf(entry);
    }
    return undefined;
  }

  flush(): void {
    if (!this.#stale) return this.#onGain();
    this.#stale = false;
    this.#onFlush();
  }

  dispose(): void {
    this.#freeBelow(this.root, this.#levels - 1);
    for (let frame = 0; frame < ROOT_FRAMES; frame++) this.#memory.freeFrame(this.root + frame * PAGE_SIZE);
  }

  /** Index into `i32` of the entry for an address in a table. */
  #entryOf(table: HostPhysAddr, level: number, guest: GuestPhysAddr): number {
    const entries = this.#entriesAt(level);
    return table / 4 + Math.floor(guest / spanOf(level)) % entries * 2;
  }

  #entriesAt(level: number): number {
    return level === this.#levels - 1 ? ROOT_ENTRIES : ENTRIES;
  }

  /** Writes one leaf, making tables on the way; false if no frame is left for one. */
  #place(guest: GuestPhysAddr, host: HostPhysAddr, level: number, bits: number): boolean {
    let table = this.root;
    for (let at = this.#levels - 1; at > level; at--) {
      const place = this.#entryOf(table, at, guest);
      const entry = this.#i32[place];
      if ((entry & Pte.V) !== 0 && isPointer(entry)) {
        table = addressOf(entry);
        continue;
      }
      const child = this.#memory.allocFrame();
      if (child === undefined) return false;
      if ((entry & Pte.V) !== 0) this.#fillFromLeaf(child, at, entry);
      this.#i32[place] = pteAt(child, Pte.V);
      table = child;
    }
    const place = this.#entryOf(table, level, guest);
    const old = this.#i32[place];
    if ((old & Pte.V) !== 0 && isPointer(old)) this.#freeTable(addressOf(old), level - 1);
    const entry = pteAt(host, bits);
    this.#stale ||= losesAnything(old, entry);
    this.#i32[place] = entry;
    return true;
  }

  /** Gives all leaves in [start, end) new bits, or removes them if `bits` is 0. */
  #change(table: HostPhysAddr, level: number, base: number, start: number, end: number, bits: number): void {
    const span = spanOf(level);
    const first = Math.max(0, Math.floor((start - base) / span));
    const last = Math.min(this.#entriesAt(level) - 1, Math.ceil((end - base) / span) - 1);
    for (let index = first; index <= last; index++) {
      const place = table / 4 + index * 2;
      let entry = this.#i32[place];
      if ((entry & Pte.V) === 0) continue;
      const from = base + index * span;
      if (!isPointer(entry)) {
        if (start <= from && from + span <= end) {
          const changed = bits === 0 ? 0 : entry & ~LEAF_BITS | bits;
          this.#stale ||= losesAnything(entry, changed);
          this.#i32[place] = changed;
          continue;
        }
        entry = this.#i32[place] = this.#split(entry, level);
        if (entry === 0) continue;
      }
      const child = addressOf(entry);
      this.#change(child, level - 1, from, start, end, bits);
      if (bits !== 0 || !this.#isEmpty(child)) continue;
      this.#i32[place] = 0;
      this.#memory.freeFrame(child);
    }
  }

  /** Entry that points to a new table with the mappings of a huge leaf; 0 if no frame is left. */
  #split(entry: number, level: number): number {
    const child = this.#memory.allocFrame();
    if (child === undefined) {
      this.#stale = true;
      return 0;
    }
    this.#fillFromLeaf(child, level, entry);
    return pteAt(child, Pte.V);
  }

  #fillFromLeaf(child: HostPhysAddr, level: number, entry: number): void {
    const span = spanOf(level - 1);
    for (let index = 0; index < ENTRIES; index++) {
      this.#i32[child / 4 + index * 2] = pteAt(addressOf(entry) + index * span, entry & LEAF_BITS);
    }
  }

  #isEmpty(table: HostPhysAddr): boolean {
    for (let index = 0; index < ENTRIES; index++) {
      if (this.#i32[table / 4 + index * 2] !== 0) return false;
    }
    return true;
  }

  #freeTable(table: HostPhysAddr, level: number): void {
    this.#freeBelow(table, level);
    this.#memory.freeFrame(table);
  }

  #freeBelow(table: HostPhysAddr, level: number): void {
    if (level === 0) return;
    for (let index = 0; index < this.#entriesAt(level); index++) {
      const entry = this.#i32[table / 4 + index * 2];
      if ((entry & Pte.V) !== 0 && isPointer(entry)) this.#freeTable(addressOf(entry), level - 1);
    }
  }
}

/** Bytes that an entry at `level` maps. */
function spanOf(level: number): number {
  return PAGE_SIZE * ENTRIES ** level;
}

/** Level of the largest leaf that may start here. */
function leafLevel(guest: GuestPhysAddr, host: HostPhysAddr, size: number): number {
  for (let level = TOP_LEAF_LEVEL; level > 0; level--) {
    const span = spanOf(level);
    if (size >= span && guest % span === 0 && host % span === 0) return level;
  }
  return 0;
}

/** Low half of an entry; the high half is 0 because host addresses have 32 bits. */
function pteAt(address: HostPhysAddr, bits: number): number {
  return address / PAGE_SIZE << 10 | bits;
}

/** Host address that an entry names. */
function addressOf(entry: number): HostPhysAddr {
  return (entry >>> 10) * PAGE_SIZE;
}

/** Whether a translation by the old entry may be wrong now. Entries that were invalid are never cached. */
function losesAnything(old: number, now: number): boolean {
  if ((old & Pte.V) === 0) return false;
  return isPointer(old) || ((old ^ now) & ~LEAF_BITS) !== 0 || (old & ~now & LEAF_BITS) !== 0;
}

/** Bits of a leaf, 0 if nothing is allowed. Writable without readable is reserved: it becomes both. */
function leafBits(flags: number): number {
  let bits = 0;
  if ((flags & MappingFlags.READ) !== 0) bits |= Pte.R;
  if ((flags & MappingFlags.WRITE) !== 0) bits |= Pte.R | Pte.W;
  if ((flags & MappingFlags.EXECUTE) !== 0) bits |= Pte.X;
  if (bits === 0) return 0;
  if ((flags & MappingFlags.DEVICE) !== 0) bits |= DEVICE;
  if ((flags & MappingFlags.UNCACHED) !== 0) bits |= UNCACHED;
  return bits | Pte.V | Pte.U | Pte.A | Pte.D;
}

/** Flags of a leaf. */
function flagsOf(entry: number): number {
  let flags: number = MappingFlags.USER;
  if ((entry & Pte.R) !== 0) flags |= MappingFlags.READ;
  if ((entry & Pte.W) !== 0) flags |= MappingFlags.WRITE;
  if ((entry & Pte.X) !== 0) flags |= MappingFlags.EXECUTE;
  if ((entry & DEVICE) !== 0) flags |= MappingFlags.DEVICE;
  if ((entry & UNCACHED) !== 0) flags |= MappingFlags.UNCACHED;
  return flags;
}
