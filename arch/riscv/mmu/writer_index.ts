/**
 * Where the write entries that lead to a host page are, so that nobody searches tables for them when the page becomes code (Unprivileged
 * ISA, "Zifencei": stores to code must be heard of).
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import { WRITER_SETS, WRITER_WAYS } from "./area.ts";

/** In a set's first place: there were more than it could keep. */
export const WRITERS_FULL = -1;

/** The index of one hart. `tlb_code.ts` adds to it. Nobody tells it of entries that are gone: it looks. */
export class WriterIndex {
  readonly #i32: Int32Array;
  /** Addresses of entries, 0 for none. */
  readonly #places: Int32Array;

  /** @param at Where it lies */
  constructor(memory: HostMemory, at: HostPhysAddr) {
    this.#i32 = memory.i32;
    this.#places = memory.i32.subarray(at / 4, at / 4 + WRITER_SETS * WRITER_WAYS);
  }

  /**
   * Clears the write entries that lead to a page.
   *
   * @returns false if not all of them are known: then none was cleared
   */
  clear(hostPage: HostPhysAddr): boolean {
    const places = this.#places;
    const first = setOf(hostPage) * WRITER_WAYS;
    if (places[first] === WRITERS_FULL) return false;
    for (let way = first; way < first + WRITER_WAYS; way++) {
      if (places[way] === 0) continue;
      const entry = places[way] >>> 2;
      if (leadsTo(this.#i32, entry) === (hostPage | 0)) this.#i32[entry] = 0;
    }
    return true;
  }

  /** Forgets everything: no table has write entries. */
  reset(): void {
    this.#places.fill(0);
  }
}

/** Host page that a write entry leads to, as a signed number. */
export function leadsTo(i32: Int32Array, entry: number): number {
  return (i32[entry + 2] + i32[entry]) & -4096;
}

function setOf(hostPage: number): number {
  return (hostPage >>> 12) & (WRITER_SETS - 1);
}
