/**
 * Memory that a guest shares with the firmware by its physical address (SBI 3.0, chapter 3, "Shared memory physical address range
 * parameter").
 *
 * @module
 */
import type { GuestPhysAddr } from "../../../core/address.ts";
import type { SbiCall, SbiMachine } from "./sbi.ts";

/** The address in argument `index` and, its upper half, the next one. Infinity, where no RAM is, if it has more than 53 bits. */
export function sharedAddress({ number, low, high }: SbiCall, index: number): GuestPhysAddr {
  return low(index + 1) === 0 && high(index + 1) === 0 ? number(index) : Infinity;
}

/** Reads memory that the firmware will write to; undefined if any byte is not RAM, or read-only. */
export function readWritable(machine: SbiMachine, address: GuestPhysAddr, length: number): Uint8Array | undefined {
  const bytes = machine.readGuest(address, length);
  return bytes !== undefined && machine.writeGuest(address, bytes) ? bytes : undefined;
}
