/**
 * Physical memory protection with 16 entries (Privileged ISA, "Physical Memory Protection").
 *
 * @module
 */
import { PmpConfig, PmpMatch } from "../csr/fields.ts";
import type { HartState } from "../hart_state.ts";
import { FIELD, PMP_ADDRESSES, PMP_ENTRIES } from "../layout.ts";
import { Privilege } from "../trap/mode.ts";
import { PTE_RWX } from "./pte.ts";

/** Words of PMP state that are compared to see a change: pmpcfg0, pmpcfg2, 16 addresses. */
const WORDS = 4 + PMP_ENTRIES * 2;

/** Bytes of a page. */
const PAGE = 4096;

/** The PMP of one hart, compiled from its CSRs. Permissions are R, W, X bits as in page-table entries. */
export class Pmp {
  readonly #state: HartState;
  readonly #starts = new Float64Array(PMP_ENTRIES);
  readonly #ends = new Float64Array(PMP_ENTRIES);
  readonly #configs = new Uint8Array(PMP_ENTRIES);
  readonly #seen = new Int32Array(WORDS);
  #active = 0;

  /** @param state Where the CSRs are */
  constructor(state: HartState) {
    this.#state = state;
  }

  /** Takes the CSRs over; true if they changed. */
  update(): boolean {
    const state = this.#state;
    let changed = this.#note(0, state.low(FIELD.pmpcfg0));
    changed = this.#note(1, state.high(FIELD.pmpcfg0)) || changed;
    changed = this.#note(2, state.low(FIELD.pmpcfg2)) || changed;
    changed = this.#note(3, state.high(FIELD.pmpcfg2)) || changed;
    for (let i = 0; i < PMP_ENTRIES; i++) {
      changed = this.#note(4 + i * 2, state.low(PMP_ADDRESSES + i * 8)) || changed;
      changed = this.#note(5 + i * 2, state.high(PMP_ADDRESSES + i * 8)) || changed;
    }
    if (changed) this.#compile();
    return changed;
  }

  /** Permissions for `size` bytes at a physical address; 0 if an entry covers them only in part. */
  allowed(address: number, size: number, privilege: number): number {
    const found = this.#find(address, size, privilege);
    return found < 0 ? 0 : found;
  }

  /** Permissions that hold for the whole page at `address`, or -1 if its parts differ. */
  allowedPage(address: number, privilege: number): number {
    return this.#find(address, PAGE, privilege);
  }

  /** Looks for the first entry that matches any byte; -1 if it does not match all. */
  #find(address: number, size: number, privilege: number): number {
    for (let i = 0; i < this.#active; i++) {
      const start = this.#starts[i];
      const end = this.#ends[i];
      if (address >= end || address + size <= start) continue;
      if (address < start || address + size > end) return -1;
      const config = this.#configs[i];
      if (privilege === Privilege.M && (config & PmpConfig.L) === 0) return PTE_RWX;
      // R, W, X are bits 0..2 here and bits 1..3 in page-table entries.
      return (config & 7) << 1;
    }
    return privilege === Privilege.M ? PTE_RWX : 0;
  }

  #note(index: number, value: number): boolean {
    if (this.#seen[index] === value) return false;
    this.#seen[index] = value;
    return true;
  }

  /** Keeps the entries that are on, in order. */
  #compile(): void {
    this.#active = 0;
    let previous = 0;
    for (let i = 0; i < PMP_ENTRIES; i++) {
      const config = (this.#seen[i >> 2] >>> ((i & 3) * 8)) & 0xff;
      const low = this.#seen[4 + i * 2];
      const high = this.#seen[5 + i * 2] & 0x3fffff;
      const address = ((low >>> 0) + high * 0x100000000) * 4;
      const match = config & PmpConfig.A;
      if (match === PmpMatch.TOR) this.#add(previous, address, config);
      else if (match === PmpMatch.NA4) this.#add(address, address + 4, config);
      else if (match !== PmpMatch.OFF) this.#addNapot(low, high, config);
      previous = address;
    }
  }

  #addNapot(low: number, high: number, config: number): void {
    const ones = low === -1 ? 32 + trailingOnes(high) : trailingOnes(low);
    // What stands above the ones is the start, in units of 4 bytes: without them it is exact as a double.
    const startLow = low & (low + 1);
    const startHigh = low === -1 ? high & (high + 1) : high;
    const start = ((startLow >>> 0) + startHigh * 0x100000000) * 4;
    this.#add(start, start + 2 ** (ones + 3), config);
  }

  #add(start: number, end: number, config: number): void {
    if (start >= end) return;
    this.#starts[this.#active] = start;
    this.#ends[this.#active] = end;
    this.#configs[this.#active++] = config;
  }
}

/** Ones at the low end of a 32-bit number that has a zero. */
function trailingOnes(value: number): number {
  const zeros = ~value & (value + 1);
  return 31 - Math.clz32(zeros);
}
