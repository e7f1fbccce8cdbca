/**
 * The state in which a hart comes back from a suspend that keeps nothing (SBI 3.0, tables "HSM Hart Resume Register State" and
 * "SUSP System Resume Register State").
 *
 * @module
 */
import { Status } from "../csr/fields.ts";
import { FIELD } from "../layout.ts";
import type { SbiCall } from "./sbi.ts";

const A0 = 10;
const A1 = 11;

/** The address in an argument if a supervisor can begin there: even, and RAM. */
export function entryAddress({ machine, number }: SbiCall, index: number): number | undefined {
  const address = number(index);
  return address % 2 === 0 && machine.readGuest(address, 2) !== undefined ? address : undefined;
}

/**
 * Makes the calling hart go on at `address` when it goes on, with translation and interrupts off, its number in a0 and the call's
 * third argument in a1. The other registers are undefined then, so that nothing needs to wait for the wake-up.
 */
export function resumeAt({ hart, cpu, low, high }: SbiCall, address: number): void {
  const { state } = hart;
  const [opaqueLow, opaqueHigh] = [low(2), high(2)];
  state.set(FIELD.sepc, address | 0, Math.floor(address / 2 ** 32));
  state.setX(A0, cpu, 0);
  state.setX(A1, opaqueLow, opaqueHigh);
  state.set(FIELD.vsstatus, state.low(FIELD.vsstatus) & ~Status.SIE, state.high(FIELD.vsstatus));
  state.set(FIELD.vsatp, 0, 0);
  hart.mmu.translationChanged();
}
