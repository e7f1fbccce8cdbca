/**
 * The second stage, guest-physical to supervisor-physical, with a cache of its results (Privileged ISA, Hypervisor extension,
 * "Guest Physical Address Translation").
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import { EnvConfigHigh } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { MmuArea, NESTED_LARGE_ENTRIES, NESTED_LARGE_SHIFT, NestedLarge } from "./area.ts";
import { type Fault, FaultKind } from "./fault.ts";
import type { TableMemory } from "./table_memory.ts";
import {
  isMalformed,
  isPointer,
  leafFrame,
  MODE_BARE,
  MODE_LEVELS,
  PHYSICAL_FRAMES,
  Pte,
  PTE_RWX,
  pteFrame,
  tableIndex,
} from "./pte.ts";

/** Entries of the cache of pages: a power of two. 4096 pages are 16 MiB of guest memory. */
const CACHE_ENTRIES = 4096;

/** Words of a cache entry: generation, address low and high, permissions, host frame or -1, supervisor-physical frame low, high, grant. */
const CACHE_WORDS = 8;

/** Bits of the last index, at the root of a G-stage table, which is four pages long. */
const ROOT_MASK = 2047;

/** The second stage of one hart. Results are in fields, so that nothing is allocated. */
export class NestedStage {
  /** Permissions of the page found, R, W, X bits; W only if the entry is already dirty. */
  permissions = 0;
  /** Supervisor-physical frame number of the page found. */
  frame = 0;
  /** Host frame number of it, -1 if it is not RAM. */
  hostFrame = 0;
  /** What the VM lets it be used for, R, W, X bits. */
  granted = 0;
  readonly #hart: Hart;
  readonly #tables: TableMemory;
  readonly #fault: Fault;
  readonly #cache = new Int32Array(CACHE_ENTRIES * CACHE_WORDS);
  /** The cache of large leaves, which `refill.ts` reads as well. */
  readonly #large: Int32Array;
  /** Generation of both caches: what lies in the MMU's area as `NESTED_GENERATION`. */
  readonly #generation: Int32Array;
  /** Whether what the last walk found holds for the aligned 2 MiB around it. */
  #isLarge = false;

  /**
   * @param area Where `MmuArea` begins
   * @param fault Where failures are noted
   */
  constructor(hart: Hart, area: HostPhysAddr, tables: TableMemory, fault: Fault) {
    const { i32 } = hart.memory;
    const large = (area + MmuArea.NESTED_LARGE) / 4;
    this.#large = i32.subarray(large, large + (NESTED_LARGE_ENTRIES << NESTED_LARGE_SHIFT) / 4);
    const generation = (area + MmuArea.NESTED_GENERATION) / 4;
    this.#generation = i32.subarray(generation, generation + 1);
    this.#generation[0] = 1;
    this.#hart = hart;
    this.#tables = tables;
    this.#fault = fault;
  }

  /** Forgets all cached results. */
  flush(): void {
    const generation = this.#generation;
    if (generation[0] === 0x7fffffff) {
      this.#cache.fill(0);
      this.#large.fill(0);
      generation[0] = 0;
    }
    generation[0]++;
  }

  /**
   * Translates a guest-physical address; false after a fault was noted.
   *
   * @param needed Permission bit that the access needs
   * @param mxr Whether execute permission also lets the access read
   * @param pseudo What kind of implicit access this is, for the fault
   */
  translate(low: number, high: number, needed: number, mxr: boolean, pseudo: number): boolean {
    if (this.#findLarge(low, high, needed, mxr)) return true;
    const at = ((low >>> 12) & (CACHE_ENTRIES - 1)) * CACHE_WORDS;
    const cache = this.#cache;
    if (cache[at + 1] === (low & -4096) && cache[at + 2] === high && cache[at] === this.#generation[0]) {
      const permissions = cache[at + 3];
      if (allows(permissions, needed, mxr)) {
        this.permissions = permissions;
        this.hostFrame = cache[at + 4];
        this.granted = cache[at + 7];
        this.frame = (cache[at + 5] >>> 0) + cache[at + 6] * 0x100000000;
        return true;
      }
    }
    if (!this.#walk(low, high, needed, mxr, pseudo)) return false;
    this.hostFrame = this.#tables.hostFrame(this.frame);
    this.granted = this.#tables.granted;
    if (this.#tables.peeking) return true;
    if (this.#isLarge) {
      this.#keepLarge(low, high);
      return true;
    }
    cache[at] = this.#generation[0];
    cache[at + 1] = low & -4096;
    cache[at + 2] = high;
    cache[at + 3] = this.permissions;
    cache[at + 4] = this.hostFrame;
    cache[at + 5] = this.frame;
    cache[at + 6] = Math.floor(this.frame / 0x100000000);
    cache[at + 7] = this.granted;
    return true;
  }

  /** Looks among the large leaves. RAM behind one may be in pieces, so its host frame is asked for each page. */
  #findLarge(low: number, high: number, needed: number, mxr: boolean): boolean {
    const key = (low >>> 21) | (high << 11);
    const at = placeOf(key);
    const large = this.#large;
    if (large[at + NestedLarge.GENERATION] !== this.#generation[0]) return false;
    if (large[at + NestedLarge.KEY] !== key || large[at + NestedLarge.HIGH] !== high >>> 21) return false;
    const permissions = large[at + NestedLarge.PERMISSIONS];
    if (!allows(permissions, needed, mxr)) return false;
    this.permissions = permissions;
    const first = (large[at + NestedLarge.FRAME] >>> 0) + large[at + NestedLarge.FRAME_HIGH] * 0x100000000;
    this.frame = first + ((low >>> 12) & 511);
    this.hostFrame = this.#tables.hostFrame(this.frame);
    this.granted = this.#tables.granted;
    return true;
  }

  #keepLarge(low: number, high: number): void {
    const key = (low >>> 21) | (high << 11);
    const at = placeOf(key);
    const first = this.frame - ((low >>> 12) & 511);
    const large = this.#large;
    large[at + NestedLarge.GENERATION] = this.#generation[0];
    large[at + NestedLarge.KEY] = key;
    large[at + NestedLarge.HIGH] = high >>> 21;
    large[at + NestedLarge.PERMISSIONS] = this.permissions;
    large[at + NestedLarge.FRAME] = first;
    large[at + NestedLarge.FRAME_HIGH] = Math.floor(first / 0x100000000);
    large[at + NestedLarge.HOST] = this.#hostInOnePiece(first);
  }

  /** Host page of the first of 512 frames if they lie there in a row, as they always do in guest mode; else 0. */
  #hostInOnePiece(first: number): number {
    if (this.#hart.options.mode !== "guest") return 0;
    const host = this.#tables.hostFrame(first);
    return host >= 0 && this.#tables.hostFrame(first + 511) === host + 511 ? host * 4096 : 0;
  }

  #walk(low: number, high: number, needed: number, mxr: boolean, pseudo: number): boolean {
    const state = this.#hart.state;
    const hgatpHigh = state.high(FIELD.hgatp);
    const mode = hgatpHigh >>> 28;
    if (mode === MODE_BARE) return this.#bare(low, high);
    const levels = mode - MODE_LEVELS;
    // A guest-physical address is 2 bits wider than the virtual one of the same mode: 41, 50, 59.
    if (high >>> (9 * levels - 18) !== 0) return this.#fault.guest(low, high, pseudo);
    const environment = state.high(FIELD.menvcfg);
    let table = (state.low(FIELD.hgatp) & ~3) >>> 0;
    table += (hgatpHigh & 0xfff) * 0x100000000;
    let mask = ROOT_MASK;
    for (let level = levels - 1; level >= 0; level--) {
      const entry = this.#tables.entryAt(table, tableIndex(low, high, level, mask));
      if (entry < 0) return this.#fault.plain(FaultKind.ACCESS);
      const pteLow = this.#hart.memory.i32[entry];
      const pteHigh = this.#hart.memory.i32[entry + 1];
      if (isMalformed(pteLow, pteHigh, level, (environment & EnvConfigHigh.PBMTE) !== 0)) {
        return this.#fault.guest(low, high, pseudo);
      }
      table = pteFrame(pteLow, pteHigh);
      if (!isPointer(pteLow)) {
        return this.#leaf(low, high, level, entry, needed, mxr, pseudo, (environment & EnvConfigHigh.ADUE) !== 0);
      }
      mask = 511;
    }
    return this.#fault.guest(low, high, pseudo);
  }

  /** No second stage: a guest-physical address is a supervisor-physical one. */
  #bare(low: number, high: number): boolean {
    this.frame = (low >>> 12) + (high >>> 0) * 0x100000;
    this.permissions = PTE_RWX;
    this.#isLarge = true;
    return this.frame < PHYSICAL_FRAMES || this.#fault.plain(FaultKind.ACCESS);
  }

  #leaf(
    low: number,
    high: number,
    level: number,
    entry: number,
    needed: number,
    mxr: boolean,
    pseudo: number,
    update: boolean,
  ): boolean {
    let pteLow = this.#hart.memory.i32[entry];
    const pteHigh = this.#hart.memory.i32[entry + 1];
    const readable = (pteLow & Pte.R) !== 0 || (mxr && (pteLow & Pte.X) !== 0);
    const granted = needed === Pte.R ? readable : (pteLow & needed) !== 0;
    if (!granted || (pteLow & Pte.U) === 0) return this.#fault.guest(low, high, pseudo);
    const missing = (needed === Pte.W ? Pte.A | Pte.D : Pte.A) & ~pteLow;
    if (missing !== 0) {
      if (!update) return this.#fault.guest(low, high, pseudo);
      if (!this.#tables.setBits(entry, missing)) return this.#tables.refused(this.#fault);
      pteLow |= missing;
    }
    this.permissions = pteLow & ((pteLow & Pte.D) !== 0 ? PTE_RWX : Pte.R | Pte.X);
    this.#isLarge = level > 0;
    this.frame = leafFrame(pteLow, pteHigh, level, low, high);
    return this.frame < PHYSICAL_FRAMES || this.#fault.plain(FaultKind.ACCESS);
  }
}

/** Where an entry of the cache of large leaves is. */
function placeOf(key: number): number {
  return (key & (NESTED_LARGE_ENTRIES - 1)) << (NESTED_LARGE_SHIFT - 2);
}

/** Whether permissions include the one needed. */
function allows(permissions: number, needed: number, mxr: boolean): boolean {
  return (permissions & needed) !== 0 || (mxr && needed === Pte.R && (permissions & Pte.X) !== 0);
}
