/**
 * The first stage, virtual to supervisor-physical (satp) or guest-physical (vsatp), with a cache of the last-level tables it met
 * (Privileged ISA, "Virtual Address Translation Process", "Svade", "Svadu").
 *
 * @module
 */
import { EnvConfigHigh } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { type Fault, FaultKind, Pseudo } from "./fault.ts";
import type { NestedStage } from "./nested_stage.ts";
import {
  Access,
  isMalformed,
  isNapot,
  isPointer,
  leafFrame,
  leafShift,
  MODE_LEVELS,
  Pte,
  PTE_RWX,
  pteFrame,
  tableIndex,
} from "./pte.ts";
import type { TableMemory } from "./table_memory.ts";

/** Entries of the cache of last-level tables: a power of two. Each stands for 2 MiB of virtual addresses. */
const CACHE_ENTRIES = 512;

/** Words of a cache entry: generation, va[52:21], va[63:53], the table's frame low and high, where it is in `HostMemory.i32`. */
const CACHE_WORDS = 8;

/** The first stage of one hart. What the access is stands in fields, and so do the results. */
export class FirstStage {
  /** Whether vsatp translates and the second stage follows. */
  virtual = false;
  /** Whether the access has U-mode's rights. */
  user = false;
  /** Whether S-mode may access user pages. */
  sum = false;
  /** Whether execute permission also lets loads read. */
  mxr = false;
  /** Permission bit that the access needs. */
  needed = 0;
  /** A kind of `Access`. */
  access = 0;
  /** What the tables of satp are cached under: any number but 0. */
  generation = 1;
  /** What the tables of vsatp are cached under. */
  guestGeneration = 2;

  /** Low half of the address that was translated, guest-physical if {@link virtual}. */
  low = 0;
  /** High half of it. */
  high = 0;
  /** Permissions that the leaf gives without further updates, R, W, X bits, with MXR applied. */
  permissions = 0;
  /** log2 of the bytes that the leaf maps. */
  shift = 12;

  readonly #hart: Hart;
  readonly #nested: NestedStage;
  readonly #tables: TableMemory;
  readonly #fault: Fault;
  readonly #cache = new Int32Array(CACHE_ENTRIES * CACHE_WORDS);
  /** Where the table that was read last is in `HostMemory.i32`, -1 if not all of it may be read. */
  #home = 0;

  /** @param fault Where failures are noted */
  constructor(hart: Hart, nested: NestedStage, tables: TableMemory, fault: Fault) {
    this.#hart = hart;
    this.#nested = nested;
    this.#tables = tables;
    this.#fault = fault;
  }

  /** Forgets all tables, so that generations can be numbered anew. */
  clear(): void {
    this.#cache.fill(0);
  }

  /** Forgets the last-level table of an address that is cached under a generation. */
  flushAddress(vaLow: number, vaHigh: number, generation: number): void {
    const at = cachePlace(vaLow, vaHigh, generation);
    if (this.#cache[at] === generation) this.#cache[at] = 0;
  }

  /** Walks satp's or vsatp's table, whose mode is not Bare; false after a fault was noted. */
  walk(vaLow: number, vaHigh: number): boolean {
    const state = this.#hart.state;
    const field = this.virtual ? FIELD.vsatp : FIELD.satp;
    const rootHigh = state.high(field);
    let level = (rootHigh >>> 28) - MODE_LEVELS - 1;
    // The bits above the highest index must all equal its top bit: va[63:38], va[63:47], va[63:56].
    const sign = vaHigh >> (9 * level - 12);
    if (sign !== 0 && sign !== -1) return this.#fault.plain(FaultKind.PAGE);
    let environment = state.high(FIELD.menvcfg);
    if (this.virtual) environment &= state.high(FIELD.henvcfg);
    const malleable = (environment & EnvConfigHigh.PBMTE) !== 0;
    const update = (environment & EnvConfigHigh.ADUE) !== 0;
    const i32 = this.#hart.memory.i32;
    const at = this.#place(vaLow, vaHigh);
    // -1: the last-level table is the one in the cache.
    let table = -1;
    let entry = this.#cache[at + 5] + (vaLow >>> 11 & 0x3fe);
    if (this.#holds(at, vaLow, vaHigh)) {
      level = 0;
    } else {
      table = (state.low(field) >>> 0) + (rootHigh & 0xfff) * 0x100000000;
      entry = this.#entry(table, tableIndex(vaLow, vaHigh, level, 511));
    }
    for (;;) {
      if (entry < 0) return false;
      const pteLow = i32[entry];
      const pteHigh = i32[entry + 1];
      if (isMalformed(pteLow, pteHigh, level, malleable)) return this.#fault.plain(FaultKind.PAGE);
      if (!isPointer(pteLow)) return this.#leaf(vaLow, vaHigh, table, entry, level, update);
      table = pteFrame(pteLow, pteHigh);
      entry = this.#entry(table, tableIndex(vaLow, vaHigh, --level, 511));
      if (level === 0 && entry >= 0) this.#remember(at, vaLow, vaHigh, table);
    }
  }

  /** Index of an entry in `HostMemory.i32`; -1 after a fault was noted. Leaves the table's own frame in {@link #home}. */
  #entry(table: number, index: number): number {
    const { virtual } = this;
    const nested = this.#nested;
    if (virtual) {
      const low = (table * 4096 | 0) | index << 3;
      const high = Math.floor(table / 0x100000) | 0;
      if (!nested.translate(low, high, Pte.R, false, Pseudo.READ)) return -1;
    }
    const frame = virtual ? nested.frame : table;
    const entry = virtual ? this.#tables.entryIn(frame, nested.hostFrame, index) : this.#tables.entryAt(frame, index);
    if (entry < 0) this.#fault.plain(FaultKind.ACCESS);
    this.#home = this.#tables.allOfPage(frame) ? entry - index * 2 : -1;
    return entry;
  }

  /** @param table Its frame number, -1 for the one in the cache */
  #leaf(vaLow: number, vaHigh: number, table: number, entry: number, level: number, update: boolean): boolean {
    let pteLow = this.#hart.memory.i32[entry];
    const pteHigh = this.#hart.memory.i32[entry + 1];
    let granted = pteLow & PTE_RWX;
    if (this.mxr && (granted & Pte.X) !== 0) granted |= Pte.R;
    if ((granted & this.needed) === 0 || !this.#reachable(pteLow)) return this.#fault.plain(FaultKind.PAGE);
    const missing = (this.access === Access.WRITE ? Pte.A | Pte.D : Pte.A) & ~pteLow;
    if (missing !== 0) {
      if (!update) return this.#fault.plain(FaultKind.PAGE);
      const owner = table < 0 ? this.#cachedFrame(this.#place(vaLow, vaHigh)) : table;
      if (!this.#update(owner, tableIndex(vaLow, vaHigh, level, 511), missing)) return false;
      pteLow |= missing;
    }
    this.permissions = (pteLow & Pte.D) !== 0 ? granted : granted & ~Pte.W;
    this.#locate(pteLow, pteHigh, level, vaLow, vaHigh);
    this.shift = leafShift(pteHigh, level);
    return true;
  }

  /** Puts the address together: without floating-point arithmetic where the leaf is a page. */
  #locate(pteLow: number, pteHigh: number, level: number, vaLow: number, vaHigh: number): void {
    if (level === 0 && !isNapot(pteHigh)) {
      this.low = (pteLow & -1024) << 2 | (vaLow & 4095);
      this.high = pteLow >>> 30 | (pteHigh & 0x3fffff) << 2;
      return;
    }
    const frame = leafFrame(pteLow, pteHigh, level, vaLow, vaHigh);
    this.low = (frame * 4096) | (vaLow & 4095);
    this.high = Math.floor(frame / 0x100000) | 0;
  }

  /** Whether the U bit lets the access through. */
  #reachable(pteLow: number): boolean {
    if ((pteLow & Pte.U) === 0) return !this.user;
    return this.user || (this.sum && this.access !== Access.EXECUTE);
  }

  /** Sets A or D in guest memory, where the second stage may forbid it. */
  #update(table: number, index: number, bits: number): boolean {
    let frame = table;
    if (this.virtual) {
      const low = (table * 4096 | 0) | index << 3;
      const high = Math.floor(table / 0x100000) | 0;
      if (!this.#nested.translate(low, high, Pte.W, false, Pseudo.WRITE)) return false;
      frame = this.#nested.frame;
    }
    const entry = this.#tables.entryAt(frame, index);
    if (entry < 0) return this.#fault.plain(FaultKind.ACCESS);
    return this.#tables.setBits(entry, bits) || this.#tables.refused(this.#fault);
  }

  /** Place in the cache for the last-level table of an address. */
  #place(vaLow: number, vaHigh: number): number {
    return cachePlace(vaLow, vaHigh, this.#generation);
  }

  /** Whether a place has that table. */
  #holds(at: number, vaLow: number, vaHigh: number): boolean {
    const cache = this.#cache;
    const key = (vaLow >>> 21) | (vaHigh << 11);
    return ((cache[at] ^ this.#generation) | (cache[at + 1] ^ key) | (cache[at + 2] ^ (vaHigh >>> 21))) === 0;
  }

  get #generation(): number {
    return this.virtual ? this.guestGeneration : this.generation;
  }

  #cachedFrame(at: number): number {
    return (this.#cache[at + 3] >>> 0) + this.#cache[at + 4] * 0x100000000;
  }

  #remember(at: number, vaLow: number, vaHigh: number, table: number): void {
    if (this.#tables.peeking || this.#home < 0) return;
    const cache = this.#cache;
    cache[at] = this.#generation;
    cache[at + 1] = (vaLow >>> 21) | (vaHigh << 11);
    cache[at + 2] = vaHigh >>> 21;
    cache[at + 3] = table;
    cache[at + 4] = Math.floor(table / 0x100000000);
    cache[at + 5] = this.#home;
  }
}

/** Place in the cache for the 2 MiB around an address: address spaces have much at the same addresses. */
function cachePlace(vaLow: number, vaHigh: number, generation: number): number {
  const key = (vaLow >>> 21) | (vaHigh << 11);
  return ((key ^ key >>> 9 ^ Math.imul(generation, 0x9e3779b1) >>> 23) & (CACHE_ENTRIES - 1)) * CACHE_WORDS;
}
