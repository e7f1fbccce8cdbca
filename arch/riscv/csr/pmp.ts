/**
 * Physical memory protection (Privileged ISA, "Physical Memory Protection CSRs"): 16 entries, granularity 4 bytes.
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import type { HartState } from "../hart_state.ts";
import { FIELD, PMP_ADDRESSES } from "../layout.ts";
import type { CsrRow } from "./row.ts";
import { translationChanged } from "./supervisor.ts";
import type { Word64 } from "./word64.ts";

/** Entries. */
const ENTRIES = 16;

/** Bits of a configuration byte: R, W, X, A (two), L. */
const R = 1;
const W = 2;
const EXISTING = 0x9f;
const LOCKED = 0x80;

/** A (bits 4:3) of a top-of-range entry. */
const A_SHIFT = 3;
const TOP_OF_RANGE = 1;

/** Bits 55:2 of an address. */
const ADDRESS_BITS = 0x3f_ffff_ffff_ffffn;

/** Configuration byte of entry `index`. */
function configuration(state: HartState, index: number): number {
  const field = index < 8 ? FIELD.pmpcfg0 : FIELD.pmpcfg2;
  const word = (index & 4) === 0 ? state.low(field) : state.high(field);
  return (word >>> ((index & 3) * 8)) & 0xff;
}

/** A locked byte stays; W without R is reserved and loses W. */
function legalizeByte(value: number, old: number): number {
  if ((old & LOCKED) !== 0) return old;
  const existing = value & EXISTING;
  return (existing & (R | W)) === W ? existing & ~W : existing;
}

function legalizeWord(value: number, old: number): number {
  let legal = 0;
  for (let shift = 0; shift < 32; shift += 8) {
    legal |= legalizeByte((value >>> shift) & 0xff, (old >>> shift) & 0xff) << shift;
  }
  return legal;
}

function legalizeConfiguration(_hart: Hart, value: Word64, old: Readonly<Word64>): void {
  value.low = legalizeWord(value.low, old.low);
  value.high = legalizeWord(value.high, old.high);
}

/** An address is locked with its own entry, and with the next one if that is a locked top of range. */
function isAddressLocked(state: HartState, index: number): boolean {
  if ((configuration(state, index) & LOCKED) !== 0) return true;
  if (index === ENTRIES - 1) return false;
  const next = configuration(state, index + 1);
  return (next & LOCKED) !== 0 && ((next >>> A_SHIFT) & 3) === TOP_OF_RANGE;
}

function addressRow(index: number): CsrRow {
  return {
    number: 0x3b0 + index,
    name: `pmpaddr${index}`,
    storage: PMP_ADDRESSES + index * 8,
    writeMask: ADDRESS_BITS,
    legalize: (hart, value, old) => {
      if (!isAddressLocked(hart.state, index)) return;
      value.low = old.low;
      value.high = old.high;
    },
    onWrite: translationChanged,
  };
}

function configurationRow(number: number, name: string, storage: number): CsrRow {
  return { number, name, storage, legalize: legalizeConfiguration, onWrite: translationChanged };
}

/** Rows by number. */
export const PMP_CSRS: readonly CsrRow[] = [
  configurationRow(0x3a0, "pmpcfg0", FIELD.pmpcfg0),
  configurationRow(0x3a2, "pmpcfg2", FIELD.pmpcfg2),
  ...Array.from({ length: ENTRIES }, (_, index) => addressRow(index)),
];
