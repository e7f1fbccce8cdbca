/**
 * SBI system suspend (SBI 3.0, chapter 13): the last hart sleeps until an interrupt wakes it.
 *
 * @module
 */
import { runningHarts } from "./harts.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";
import { entryAddress, resumeAt } from "./supervisor_entry.ts";

const SUSPEND_TO_RAM = 0;

/** The type has 32 bits: what stands above them is ignored. */
function suspend(call: SbiCall): SbiResult {
  if (call.low(0) !== SUSPEND_TO_RAM) return { error: SbiError.INVALID_PARAM };
  const address = entryAddress(call, 1);
  if (address === undefined) return { error: SbiError.INVALID_ADDRESS };
  if (runningHarts(call.machine).some((cpu) => cpu !== call.cpu)) return { error: SbiError.DENIED };
  resumeAt(call, address);
  return { error: SbiError.SUCCESS, noReturn: true, exit: { kind: "Halt", suspend: true } };
}

/** The extension. */
export const systemSuspend: SbiExtension = { eid: 0x53555350, name: "SUSP", functions: { 0: suspend } };
