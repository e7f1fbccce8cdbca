/**
 * Pages of guest code and their predecoded records: one pool for all harts of a VM, kept in step with every write to code.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SHIFT, PAGE_SIZE } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import type { CodePageTracker } from "../mmu/code_page_tracker.ts";
import {
  LENGTH_SHIFT,
  LINE_SHIFT,
  Operation,
  OPERATION_MASK,
  PAGE_LINES,
  PAGE_PATIENCE,
  RECORD_PAGE_SIZE,
  RECORD_SIZE,
  RECORDS_PER_PAGE,
} from "./record.ts";

/** What a hart must drop when code pages change. */
export interface CodePageListener {
  /** The page at `hostPage` became code: no write entry may lead to it any more. */
  dropWrites(hostPage: HostPhysAddr): void;
  /** Records moved or went away: no fetch entry may be used any more. */
  dropFetches(): void;
}

/** Writes after which a page that has no code left is let go, so that it takes plain write entries again. */
const PATIENCE = 64;

/** Pages let go after which their records are used anew: harts have to drop their fetch entries first. */
const ENOUGH_DEAD = 64;

/** Bytes of host memory that a pool of `pages` record pages takes. */
export function recordPoolSize(pages: number): number {
  return pages * RECORD_PAGE_SIZE;
}

/** Bytes of the table that leads from the pages of a memory of `size` bytes to their records. The host commits what is used of it. */
export function recordTableSize(size: number): number {
  return size / PAGE_SIZE * 4;
}

/** The pool of record pages. */
export class CodePages implements CodePageTracker {
  readonly #memory: HostMemory;
  readonly #pool: HostPhysAddr;
  readonly #capacity: number;
  /** Address of the records of each host page; 0: not code. Generated code reads it, too: the field `recordTable` says where it is. */
  readonly #recordsOfPage: Uint32Array;
  /** Host page of each record page; -1: free. */
  readonly #pageOfSlot: Int32Array;
  readonly #free: number[] = [];
  /** Record pages that fetch entries may still lead to, all empty. */
  readonly #dead: number[] = [];
  readonly #listeners: CodePageListener[] = [];
  #used = 0;
  /**
   * Called with bytes of code that changed, before their records are forgotten; a whole page if its records go. True if something was
   * made of those bytes.
   */
  onStale: (host: HostPhysAddr, length: number) => boolean = () => false;
  /** Times that the whole pool was emptied because it was full. */
  evictions = 0;

  /**
   * @param pool Address of {@link recordPoolSize} zeroed bytes
   * @param capacity Record pages in the pool
   * @param table Address of {@link recordTableSize} zeroed bytes
   */
  constructor(memory: HostMemory, pool: HostPhysAddr, capacity: number, readonly table: HostPhysAddr) {
    this.#memory = memory;
    this.#pool = pool;
    this.#capacity = capacity;
    this.#recordsOfPage = memory.u32.subarray(table / 4, (table + recordTableSize(memory.size)) / 4);
    this.#pageOfSlot = new Int32Array(capacity).fill(-1);
  }

  /** Adds a hart. */
  listen(listener: CodePageListener): void {
    this.#listeners.push(listener);
  }

  /** Pages that hold decoded code now. */
  get pages(): number {
    return this.#used - this.#free.length - this.#dead.length;
  }

  /** Address of the records of the host page at `hostPage`, 0 if it has none. */
  guard(hostPage: HostPhysAddr): HostPhysAddr {
    return this.#recordsOfPage[hostPage >>> PAGE_SHIFT];
  }

  /** Address of the records of a host page; makes them if need be. */
  recordsOf(hostPage: HostPhysAddr): HostPhysAddr {
    const page = hostPage >>> PAGE_SHIFT;
    const records = this.#recordsOfPage[page];
    return records !== 0 ? records : this.#recordsOf(this.#adopt(page));
  }

  /** Address of the record of the instruction at host address `host`, or -1 if its page has none. */
  recordAt(host: HostPhysAddr): HostPhysAddr | -1 {
    const records = this.#recordsOfPage[host >>> PAGE_SHIFT];
    return records === 0 ? -1 : records + (host % PAGE_SIZE) / 2 * RECORD_SIZE;
  }

  /** Whether the instruction at host address `host` was executed by the interpreter since it was written last. */
  isDecoded(host: HostPhysAddr): boolean {
    return this.nextDecoded(host, host + 2) === host;
  }

  /** The first host address of `from`..`end`, in one page, whose instruction {@link isDecoded}; `end` if there is none. */
  nextDecoded(from: HostPhysAddr, end: HostPhysAddr): HostPhysAddr {
    const record = this.recordAt(from);
    if (record === -1) return end;
    const { u16 } = this.#memory;
    let word = record >>> 1;
    for (let host = from; host < end; host += 2, word += RECORD_SIZE / 2) {
      if ((u16[word] & OPERATION_MASK) !== Operation.DECODE) return host;
    }
    return end;
  }

  /** Host address of the instruction that the record at `record` stands for, or -1 if its page was let go. */
  hostOf(record: HostPhysAddr): HostPhysAddr | -1 {
    const offset = record - this.#pool;
    const page = this.#pageOfSlot[Math.floor(offset / RECORD_PAGE_SIZE)];
    return page < 0 ? -1 : page * PAGE_SIZE + (offset % RECORD_PAGE_SIZE) / RECORD_SIZE * 2;
  }

  /** Notes that something is made of `length` bytes of code at host address `host`, inside one page: its record, a translation. */
  using(host: HostPhysAddr, length: number): void {
    const records = this.#recordsOfPage[host >>> PAGE_SHIFT];
    if (records === 0) return;
    const { i32 } = this.#memory;
    const lines = (records + PAGE_LINES) >>> 2;
    const last = (host + length - 1) % PAGE_SIZE >> LINE_SHIFT;
    for (let line = host % PAGE_SIZE >> LINE_SHIFT; line <= last; line++) i32[lines + (line >> 5)] |= 1 << line;
    i32[lines + 2] = PATIENCE;
  }

  /** `length` bytes at host address `host` were written, or are about to be: forgets what was made of them. */
  written(host: HostPhysAddr, length: number): void {
    // An image is written before there is any code.
    if (this.#used === 0) return;
    for (let at = host; at < host + length;) {
      const end = Math.min(host + length, (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE);
      const records = this.#recordsOfPage[at >>> PAGE_SHIFT];
      if (records !== 0) this.#written((records - this.#pool) / RECORD_PAGE_SIZE, at % PAGE_SIZE, end - at);
      at = end;
    }
  }

  /** Lets all records go. */
  clear(): void {
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.#pageOfSlot[slot] >= 0) this.#release(slot);
    }
    this.#bury();
  }

  #recordsOf(slot: number): HostPhysAddr {
    return this.#pool + slot * RECORD_PAGE_SIZE;
  }

  #adopt(page: number): number {
    const slot = this.#takeSlot();
    const records = this.#recordsOf(slot);
    this.#recordsOfPage[page] = records;
    this.#pageOfSlot[slot] = page;
    const end = (records + RECORDS_PER_PAGE * RECORD_SIZE) >>> 2;
    const { i32 } = this.#memory;
    i32[end] = i32[end + RECORD_SIZE / 4] = Operation.PAGE_END | 1 << LENGTH_SHIFT;
    i32[(records + PAGE_PATIENCE) >>> 2] = PATIENCE;
    for (const listener of this.#listeners) listener.dropWrites(page * PAGE_SIZE);
    return slot;
  }

  #takeSlot(): number {
    if (this.#free.length === 0) {
      if (this.#dead.length < ENOUGH_DEAD && this.#used < this.#capacity) return this.#used++;
      if (this.#dead.length > 0) {
        this.#bury();
      } else {
        this.evictions++;
        this.clear();
      }
    }
    return this.#free.pop()!;
  }

  /** Makes the record pages free that no fetch entry must lead to from now on. */
  #bury(): void {
    for (const listener of this.#listeners) listener.dropFetches();
    this.#free.push(...this.#dead);
    this.#dead.length = 0;
  }

  #release(slot: number): void {
    const page = this.#pageOfSlot[slot];
    this.onStale(page * PAGE_SIZE, PAGE_SIZE);
    this.#recordsOfPage[page] = 0;
    this.#pageOfSlot[slot] = -1;
    const records = this.#recordsOf(slot);
    this.#memory.u8.fill(0, records, records + RECORD_PAGE_SIZE);
    this.#dead.push(slot);
  }

  /** A write to a page with records. Whatever was made of the lines that it changes code in is forgotten as a whole. */
  #written(slot: number, offset: number, length: number): void {
    const { i32 } = this.#memory;
    const lines = (this.#recordsOf(slot) + PAGE_LINES) >>> 2;
    const first = offset >> LINE_SHIFT;
    const last = (offset + length - 1) >> LINE_SHIFT;
    let used = false;
    for (let line = first; line <= last; line++) used ||= (i32[lines + (line >> 5)] >>> line & 1) !== 0;
    if (used && this.#isCode(slot, offset, length)) {
      for (let line = first; line <= last; line++) this.#forgetLine(slot, line);
      this.onStale(this.#pageOfSlot[slot] * PAGE_SIZE + (first << LINE_SHIFT), last - first + 1 << LINE_SHIFT);
    }
    if ((i32[lines] | i32[lines + 1]) !== 0) return;
    i32[lines + 2] -= Math.ceil(length / 8);
    if (i32[lines + 2] <= 0) this.#release(slot);
  }

  /** Whether bytes of a line that is in use are code: data may lie beside it. */
  #isCode(slot: number, offset: number, length: number): boolean {
    if (this.onStale(this.#pageOfSlot[slot] * PAGE_SIZE + offset, length)) return true;
    const { i32 } = this.#memory;
    const words = this.#recordsOf(slot) >>> 2;
    // An instruction of 4 bytes may start 2 bytes before.
    const last = (offset + length - 1) >> 1;
    for (let record = Math.max(0, (offset >> 1) - 1); record <= last; record++) {
      if (i32[words + record * (RECORD_SIZE / 4)] !== Operation.DECODE) return true;
    }
    return false;
  }

  #forgetLine(slot: number, line: number): void {
    const { i32 } = this.#memory;
    const records = this.#recordsOf(slot);
    const lines = ((records + PAGE_LINES) >>> 2) + (line >> 5);
    if ((i32[lines] >>> line & 1) === 0) return;
    i32[lines] &= ~(1 << line);
    const first = line << (LINE_SHIFT - 1);
    const words = records >>> 2;
    for (let record = Math.max(0, first - 1); record < first + (1 << (LINE_SHIFT - 1)); record++) {
      i32[words + record * (RECORD_SIZE / 4)] = Operation.DECODE;
    }
  }
}
