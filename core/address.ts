/**
 * The words for addresses and access sizes that every layer shares.
 *
 * An address is a plain `number`: everything below 2^53 is exact, and no implemented physical address is wider than 50 bits.
 *
 * @module
 */

/** An address in the guest's physical address space, in bytes. */
export type GuestPhysAddr = number;

/** An offset in {@link ../core/memory.ts HostMemory}: what a hypervisor on hardware calls a host-physical address. */
export type HostPhysAddr = number;

/** A guest-virtual address. 64 bits wide, so `bigint`; never used on a hot path. */
export type GuestVirtAddr = bigint;

/** Bytes that one access moves. */
export type AccessWidth = 1 | 2 | 4 | 8;

/** Bytes of a page frame, the unit of every mapping. */
export const PAGE_SIZE = 4096;

/** log2 of {@link PAGE_SIZE}. */
export const PAGE_SHIFT = 12;

/** A half-open range of addresses, `start <= a < start + size`. */
export interface AddrRange {
  /** First byte of the range. */
  readonly start: number;
  /** Bytes in the range. */
  readonly size: number;
}

/** Tells whether two ranges share a byte. */
export function overlaps(a: AddrRange, b: AddrRange): boolean {
  return a.start < b.start + b.size && b.start < a.start + a.size;
}

/** Tells whether the `size` bytes at `start` lie inside `range`. */
export function containsRange(range: AddrRange, start: number, size: number): boolean {
  return start >= range.start && start + size <= range.start + range.size;
}

/** Index of the first of some things in order of address that starts above `address`. */
export function indexAbove(sorted: readonly { readonly start: number }[], address: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle].start <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Tells whether an address or size is a multiple of the page size. */
export function isPageAligned(value: number): boolean {
  return value % PAGE_SIZE === 0;
}

/** Writes an address as people read it: `0x10000000`. */
export function hex(address: number | bigint): string {
  return `0x${address.toString(16)}`;
}
