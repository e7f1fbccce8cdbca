/**
 * SBI system reset extension: power-off and reboot (SBI 3.0, chapter 10).
 *
 * @module
 */
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

const SHUTDOWN = 0;
const WARM_REBOOT = 2;
const REASON_FAILURE = 1;

/** Type and reason have 32 bits: what stands above them is ignored. Nothing differs between a cold and a warm reboot. */
function reset({ low }: SbiCall): SbiResult {
  const [type, reason] = [low(0) >>> 0, low(1) >>> 0];
  if (type > WARM_REBOOT || reason > REASON_FAILURE) return { error: SbiError.INVALID_PARAM };
  const action = type === SHUTDOWN ? "shutdown" : "reboot";
  const code = reason === REASON_FAILURE ? 1 : 0;
  return { error: SbiError.SUCCESS, noReturn: true, exit: { kind: "SystemDown", action, code } };
}

/** The extension. */
export const systemReset: SbiExtension = { eid: 0x53525354, name: "SRST", functions: { 0: reset } };
