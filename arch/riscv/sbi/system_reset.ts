/**
 * SBI system reset extension: power-off and reboot (SBI 3.0, chapter 10).
 *
 * @module
 */
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

const SHUTDOWN = 0;
const WARM_REBOOT = 2;
const REASON_FAILURE = 1;

function reset({ low, high }: SbiCall): SbiResult {
  const [type, reason] = [low(0) >>> 0, low(1) >>> 0];
  if (high(0) >> 31 !== low(0) >> 31 && high(0) !== 0) return { error: SbiError.INVALID_PARAM };
  if (type > WARM_REBOOT || reason > REASON_FAILURE) return { error: SbiError.INVALID_PARAM };
  const action = type === SHUTDOWN ? "shutdown" : "reboot";
  return { error: 0, noReturn: true, exit: { kind: "SystemDown", action, code: reason === REASON_FAILURE ? 1 : 0 } };
}

/** The extension. */
export const systemReset: SbiExtension = { eid: 0x53525354, name: "SRST", functions: { 0: reset } };
