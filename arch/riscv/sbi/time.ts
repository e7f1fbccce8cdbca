/**
 * SBI timer extension: the guest's next timer interrupt (SBI 3.0, chapter 6 "Timer Extension").
 *
 * @module
 */
import { FIELD } from "../layout.ts";
import { Interrupt } from "../csr/fields.ts";
import { setSoftwareInterrupt } from "../trap/interrupts.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

/** Sets the deadline. vstimecmp compares with the same time that the guest reads, and a later deadline takes the interrupt back. */
export function setTimer({ hart, low, high }: SbiCall): SbiResult {
  hart.state.set(FIELD.vstimecmp, low(0), high(0));
  setSoftwareInterrupt(hart, Interrupt.VSTI, false);
  return { error: SbiError.SUCCESS, exit: { kind: "Nothing" } };
}

/** The extension. */
export const time: SbiExtension = { eid: 0x54494d45, name: "TIME", functions: { 0: setTimer } };
