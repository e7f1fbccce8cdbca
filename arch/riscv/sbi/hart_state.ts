/**
 * SBI hart state management: start, stop, status, suspend (SBI 3.0, chapter 9).
 *
 * The pending states never show: a transition is over before the next call can ask.
 *
 * @module
 */
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";
import { entryAddress, resumeAt } from "./supervisor_entry.ts";

/** Numbers of the states that show. */
const STATUS = { started: 0, stopped: 1, suspended: 4 } as const;

const RETENTIVE = 0;
const NON_RETENTIVE = 0x80000000;

function start(call: SbiCall): SbiResult {
  const { machine, number, low, high } = call;
  const targetCpu = number(0);
  if (targetCpu >= machine.cpus) return { error: SbiError.INVALID_PARAM };
  if (machine.status(targetCpu) !== "stopped") return { error: SbiError.ALREADY_AVAILABLE };
  const entryPoint = entryAddress(call, 1);
  if (entryPoint === undefined) return { error: SbiError.INVALID_ADDRESS };
  return { error: SbiError.SUCCESS, exit: { kind: "CpuUp", targetCpu, entryPoint, argLow: low(2), argHigh: high(2) } };
}

function stop(): SbiResult {
  return { error: SbiError.SUCCESS, noReturn: true, exit: { kind: "CpuDown" } };
}

function getStatus({ machine, number }: SbiCall): SbiResult {
  const cpu = number(0);
  if (cpu >= machine.cpus) return { error: SbiError.INVALID_PARAM };
  return { error: SbiError.SUCCESS, low: STATUS[machine.status(cpu)] };
}

/** The type has 32 bits: what stands above them is ignored. */
function suspend(call: SbiCall): SbiResult {
  const type = call.low(0) >>> 0;
  if (type === RETENTIVE) return { error: SbiError.SUCCESS, exit: { kind: "Halt", suspend: true } };
  if (type !== NON_RETENTIVE) return { error: SbiError.INVALID_PARAM };
  const address = entryAddress(call, 1);
  if (address === undefined) return { error: SbiError.INVALID_ADDRESS };
  resumeAt(call, address);
  return { error: SbiError.SUCCESS, noReturn: true, exit: { kind: "Halt", suspend: true } };
}

/** The extension. */
export const hartState: SbiExtension = {
  eid: 0x48534d,
  name: "HSM",
  functions: { 0: start, 1: stop, 2: getStatus, 3: suspend },
};
