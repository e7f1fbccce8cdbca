/**
 * How much machine code the translated regions take, and which of them go when it is too much.
 *
 * What can be freed is a module: its regions share it, and the host's compiler frees it once nothing refers to any of them.
 *
 * @module
 */

/** Bytes that a module takes without its functions: measured as the growth of a process. */
const MODULE_OVERHEAD = 16384;

/** Bytes of memory for one byte of a module: itself, its machine code in two tiers, tables. Measured likewise. */
const EXPANSION = 6;

/** Part of the limit that stays after an eviction. */
const KEPT = 0.5;

/** Regions that were compiled together. */
interface CachedModule<R> {
  readonly regions: Set<R>;
  readonly bytes: number;
}

/** Bytes of memory that a module of `length` bytes is counted as. */
export function memoryOf(length: number): number {
  return MODULE_OVERHEAD + length * EXPANSION;
}

/** Modules by use, with the memory that they take. */
export class CodeCache<R> {
  readonly #limit: number;
  readonly #moduleOf = new Map<R, CachedModule<R>>();
  /** Least recently used first. */
  readonly #modules = new Set<CachedModule<R>>();
  #bytes = 0;

  /** @param limit Bytes of memory at most; a single module may take more */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of memory in use, estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Modules with regions in use. */
  get modules(): number {
    return this.#modules.size;
  }

  /**
   * Regions that must go before a module of `length` bytes is added: none as long as it fits, else the modules that were not used
   * for longest. The caller deletes each.
   */
  victims(length: number): readonly R[] {
    if (this.#bytes + memoryOf(length) <= this.#limit) return [];
    const found: R[] = [];
    let bytes = this.#bytes;
    for (const module of this.#modules) {
      if (bytes <= this.#limit * KEPT && bytes + memoryOf(length) <= this.#limit) break;
      bytes -= module.bytes;
      found.push(...module.regions);
    }
    return found;
  }

  /** Adds the regions of a module of `length` bytes. */
  add(regions: readonly R[], length: number): void {
    const module: CachedModule<R> = { regions: new Set(regions), bytes: memoryOf(length) };
    for (const region of regions) this.#moduleOf.set(region, module);
    this.#modules.add(module);
    this.#bytes += module.bytes;
  }

  /** Notes that a region is in use. */
  touch(region: R): void {
    const module = this.#moduleOf.get(region);
    if (module === undefined || !this.#modules.delete(module)) return;
    this.#modules.add(module);
  }

  /** Takes a region out; its module is free when the last one is gone. */
  delete(region: R): void {
    const module = this.#moduleOf.get(region);
    if (module === undefined) return;
    this.#moduleOf.delete(region);
    module.regions.delete(region);
    if (module.regions.size > 0) return;
    this.#modules.delete(module);
    this.#bytes -= module.bytes;
  }
}
