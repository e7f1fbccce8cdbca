/**
 * Pages of guest code and their predecoded records: one pool for all harts of a VM, kept in step with every write to code.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SHIFT, PAGE_SIZE } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import type { CodePageTracker } from "../mmu/code_page_tracker.ts";
import { LENGTH_SHIFT, Operation, RECORD_PAGE_SIZE, RECORD_SIZE, RECORDS_PER_PAGE } from "./record.ts";

/** What a hart must drop when code pages change. */
export interface CodePageListener {
  /** The page at `hostPage` became code: no write entry may lead to it any more. */
  dropWrites(hostPage: HostPhysAddr): void;
  /** Records moved or went away: no fetch entry may be used any more. */
  dropFetches(): void;
}

/** A page that is written so often without its code being decoded anew holds data by now and is let go. */
const WRITES_UNTIL_RELEASE = 256;

/** Bytes of host memory that a pool of `pages` record pages takes. */
export function recordPoolSize(pages: number): number {
  return pages * RECORD_PAGE_SIZE;
}

/** The pool of record pages. */
export class CodePages implements CodePageTracker {
  readonly #memory: HostMemory;
  readonly #pool: HostPhysAddr;
  readonly #capacity: number;
  /** Record page + 1 of each host page; 0: not code. */
  readonly #slotOfPage: Int32Array;
  /** Host page of each record page; -1: free. */
  readonly #pageOfSlot: Int32Array;
  /** Writes to each page since an instruction of it was last decoded. */
  readonly #writes: Int32Array;
  readonly #free: number[] = [];
  readonly #listeners: CodePageListener[] = [];
  #used = 0;
  /** Called with bytes of code that changed, before their records are forgotten; a whole page if its records go. */
  onStale: (host: HostPhysAddr, length: number) => void = () => {};
  /** Times that the whole pool was emptied because it was full. */
  evictions = 0;

  /**
   * @param pool Address of {@link recordPoolSize} zeroed bytes
   * @param capacity Record pages in the pool
   */
  constructor(memory: HostMemory, pool: HostPhysAddr, capacity: number) {
    this.#memory = memory;
    this.#pool = pool;
    this.#capacity = capacity;
    this.#slotOfPage = new Int32Array(memory.size >> PAGE_SHIFT >>> 0);
    this.#pageOfSlot = new Int32Array(capacity).fill(-1);
    this.#writes = new Int32Array(capacity);
  }

  /** Adds a hart. */
  listen(listener: CodePageListener): void {
    this.#listeners.push(listener);
  }

  /** Pages that hold decoded code now. */
  get pages(): number {
    return this.#used - this.#free.length;
  }

  /** Whether the host page at `hostPage` has records. */
  isCode(hostPage: HostPhysAddr): boolean {
    return this.#slotOfPage[hostPage >>> PAGE_SHIFT] !== 0;
  }

  /** Address of the records of a host page; makes them if need be. */
  recordsOf(hostPage: HostPhysAddr): HostPhysAddr {
    const page = hostPage >>> PAGE_SHIFT;
    const slot = this.#slotOfPage[page];
    if (slot !== 0) return this.#pool + (slot - 1) * RECORD_PAGE_SIZE;
    return this.#adopt(page);
  }

  /** Address of the record of the instruction at host address `host`, or -1 if its page has none. */
  recordAt(host: HostPhysAddr): HostPhysAddr | -1 {
    const slot = this.#slotOfPage[host >>> PAGE_SHIFT];
    return slot === 0 ? -1 : this.#pool + (slot - 1) * RECORD_PAGE_SIZE + (host % PAGE_SIZE) / 2 * RECORD_SIZE;
  }

  /** Host address of the instruction that the record at `record` stands for, or -1 if its page was let go. */
  hostOf(record: HostPhysAddr): HostPhysAddr | -1 {
    const offset = record - this.#pool;
    const page = this.#pageOfSlot[Math.floor(offset / RECORD_PAGE_SIZE)];
    return page < 0 ? -1 : page * PAGE_SIZE + (offset % RECORD_PAGE_SIZE) / RECORD_SIZE * 2;
  }

  /** Notes that the record at `record` is being decoded: its page is code after all. */
  decoding(record: HostPhysAddr): void {
    this.#writes[Math.floor((record - this.#pool) / RECORD_PAGE_SIZE)] = 0;
  }

  /** Forgets the records of the instructions that contain any of `length` bytes at host address `host`. */
  written(host: HostPhysAddr, length: number): void {
    for (let at = host; at < host + length;) {
      const end = Math.min(host + length, (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE);
      const slot = this.#slotOfPage[at >>> PAGE_SHIFT];
      if (slot !== 0) this.#forget(slot - 1, at % PAGE_SIZE, end - at);
      at = end;
    }
  }

  /** Lets all records go. */
  clear(): void {
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.#pageOfSlot[slot] >= 0) this.#release(slot);
    }
    for (const listener of this.#listeners) listener.dropFetches();
  }

  #adopt(page: number): HostPhysAddr {
    let slot = this.#free.pop();
    if (slot === undefined) {
      if (this.#used === this.#capacity) {
        this.evictions++;
        this.clear();
        slot = this.#free.pop()!;
      } else {
        slot = this.#used++;
      }
    }
    this.#slotOfPage[page] = slot + 1;
    this.#pageOfSlot[slot] = page;
    this.#writes[slot] = 0;
    const records = this.#pool + slot * RECORD_PAGE_SIZE;
    const end = (records + RECORDS_PER_PAGE * RECORD_SIZE) >> 2;
    this.#memory.i32[end] = Operation.PAGE_END | 1 << LENGTH_SHIFT;
    this.#memory.i32[end + RECORD_SIZE / 4] = Operation.PAGE_END | 1 << LENGTH_SHIFT;
    for (const listener of this.#listeners) listener.dropWrites(page * PAGE_SIZE);
    return records;
  }

  #release(slot: number): void {
    this.onStale(this.#pageOfSlot[slot] * PAGE_SIZE, PAGE_SIZE);
    this.#slotOfPage[this.#pageOfSlot[slot]] = 0;
    this.#pageOfSlot[slot] = -1;
    const records = this.#pool + slot * RECORD_PAGE_SIZE;
    this.#memory.u8.fill(0, records, records + RECORDS_PER_PAGE * RECORD_SIZE);
    this.#free.push(slot);
  }

  #forget(slot: number, offset: number, length: number): void {
    this.onStale(this.#pageOfSlot[slot] * PAGE_SIZE + offset, length);
    const first = Math.max(0, (offset >> 1) - 1);
    const last = (offset + length - 1) >> 1;
    const words = (this.#pool + slot * RECORD_PAGE_SIZE) >> 2;
    const i32 = this.#memory.i32;
    for (let record = first; record <= last; record++) i32[words + record * (RECORD_SIZE / 4)] = Operation.DECODE;
    if (++this.#writes[slot] < WRITES_UNTIL_RELEASE) return;
    this.#release(slot);
    for (const listener of this.#listeners) listener.dropFetches();
  }
}
