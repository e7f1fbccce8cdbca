/**
 * SBI inter-processor interrupts (SBI 3.0, chapter 7).
 *
 * @module
 */
import { Interrupt } from "../csr/fields.ts";
import { selectedHarts } from "./harts.ts";
import { countSent, FirmwareEvent } from "./pmu_state.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

/** Makes the supervisor software interrupt of some harts pending. */
export function interruptHarts({ machine, cpu }: SbiCall, targets: readonly number[]): SbiResult {
  countSent(machine, cpu, targets, FirmwareEvent.IPI_SENT, FirmwareEvent.IPI_RECEIVED);
  return { error: SbiError.SUCCESS, exit: { kind: "SendIPI", targets, vector: Interrupt.VSSI } };
}

function sendIpi(call: SbiCall): SbiResult {
  const targets = selectedHarts(call);
  return targets === undefined ? { error: SbiError.INVALID_PARAM } : interruptHarts(call, targets);
}

/** The extension. */
export const ipi: SbiExtension = { eid: 0x735049, name: "sPI", functions: { 0: sendIpi } };
