/**
 * Reads memory by a guest-virtual address, as only the legacy extensions pass them (SBI 3.0, chapter 5).
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { Cause } from "../trap/causes.ts";
import type { SbiFault, SbiMachine } from "./sbi.ts";

const PAGE = 4096;

/** The bytes, or the exception that the supervisor would have taken reading them. */
export function readGuestVirtual(
  machine: SbiMachine,
  hart: Hart,
  low: number,
  high: number,
  length: number,
): Uint8Array | SbiFault {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const atLow = (low + done) | 0;
    const atHigh = (high + ((low >>> 0) + done >= 2 ** 32 ? 1 : 0)) | 0;
    const part = Math.min(length - done, PAGE - (atLow & (PAGE - 1)));
    const address = hart.mmu.guestPhysical(atLow, atHigh);
    if (address < 0) return { cause: -address, low: atLow, high: atHigh };
    const found = machine.readGuest(address, part);
    if (found === undefined) return { cause: Cause.LOAD_ACCESS, low: atLow, high: atHigh };
    bytes.set(found, done);
    done += part;
  }
  return bytes;
}
