/**
 * What {@link AddrSpace} demands of the ranges and flags that its user passes.
 *
 * @module
 */
import { type GuestPhysAddr, hex, isPageAligned } from "../address.ts";
import { HypervisorError } from "../errors.ts";
import { MappingFlags } from "./nested_page_table.ts";

const { READ, WRITE } = MappingFlags;
const ALL_FLAGS = Object.values(MappingFlags).reduce((all, flag) => all | flag, 0);

/** Throws unless a range is page-aligned, not empty and inside `space`. `what` is a verb with its object. */
export function checkRange(
  what: string,
  start: GuestPhysAddr,
  size: number,
  space: { readonly base: GuestPhysAddr; readonly end: GuestPhysAddr },
): void {
  const problem = rangeProblem(start, size, space.base, space.end);
  if (problem === undefined) return;
  const where = Number.isSafeInteger(start) ? hex(start) : String(start);
  throw new HypervisorError(`Cannot ${what} ${size} bytes at ${where}: ${problem}`);
}

function rangeProblem(start: number, size: number, base: number, end: number): string | undefined {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(size) || size <= 0) {
    return "the address and the size must be integers, the size above zero";
  }
  if (!isPageAligned(start) || !isPageAligned(size)) return "address and size must be multiples of 4096";
  if (start < base || start + size > end) return `the address space is ${hex(base)}..${hex(end)}`;
  return undefined;
}

/** Throws unless `flags` is a union of MappingFlags that hardware can express (what can be written can be read). */
export function checkFlags(what: string, start: GuestPhysAddr, flags: number): void {
  const problem = !Number.isInteger(flags) || (flags & ~ALL_FLAGS) !== 0
    ? "they are not a union of MappingFlags"
    : (flags & WRITE) !== 0 && (flags & READ) === 0
    ? "memory that can be written must be readable too"
    : undefined;
  if (problem !== undefined) {
    throw new HypervisorError(`Cannot ${what} memory at ${hex(start)} with flags ${flags}: ${problem}`);
  }
}
