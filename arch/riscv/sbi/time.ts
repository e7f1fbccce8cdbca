/**
 * SBI timer extension: the guest's next timer interrupt (SBI 3.0, chapter 6).
 *
 * @module
 */
import type { AxVCpuExitReason } from "../../../core/exit.ts";
import { Interrupt } from "../csr/fields.ts";
import { FIELD } from "../layout.ts";
import { setSoftwareInterrupt } from "../trap/interrupts.ts";
import { countEvent, FirmwareEvent } from "./pmu_state.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

/** The VM asks for the deadline anew. */
const DEADLINE_MOVED: AxVCpuExitReason = { kind: "Nothing" };

/** Sets the deadline. vstimecmp compares with the same time that the guest reads, and a later deadline takes the interrupt back. */
export function setTimer({ machine, cpu, hart, low, high }: SbiCall): SbiResult {
  hart.state.set(FIELD.vstimecmp, low(0), high(0));
  setSoftwareInterrupt(hart, Interrupt.VSTI, false);
  countEvent(machine, cpu, FirmwareEvent.SET_TIMER);
  return { error: SbiError.SUCCESS, exit: DEADLINE_MOVED };
}

/** The extension. */
export const time: SbiExtension = { eid: 0x54494d45, name: "TIME", functions: { 0: setTimer } };
