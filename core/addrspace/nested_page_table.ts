/**
 * The second translation stage as {@link AddrSpace} drives it: guest-physical to host-physical, page by page.
 *
 * @module
 */
import type { GuestPhysAddr, HostPhysAddr } from "../address.ts";

/** What an access to a mapping may do: the MappingFlags of the page_table_multiarch crate. */
export const MappingFlags = { READ: 1, WRITE: 2, EXECUTE: 4, USER: 8, DEVICE: 16, UNCACHED: 32 } as const;

/** A mapping found by {@link NestedPageTable.query}. */
export interface NestedMapping {
  /** Host-physical address that the queried address translates to. */
  readonly host: HostPhysAddr;
  /** Union of {@link MappingFlags}. */
  readonly flags: number;
  /** Bytes of the leaf that maps it. */
  readonly pageSize: number;
}

/**
 * A table that the CPU's second stage walks. Addresses and sizes are page-aligned; ranges were checked by the caller.
 *
 * What a leaf needs besides the flags is the table's business: an architecture whose leaves must carry a user bit sets it in
 * every leaf, whether USER was asked for or not (channels between VMs and device windows come through here as RAM does).
 */
export interface NestedPageTable {
  /** Host-physical address of the root. */
  readonly root: HostPhysAddr;
  /** First guest-physical address above what the table can map. */
  readonly limit: GuestPhysAddr;
  /**
   * Maps `size` bytes; uses leaves as large as alignment allows when `allowHuge`.
   *
   * @returns false if the table cannot hold the mapping (out of frames)
   */
  map(guest: GuestPhysAddr, host: HostPhysAddr, size: number, flags: number, allowHuge: boolean): boolean;
  /** Removes mappings; holes are fine. Huge leaves are split where the range ends inside one. */
  unmap(guest: GuestPhysAddr, size: number): void;
  /** Changes the flags of what is mapped in the range; holes are fine. Huge leaves are split where the range ends inside one. */
  protect(guest: GuestPhysAddr, size: number, flags: number): void;
  /** Looks one address up; undefined if nothing is mapped. */
  query(guest: GuestPhysAddr): NestedMapping | undefined;
  /** Makes earlier changes visible to running CPUs. */
  flush(): void;
  /** Frees the table's frames. */
  dispose(): void;
}
