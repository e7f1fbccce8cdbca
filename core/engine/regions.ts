/**
 * The translated regions of a guest: where they start, what they cover, how much they take; which go when code changes or room runs out.
 *
 * What a region is made of and how execution comes to it, an architecture says through {@link RegionSource}.
 *
 * @module
 */
import type { HostPhysAddr } from "../address.ts";
import { CodeCache } from "./code_cache.ts";
import { type CodeRange, RegionPages } from "./region_pages.ts";
import { SlotTable, type TableFunction } from "./slot_table.ts";

/** A region that can be translated. */
export interface RegionPlan {
  /** Host-physical address of its first instruction. */
  readonly entry: HostPhysAddr;
  /** Bytes that it is made from. */
  readonly ranges: readonly CodeRange[];
}

/** What an architecture does for its regions. */
export interface RegionSource<P extends RegionPlan> {
  /** Finds the region of an address; undefined if nothing there can be translated. */
  plan(entry: HostPhysAddr): P | undefined;
  /**
   * Encodes a module whose export `rN` is the region of index N.
   *
   * @param slotOf The slot of the region that starts at an address, or will, for code to call; undefined if there is none left
   */
  encode(plans: readonly P[], slotOf: (place: HostPhysAddr) => number | undefined): Uint8Array<ArrayBuffer>;
  /** Makes an instance of a module that {@link encode} gave. */
  instantiate(module: WebAssembly.Module): WebAssembly.Instance;
  /** Leads execution at `entry` to the region of a slot. */
  connect(entry: HostPhysAddr, slot: number): void;
  /** Leads execution at `entry` past the region that was there. */
  disconnect(entry: HostPhysAddr): void;
  /** Regions were dropped: if one of them runs, it must be left. */
  dropped(): void;
}

/** Bounds and clock. */
export interface RegionsOptions {
  /** Bytes of memory that compiled code may take. */
  readonly cacheBytes: number;
  /** Regions that can exist at a time. */
  readonly slots: number;
  /** Time in milliseconds, for the statistics. */
  readonly nowMs: () => number;
}

/** A region that exists. */
export interface Region {
  /** Host-physical address of its first instruction. */
  readonly entry: HostPhysAddr;
  /** Its place in the table. */
  readonly slot: number;
  /** Bytes that it was made from. */
  readonly ranges: readonly CodeRange[];
}

/** All regions of a guest. */
export class Regions<P extends RegionPlan> {
  /** What happened so far. */
  readonly counts = {
    /** Regions compiled. */
    compiled: 0,
    /** Modules compiled. */
    batches: 0,
    /** Bytes of these modules. */
    moduleBytes: 0,
    /** Regions dropped, for whatever reason. */
    dropped: 0,
    /** Times that regions were dropped because there was no room for more. */
    evictions: 0,
    /** Milliseconds spent on translating, on compiling as far as the host does it at once. */
    compileMs: 0,
  };
  readonly #source: RegionSource<P>;
  readonly #slots: SlotTable;
  readonly #cache: CodeCache<Region>;
  readonly #pages = new RegionPages<Region>();
  readonly #byEntry = new Map<HostPhysAddr, Region>();
  readonly #nowMs: () => number;

  /** @param vacancy The function of a slot without a region */
  constructor(source: RegionSource<P>, vacancy: TableFunction, { cacheBytes, slots, nowMs }: RegionsOptions) {
    this.#source = source;
    this.#slots = new SlotTable(vacancy, slots);
    this.#cache = new CodeCache(cacheBytes);
    this.#nowMs = nowMs;
  }

  /** The regions' functions by slot. */
  get table(): WebAssembly.Table {
    return this.#slots.table;
  }

  /** Bytes of memory that compiled code takes, estimated. */
  get bytes(): number {
    return this.#cache.bytes;
  }

  /** The region that starts at an address. */
  at(entry: HostPhysAddr): Region | undefined {
    return this.#byEntry.get(entry);
  }

  /** The regions that cover the byte at an address. */
  covering(address: HostPhysAddr): readonly Region[] {
    return this.#pages.overlapping(address, 1);
  }

  /** Notes that a region runs. */
  touch(region: Region): void {
    this.#cache.touch(region);
  }

  /** Translates what starts at these addresses as one module, as far as that can be done and was not; tells how many regions came out. */
  compile(entries: readonly HostPhysAddr[]): number {
    const plans: P[] = [];
    const start = this.#nowMs();
    for (const entry of new Set(entries)) {
      const plan = this.#byEntry.has(entry) ? undefined : this.#source.plan(entry);
      if (plan !== undefined) plans.push(plan);
    }
    const fitting = plans.slice(0, this.#slots.most);
    if (fitting.length > 0) this.#compile(fitting);
    this.counts.compileMs += this.#nowMs() - start;
    return fitting.length;
  }

  /** Translates what starts at an address, once more if that was done: more may belong to it now. */
  recompile(entry: HostPhysAddr): void {
    const region = this.#byEntry.get(entry);
    if (region !== undefined) this.#dropAll([region]);
    this.compile([entry]);
  }

  /** Bytes of code changed: drops the regions that were made from any of them. True if there were such regions. */
  invalidate(start: HostPhysAddr, length: number): boolean {
    const stale = this.#pages.overlapping(start, length);
    this.#dropAll(stale);
    return stale.length > 0;
  }

  /** Drops every region. */
  clear(): void {
    this.#dropAll([...this.#byEntry.values()]);
    this.#slots.clear();
  }

  #compile(plans: readonly P[]): void {
    const { counts } = this;
    if (!this.#slots.hasRoom(plans.map(({ entry }) => entry))) {
      counts.evictions++;
      this.clear();
    }
    const regions = plans.map(({ entry, ranges }): Region => ({ entry, slot: this.#slots.slotOf(entry), ranges }));
    const bytes = this.#source.encode(plans, (place) => {
      return this.#slots.hasRoom([place]) ? this.#slots.slotOf(place) : undefined;
    });
    const victims = this.#cache.victims(bytes.length);
    if (victims.length > 0) {
      counts.evictions++;
      this.#dropAll(victims);
    }
    const { exports } = this.#source.instantiate(new WebAssembly.Module(bytes));
    this.#cache.add(regions, bytes.length);
    regions.forEach((region, index) => {
      this.#slots.fill(region.slot, exports[`r${index}`] as TableFunction);
      this.#pages.add(region);
      this.#byEntry.set(region.entry, region);
      this.#source.connect(region.entry, region.slot);
    });
    counts.compiled += regions.length;
    counts.batches++;
    counts.moduleBytes += bytes.length;
  }

  #dropAll(regions: readonly Region[]): void {
    if (regions.length === 0) return;
    for (const region of regions) {
      this.#byEntry.delete(region.entry);
      this.#pages.delete(region);
      this.#cache.delete(region);
      this.#slots.vacate(region.slot);
      this.#source.disconnect(region.entry);
    }
    this.counts.dropped += regions.length;
    this.#source.dropped();
  }
}
