/**
 * Physical memory protection (Privileged ISA, "Physical Memory Protection CSRs"): 16 entries, granularity 4 bytes.
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import type { HartState } from "../hart_state.ts";
import { FIELD, PMP_ADDRESSES, PMP_ENTRIES } from "../layout.ts";
import { PmpConfig, PmpMatch } from "./fields.ts";
import type { CsrRow } from "./row.ts";
import type { Word64 } from "./word64.ts";

/** Bits of a configuration byte that exist. */
const EXISTING = PmpConfig.R | PmpConfig.W | PmpConfig.X | PmpConfig.A | PmpConfig.L;

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
  if ((old & PmpConfig.L) !== 0) return old;
  const existing = value & EXISTING;
  return (existing & (PmpConfig.R | PmpConfig.W)) === PmpConfig.W ? existing & ~PmpConfig.W : existing;
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
  if ((configuration(state, index) & PmpConfig.L) !== 0) return true;
  if (index === PMP_ENTRIES - 1) return false;
  const next = configuration(state, index + 1);
  return (next & PmpConfig.L) !== 0 && (next & PmpConfig.A) === PmpMatch.TOR;
}

function protectionChanged(hart: Hart): void {
  hart.mmu.protectionChanged();
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
    onWrite: protectionChanged,
  };
}

function configurationRow(number: number, name: string, storage: number): CsrRow {
  return { number, name, storage, legalize: legalizeConfiguration, onWrite: protectionChanged };
}

/** Rows by number. */
export const PMP_CSRS: readonly CsrRow[] = [
  configurationRow(0x3a0, "pmpcfg0", FIELD.pmpcfg0),
  configurationRow(0x3a2, "pmpcfg2", FIELD.pmpcfg2),
  ...Array.from({ length: PMP_ENTRIES }, (_, index) => addressRow(index)),
];
