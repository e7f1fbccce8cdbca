/**
 * Where the write entries that lead to a host page are, so that nobody searches tables for them when the page becomes code (Unprivileged
 * ISA, "Zifencei": stores to code must be heard of).
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import { TLB_ENTRY_SIZE } from "../layout.ts";

/** Sets of places: a power of two. Pages 64 MiB apart share one. */
const SETS = 16384;

/** Places that a set has. */
const WAYS = 4;

/** In a set's first place: there were more than it could keep. */
const FULL = -1;

/** Words of 32 bits of an entry. */
const ENTRY_WORDS = TLB_ENTRY_SIZE / 4;

/** The index of one hart. Nobody tells it of entries that are gone: it looks. */
export class WriterIndex {
  readonly #i32: Int32Array;
  readonly #first: number;
  /** Entries, as their number from the first table on plus 1, 0 for none. */
  readonly #places = new Int32Array(SETS * WAYS);

  /** @param tables Where the translation tables begin */
  constructor(memory: HostMemory, tables: HostPhysAddr) {
    this.#i32 = memory.i32;
    this.#first = tables >>> 2;
  }

  /**
   * Notes a write entry.
   *
   * @param entry Its index in `HostMemory.i32`
   */
  add(entry: number): void {
    const set = setOf(leadsTo(this.#i32, entry));
    const place = (entry - this.#first) / ENTRY_WORDS + 1;
    const places = this.#places;
    const first = set * WAYS;
    if (places[first] === FULL) return;
    let free = -1;
    for (let way = first; way < first + WAYS; way++) {
      if (places[way] === place) return;
      if (free < 0 && !this.#isIn(places[way], set)) free = way;
    }
    places[free < 0 ? first : free] = free < 0 ? FULL : place;
  }

  /**
   * Clears the write entries that lead to a page.
   *
   * @returns false if not all of them are known: then none was cleared
   */
  clear(hostPage: HostPhysAddr): boolean {
    const places = this.#places;
    const first = setOf(hostPage) * WAYS;
    if (places[first] === FULL) return false;
    for (let way = first; way < first + WAYS; way++) {
      if (places[way] === 0) continue;
      const entry = this.#entry(places[way]);
      if (leadsTo(this.#i32, entry) === (hostPage | 0)) this.#i32[entry] = 0;
    }
    return true;
  }

  /** Forgets everything: no table has write entries. */
  reset(): void {
    this.#places.fill(0);
  }

  #entry(place: number): number {
    return this.#first + (place - 1) * ENTRY_WORDS;
  }

  /** Whether a place has an entry that a set must know. Without short cuts: V8 compiles what it saw, and anew what it did not. */
  #isIn(place: number, set: number): boolean {
    const entry = this.#entry(place);
    const wanted = place === 0 ? -1 : set;
    return setOf(leadsTo(this.#i32, entry)) === (this.#i32[entry] === 0 ? -1 : wanted);
  }
}

/** Host page that a write entry leads to, as a signed number. */
export function leadsTo(i32: Int32Array, entry: number): number {
  return (i32[entry + 2] + i32[entry]) & -4096;
}

function setOf(hostPage: number): number {
  return (hostPage >>> 12) & (SETS - 1);
}
