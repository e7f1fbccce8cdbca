/** Helpers of the address-space tests: a guest that touches memory as a CPU would, and seeded random numbers. @module */
import { AddrSpace, type AddrSpaceOptions } from "../../../core/addrspace/addr_space.ts";
import { GuestMemory } from "../../../core/addrspace/guest_memory.ts";
import { MappingFlags, type NestedPageTable } from "../../../core/addrspace/nested_page_table.ts";
import { RangeTable } from "../../../core/addrspace/range_table.ts";
import type { AccessKind } from "../../../core/exit.ts";
import { HostMemory } from "../../../core/memory.ts";

export const { READ, WRITE, EXECUTE, USER, DEVICE } = MappingFlags;
export const RW = READ | WRITE | USER;
export const RWX = RW | EXECUTE;
export const PAGE = 4096;
export const KIB = 1024;
export const MIB = 1 << 20;

/** An address space with everything around it. */
export interface Setup {
  memory: HostMemory;
  table: NestedPageTable;
  space: AddrSpace;
  dma: GuestMemory;
  /** What `onContentsChanged` heard. */
  changed: [host: number, length: number][];
  /** How often the table was flushed. */
  flushes: () => number;
}

/** Makes an address space over a range table. */
export function setup(
  memorySize = 16 * MIB,
  options: Partial<AddrSpaceOptions> = {},
  table?: RangeTable,
): Setup & { table: RangeTable } {
  const memory = new HostMemory({ size: memorySize });
  let flushes = 0;
  table ??= new RangeTable({ limit: 2 ** 40, onFlush: () => flushes++ });
  return { ...setupOver(memory, table, options), table, flushes: () => flushes };
}

/** Makes an address space over any table. */
export function setupOver(memory: HostMemory, table: NestedPageTable, options: Partial<AddrSpaceOptions> = {}): Setup {
  const changed: [number, number][] = [];
  const space = new AddrSpace({
    table,
    memory,
    onContentsChanged: (host, length) => changed.push([host, length]),
    ...options,
  });
  return { memory, table, space, dma: new GuestMemory(space), changed, flushes: () => 0 };
}

const FLAG = { read: READ, write: WRITE, execute: EXECUTE };

/** Host address that a guest access reaches, after repairs of its faults; -1 if the fault is the guest's own. */
export function access({ table, space }: Setup, guest: number, kind: AccessKind): number {
  for (let attempt = 0; attempt < 3; attempt++) {
    const leaf = table.query(guest);
    if (leaf !== undefined && (leaf.flags & FLAG[kind]) !== 0) return leaf.host;
    if (!space.handlePageFault(guest, kind)) return -1;
  }
  throw new Error(`a repaired fault at ${guest} faults again`);
}

/** Stores a byte as the guest; false if it faults for good. */
export function guestStore(made: Setup, guest: number, value: number): boolean {
  const host = access(made, guest, "write");
  if (host >= 0) made.memory.u8[host] = value;
  return host >= 0;
}

/** Loads a byte as the guest; undefined if it faults for good. */
export function guestLoad(made: Setup, guest: number): number | undefined {
  const host = access(made, guest, "read");
  return host < 0 ? undefined : made.memory.u8[host];
}

/** Seeded random integers below `bound` (mulberry32). */
export function random(seed: number): (bound: number) => number {
  return (bound) => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) % bound;
  };
}
