/**
 * A guest's physical address space: areas of memory with linear and alloc backends, projected into a nested page table.
 *
 * It re-implements `AddrSpace` of the axaddrspace crate, with `protect`, a dirty log and a RAM reset besides. Every change ends with
 * a flush of the table, so it takes effect at the guest's next access.
 *
 * @module
 */
import { type GuestPhysAddr, hex, type HostPhysAddr, isPageAligned, PAGE_SIZE } from "../address.ts";
import { HypervisorError } from "../errors.ts";
import type { AccessKind } from "../exit.ts";
import type { HostMemory } from "../memory.ts";
import { AllocArea } from "./alloc.ts";
import { AreaList, describeArea, forEachRun, type MemoryArea } from "./area.ts";
import { checkFlags, checkRange } from "./checks.ts";
import { LinearArea } from "./linear.ts";
import { MappingFlags, type NestedPageTable } from "./nested_page_table.ts";
import { Projection } from "./projection.ts";
import { zeroPages } from "./zero_pages.ts";

/** How an {@link AddrSpace} is made. */
export interface AddrSpaceOptions {
  /** The table that the CPU walks. */
  table: NestedPageTable;
  /** Memory that host addresses mean, and that frames are taken from. */
  memory: HostMemory;
  /** First guest-physical address (default 0). */
  base?: GuestPhysAddr;
  /** Bytes (default: up to the limit of the table). */
  size?: number;
  /** Called when the contents of host memory changed behind the CPUs' back: a device wrote, RAM was reset, a frame was freed. */
  onContentsChanged?: (host: HostPhysAddr, length: number) => void;
}

/** Optional properties of a new area. */
export interface AreaOptions {
  /** Name for messages (default `memory`). */
  name?: string;
  /** Whether others use the memory too, so that {@link AddrSpace.resetRam} leaves its contents alone (default false). */
  shared?: boolean;
}

/** An area as {@link AddrSpace.regions} lists it. */
export interface RegionInfo {
  /** Backend. */
  readonly kind: "linear" | "alloc";
  /** Name given when it was mapped. */
  readonly name: string;
  /** First address. */
  readonly start: GuestPhysAddr;
  /** Bytes. */
  readonly size: number;
  /** Union of MappingFlags. */
  readonly flags: number;
  /** Whether a reset leaves its contents alone. */
  readonly shared: boolean;
}

const ACCESS_FLAG: Readonly<Record<AccessKind, number>> = {
  read: MappingFlags.READ,
  write: MappingFlags.WRITE,
  execute: MappingFlags.EXECUTE,
};

/** Largest area of frames: what the largest host memory could hold. */
const MAX_ALLOC = 2 ** 32;

/** The areas of one guest and their projection into its nested page table. */
export class AddrSpace {
  /** First guest-physical address. */
  readonly base: GuestPhysAddr;
  /** First guest-physical address above. */
  readonly end: GuestPhysAddr;
  /** The table that the CPU walks. */
  readonly table: NestedPageTable;
  /** Memory that host addresses mean. */
  readonly memory: HostMemory;
  readonly #contentsChanged: (host: HostPhysAddr, length: number) => void;
  readonly #areas = new AreaList();
  readonly #projection: Projection;
  /** Largest chunk that a lazy area may still try; shrinks when host memory has no such piece any more. */
  #chunk: number = Infinity;
  /** Address of the last fault that had nothing to repair: a second one in a row is a fault of the guest. */
  #spurious = -1;

  /** Makes an empty address space. */
  constructor(options: AddrSpaceOptions) {
    this.table = options.table;
    this.#projection = new Projection(options.table);
    this.memory = options.memory;
    this.base = options.base ?? 0;
    this.end = this.base + (options.size ?? options.table.limit - this.base);
    this.#contentsChanged = options.onContentsChanged ?? (() => {});
    if (
      !isPageAligned(this.base) || !isPageAligned(this.end) || this.end > options.table.limit || this.end <= this.base
    ) {
      throw new HypervisorError(
        `Cannot create an address space at ${hex(this.base)}..${hex(this.end)}: ` +
          `it must be page-aligned, not empty, and end at ${hex(options.table.limit)} or below`,
      );
    }
  }

  /** Root of the table. */
  get root(): HostPhysAddr {
    return this.table.root;
  }

  /** Whether a dirty log is being kept. */
  get isLoggingDirty(): boolean {
    return this.#projection.log !== undefined;
  }

  /**
   * Maps guest memory to a piece of host memory that stays the caller's.
   *
   * @throws HypervisorError if an address is not page-aligned or out of range, the area overlaps another, or tables run out of frames
   */
  mapLinear(guest: GuestPhysAddr, host: HostPhysAddr, size: number, flags: number, options: AreaOptions = {}): void {
    const area = new LinearArea(options.name ?? "memory", guest, guest + size, host, flags, options.shared ?? false);
    this.#checkNew(area, size, flags);
    if (!Number.isSafeInteger(host) || !isPageAligned(host) || host < 0 || host + size > this.memory.size) {
      throw new HypervisorError(
        `Cannot map the ${describeArea(area)} to host memory at ${hex(host)}: ` +
          `it must be page-aligned and inside the ${this.memory.size} bytes of host memory`,
      );
    }
    this.#add(area);
  }

  /**
   * Maps guest memory to frames of its own.
   *
   * @param populate true: all frames are taken now; false: each when the guest or a device first touches it
   * @throws HypervisorError as {@link mapLinear}, and if host memory is too small; nothing is mapped and no frame is lost then
   */
  mapAlloc(guest: GuestPhysAddr, size: number, flags: number, populate: boolean, options: AreaOptions = {}): void {
    const range = { kind: "alloc" as const, name: options.name ?? "memory", start: guest, end: guest + size };
    this.#checkNew(range, size, flags);
    if (size > MAX_ALLOC) {
      throw new HypervisorError(`Cannot map the ${describeArea(range)}: a host memory has 4 GiB at most; map less`);
    }
    const area = new AllocArea(range.name, guest, guest + size, flags, options.shared ?? false);
    if (populate && !area.populateAll(this.memory)) {
      const problem = `host memory of ${this.memory.size} bytes has too few free frames`;
      const remedy = "map less, map it lazily, or give the VM a larger host memory";
      throw new HypervisorError(`Cannot populate the ${describeArea(area)}: ${problem}; ${remedy}`);
    }
    this.#add(area);
  }

  /** Unmaps a range; holes in it are fine, areas are split at its ends, and frames of alloc areas are freed. */
  unmap(guest: GuestPhysAddr, size: number): void {
    checkRange("unmap", guest, size, this);
    const areas = this.#areas.isolate(guest, guest + size);
    if (areas.length === 0) return;
    this.#areas.remove(areas);
    this.#projection.remove(guest, size);
    this.table.flush();
    for (const area of areas) this.#release(area);
    this.#chunk = Infinity;
  }

  /**
   * Changes what the guest may do with a range, every page of which must be mapped.
   *
   * @param flags Union of MappingFlags; without READ, WRITE and EXECUTE the guest cannot touch the memory at all
   */
  protect(guest: GuestPhysAddr, size: number, flags: number): void {
    checkRange("protect", guest, size, this);
    checkFlags("protect", guest, flags);
    const hole = this.#areas.firstHole(guest, guest + size);
    if (hole < guest + size) {
      throw new HypervisorError(
        `Cannot protect ${hex(guest)}..${hex(guest + size)}: nothing is mapped at ${hex(hole)}; map it first`,
      );
    }
    let failed: MemoryArea | undefined;
    for (const area of this.#areas.isolate(guest, guest + size)) {
      const before = area.flags;
      area.flags = flags;
      if (!this.#projection.change(area, before)) failed = area;
    }
    this.table.flush();
    if (failed !== undefined) this.#refuseForTables("protect", failed);
  }

  /** Host address behind a guest address; undefined if nothing is mapped or no frame is there yet. */
  translate(guest: GuestPhysAddr): HostPhysAddr | undefined {
    const host = this.#areas.find(guest)?.hostOf(guest) ?? -1;
    return host < 0 ? undefined : host;
  }

  /** Whether every byte of a range is mapped (by whatever areas). */
  contains(guest: GuestPhysAddr, size = 1): boolean {
    return guest + size > guest && this.#areas.firstHole(guest, guest + size) === guest + size;
  }

  /** The mapped areas in order of address. */
  regions(): RegionInfo[] {
    return this.#areas.all.map(({ kind, name, start, end, flags, shared }) => {
      return { kind, name, start, size: end - start, flags, shared };
    });
  }

  /** Calls `visit` for every contiguous piece of memory that has frames, in order of address; allocates no frame. */
  forEachPopulated(visit: (guest: GuestPhysAddr, host: HostPhysAddr, size: number, region: RegionInfo) => void): void {
    const regions = this.regions();
    this.#areas.all.forEach((area, index) => {
      forEachRun(area, area.start, area.end, (guest, host, size) => visit(guest, host, size, regions[index]));
    });
  }

  /**
   * Repairs a fault of the guest: brings in the frames of lazily mapped memory, or gives back the right to write that the dirty
   * log took.
   *
   * @returns false if the guest may not do that there (or host memory is used up): the fault is the guest's own
   */
  handlePageFault(guest: GuestPhysAddr, access: AccessKind): boolean {
    const area = this.#areas.find(guest);
    if (area === undefined || (area.flags & ACCESS_FLAG[access]) === 0) return false;
    if (area.hostOf(guest) < 0) {
      if (!this.#populate(area as AllocArea, guest)) return false;
      if (access === "write" && this.isLoggingDirty) this.#allowWrite(area, guest);
      return true;
    }
    const leaf = this.table.query(guest);
    if (leaf === undefined) return this.#mapAgain(area, guest - guest % PAGE_SIZE);
    if (access === "write" && (leaf.flags & MappingFlags.WRITE) === 0 && this.isLoggingDirty) {
      this.#allowWrite(area, guest);
      return true;
    }
    // Another CPU may have repaired the leaf meanwhile. Only once: a table that faults on a good leaf would fault for ever.
    if ((leaf.flags & ACCESS_FLAG[access]) === 0 || this.#spurious === guest) return false;
    this.#spurious = guest;
    this.table.flush();
    return true;
  }

  /** Unmaps everything. */
  clear(): void {
    const areas = [...this.#areas.all];
    this.#areas.remove(areas);
    for (const area of areas) this.#projection.remove(area.start, area.end - area.start);
    this.table.flush();
    for (const area of areas) this.#release(area);
    this.#chunk = Infinity;
  }

  /** Unmaps everything and frees the table. */
  dispose(): void {
    this.clear();
    this.table.dispose();
  }

  /**
   * Makes RAM zero again, except shared and device areas. Only pages that are not zero are written, because writing commits a page
   * and reading one that was never touched does not.
   */
  resetRam(): void {
    for (const area of this.#areas.all) {
      if (area.shared || (area.flags & MappingFlags.DEVICE) !== 0) continue;
      this.#zero(area, area.start, area.end);
    }
  }

  /** Starts to record the pages that the guest or a device writes. */
  startDirtyLog(): void {
    if (this.isLoggingDirty) return;
    this.#projection.startLog(this.#areas);
    this.table.flush();
  }

  /** Addresses of the pages written since the start or the last call, in order. Recording goes on. */
  takeDirtyLog(): GuestPhysAddr[] {
    if (!this.isLoggingDirty) {
      throw new HypervisorError("Cannot take the dirty log: none is being kept; call startDirtyLog first");
    }
    const pages = this.#projection.takeLog(this.#areas);
    this.table.flush();
    return pages;
  }

  /** Stops recording; what was not taken is lost. */
  stopDirtyLog(): void {
    if (!this.isLoggingDirty) return;
    this.#projection.stopLog(this.#areas);
    this.table.flush();
  }

  /** The area of an address for {@link GuestMemory}. @internal */
  areaAt(guest: GuestPhysAddr): MemoryArea | undefined {
    return this.#areas.find(guest);
  }

  /** Brings in the frames of a range that is mapped; false if host memory is used up. @internal */
  populate(guest: GuestPhysAddr, size: number): boolean {
    for (let address = guest; address < guest + size;) {
      const area = this.#areas.find(address);
      if (area === undefined) return false;
      if (area.hostOf(address) < 0 && !this.#populate(area as AllocArea, address)) return false;
      address = area.runEnd(address, guest + size);
    }
    return true;
  }

  /** Records that a device or the host wrote populated memory: dirty log and translated code hear of it. @internal */
  written(guest: GuestPhysAddr, host: HostPhysAddr, size: number): void {
    this.#projection.log?.mark(guest, size);
    this.#contentsChanged(host, size);
  }

  /** Zeroes what is populated and not zero in a mapped range. @internal */
  zero(guest: GuestPhysAddr, size: number): void {
    for (let address = guest; address < guest + size;) {
      const area = this.#areas.find(address);
      if (area === undefined) return;
      this.#zero(area, address, guest + size);
      address = area.end;
    }
  }

  #zero(area: MemoryArea, from: GuestPhysAddr, to: GuestPhysAddr): void {
    forEachRun(area, from, to, (guest, host, size) => {
      zeroPages(this.memory, host, size, (at, length) => this.written(guest + (at - host), at, length));
    });
  }

  /** Projects a new area into the table and lists it; on failure gives its frames back. */
  #add(area: MemoryArea): void {
    if (!this.#projection.add(area)) {
      area.release((frame) => this.memory.freeFrame(frame));
      this.#refuseForTables("map", area);
    }
    this.#areas.insert(area);
    this.table.flush();
  }

  /** Frees an area's frames; code that was translated from them must go. */
  #release(area: MemoryArea): void {
    if (area.kind === "alloc") {
      forEachRun(area, area.start, area.end, (_guest, host, size) => this.#contentsChanged(host, size));
    }
    area.release((frame) => this.memory.freeFrame(frame));
  }

  /** Takes a chunk of frames around an address that has none, and maps it. */
  #populate(area: AllocArea, guest: GuestPhysAddr): boolean {
    const chunk = area.populate(guest, (size) => this.#takeFrames(size));
    if (chunk === undefined) return false;
    if (!this.#projection.addRun(area, chunk.start, chunk.host, chunk.size)) {
      area.forget(chunk);
      for (let at = 0; at < chunk.size; at += PAGE_SIZE) this.memory.freeFrame(chunk.host + at);
      return false;
    }
    this.#spurious = -1;
    this.table.flush();
    return true;
  }

  /** Maps a page with a frame but without a leaf: the table dropped it when it had no frame to split a huge leaf with. */
  #mapAgain(area: MemoryArea, page: GuestPhysAddr): boolean {
    if (!this.#projection.addRun(area, page, area.hostOf(page), PAGE_SIZE)) return false;
    this.table.flush();
    return true;
  }

  /** Takes contiguous frames, without looking again for pieces of a size that were not found before. */
  #takeFrames(size: number): HostPhysAddr | undefined {
    if (size === PAGE_SIZE) return this.memory.allocFrame();
    if (size > this.#chunk) return undefined;
    const host = this.memory.allocContiguous(size / PAGE_SIZE, size);
    if (host === undefined) this.#chunk = size - 1;
    return host;
  }

  /** Records a write of the guest in the dirty log and lets it happen. */
  #allowWrite(area: MemoryArea, guest: GuestPhysAddr): void {
    this.#projection.allowWrite(area, guest);
    this.#spurious = -1;
    this.table.flush();
  }

  #refuseForTables(what: string, area: MemoryArea): never {
    const problem = "host memory has no frames left for page tables; give the VM a larger host memory";
    throw new HypervisorError(`Cannot ${what} the ${describeArea(area)}: ${problem}`);
  }

  #checkNew(area: Pick<MemoryArea, "kind" | "name" | "start" | "end">, size: number, flags: number): void {
    checkRange(`map the ${area.kind} area "${area.name}" of`, area.start, size, this);
    checkFlags("map", area.start, flags);
    const other = this.#areas.firstIn(area.start, area.end);
    if (other === undefined) return;
    const remedy = "unmap that first or choose another address";
    throw new HypervisorError(
      `Cannot map the ${describeArea(area)}: it overlaps the ${describeArea(other)}; ${remedy}`,
    );
  }
}
