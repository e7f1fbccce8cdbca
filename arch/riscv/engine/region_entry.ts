/**
 * Where a region should start, for an address that was found hot: where execution came in, as far as decoded records tell.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import { decode } from "../isa/decode.ts";
import type { CodePages } from "./code_pages.ts";
import { isRow, LENGTH_SHIFT, Operation, OPERATION_MASK } from "./record.ts";
import { isTerminator } from "./region.ts";

/** Instructions to go back at most. */
const MOST_STEPS_BACK = 64;

/** The start of the straight code that was executed up to `host`: behind a call, jump or branch, or code that was never reached. */
export function straightStart(memory: HostMemory, codePages: CodePages, host: HostPhysAddr): HostPhysAddr {
  let start = host;
  for (let steps = 0; steps < MOST_STEPS_BACK; steps++) {
    const before = instructionBefore(memory, codePages, start);
    if (before === undefined) return start;
    start = before;
  }
  return start;
}

/** The instruction that leads to `host` by itself, if it was executed and lies in the same page. */
export function instructionBefore(
  memory: HostMemory,
  codePages: CodePages,
  host: HostPhysAddr,
): HostPhysAddr | undefined {
  for (const length of [2, 4]) {
    if (host % PAGE_SIZE < length) return undefined;
    const record = codePages.recordAt(host - length);
    if (record === -1) return undefined;
    const word = memory.u16[record >>> 1];
    const operation = word & OPERATION_MASK;
    // A region is where an instruction was executed, too.
    if (!isRow(operation) && operation !== Operation.REGION) continue;
    if ((word >> LENGTH_SHIFT & 3) * 2 !== length) continue;
    const at = (host - length) >>> 1;
    const decoded = decode(length === 2 ? memory.u16[at] : memory.u16[at] | memory.u16[at + 1] << 16);
    return decoded === undefined || isTerminator(decoded) ? undefined : host - length;
  }
  return undefined;
}
