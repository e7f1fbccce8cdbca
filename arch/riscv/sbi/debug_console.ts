/**
 * SBI debug console extension (SBI 3.0, chapter 12).
 *
 * @module
 */
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";
import { readWritable, sharedAddress } from "./shared_memory.ts";

/** Bytes that one call moves at most: the guest asks again for the rest. */
const LARGEST_CHUNK = 65536;

const NOTHING_MOVED: SbiResult = { error: SbiError.SUCCESS };
const INVALID_PARAM: SbiResult = { error: SbiError.INVALID_PARAM };

/** Whether the end of the buffer is RAM; what lies between is looked at when it is moved. */
function endIsRam({ machine }: SbiCall, address: number, length: number): boolean {
  return machine.readGuest(address + length - 1, 1) !== undefined;
}

function write(call: SbiCall): SbiResult {
  const { machine } = call;
  const wanted = call.number(0);
  if (wanted === 0) return NOTHING_MOVED;
  const address = sharedAddress(call, 1);
  const bytes = machine.readGuest(address, Math.min(wanted, LARGEST_CHUNK));
  if (bytes === undefined || !endIsRam(call, address, wanted)) return INVALID_PARAM;
  machine.console.write(bytes);
  return { error: SbiError.SUCCESS, low: bytes.length };
}

function read(call: SbiCall): SbiResult {
  const { machine } = call;
  const wanted = call.number(0);
  if (wanted === 0) return NOTHING_MOVED;
  const address = sharedAddress(call, 1);
  const length = Math.min(wanted, LARGEST_CHUNK, machine.console.available);
  // The buffer is checked before input is taken, which would be lost.
  const bytes = length === 0 ? machine.readGuest(address, 1) : readWritable(machine, address, length);
  if (bytes === undefined || !endIsRam(call, address, wanted)) return INVALID_PARAM;
  if (length === 0) return NOTHING_MOVED;
  for (let i = 0; i < length; i++) bytes[i] = machine.console.read();
  machine.writeGuest(address, bytes);
  return { error: SbiError.SUCCESS, low: length };
}

function writeByte({ machine, low }: SbiCall): SbiResult {
  machine.console.write(Uint8Array.of(low(0)));
  return NOTHING_MOVED;
}

/** The extension. */
export const debugConsole: SbiExtension = {
  eid: 0x4442434e,
  name: "DBCN",
  functions: { 0: write, 1: read, 2: writeByte },
};
