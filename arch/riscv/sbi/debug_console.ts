/**
 * SBI debug console extension (SBI 3.0, chapter 12).
 *
 * @module
 */
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";

/** Bytes that one call moves at most: the guest asks again for the rest. */
const LARGEST_CHUNK = 65536;

/** The buffer's address; its upper half must be 0, no RAM is there. */
function bufferAddress({ number, low, high }: SbiCall): number {
  return low(2) === 0 && high(2) === 0 ? number(1) : Infinity;
}

function write(call: SbiCall): SbiResult {
  const length = Math.min(call.number(0), LARGEST_CHUNK);
  if (length === 0) return { error: SbiError.SUCCESS };
  const bytes = call.machine.readGuest(bufferAddress(call), length);
  if (bytes === undefined) return { error: SbiError.INVALID_PARAM };
  call.machine.console.write(bytes);
  return { error: SbiError.SUCCESS, low: length };
}

function read(call: SbiCall): SbiResult {
  const { machine } = call;
  const length = Math.min(call.number(0), LARGEST_CHUNK, machine.console.available);
  const address = bufferAddress(call);
  if (machine.readGuest(address, Math.max(length, 1)) === undefined) return { error: SbiError.INVALID_PARAM };
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = machine.console.read();
  return machine.writeGuest(address, bytes)
    ? { error: SbiError.SUCCESS, low: length }
    : { error: SbiError.INVALID_PARAM };
}

function writeByte({ machine, low }: SbiCall): SbiResult {
  machine.console.write(Uint8Array.of(low(0) & 0xff));
  return { error: SbiError.SUCCESS };
}

/** The extension. */
export const debugConsole: SbiExtension = {
  eid: 0x4442434e,
  name: "DBCN",
  functions: { 0: write, 1: read, 2: writeByte },
};
