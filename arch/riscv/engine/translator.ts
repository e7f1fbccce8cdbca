/**
 * Turns hot code into WebAssembly: samples where harts are, compiles the regions there, and lets go what a write made stale.
 *
 * One translator serves all harts of a VM: they share code pages, records and regions.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { raiseIllegal } from "../trap/deliver.ts";
import { markFloatDirty } from "../trap/mode.ts";
import type { CodePages } from "./code_pages.ts";
import { Operation, OPERATION_MASK } from "./record.ts";
import { discoverRegion, type Region } from "./region.ts";
import { straightStart } from "./region_entry.ts";
import { buildRegionModule } from "./region_module.ts";

/** Samples in one line of code after which a region is compiled there. */
const HOT = 32;

/** Bytes of a line, as a shift. */
const LINE_SHIFT = 6;

/** Regions that can exist at a time, at most 65536: a record holds the number in 16 bits. */
const MOST_REGIONS = 16384;

/** Lines whose samples are counted at a time. */
const MOST_SAMPLED = 65536;

/** What is compiled of one page. */
interface TranslatedPage {
  /** Host-physical addresses where regions start. */
  readonly entries: HostPhysAddr[];
  /** Which halfwords of the page belong to a region. */
  readonly covered: Uint8Array;
}

/** Functions that regions import from the interpreter's module, by name. */
export type EngineExports = Readonly<Record<string, WebAssembly.ExportValue>>;

/** How a translator works. */
export interface TranslatorOptions {
  /** Whether code is translated when it is first executed, not when it is hot: for tests. */
  readonly always?: boolean;
  /** Regions that can exist at a time; 16384 if left out. When one more is wanted, all are dropped. */
  readonly regions?: number;
}

/** The regions of a VM. */
export class Translator {
  /** The regions' functions by number; the interpreter calls through it. */
  readonly table: WebAssembly.Table;
  /** Regions compiled so far. */
  compiled = 0;
  /** Regions dropped so far. */
  dropped = 0;
  /** Times that all regions were dropped because there was no room for one more. */
  evictions = 0;
  readonly #memory: HostMemory;
  readonly #codePages: CodePages;
  readonly #current: () => Hart | undefined;
  readonly #always: boolean;
  readonly #capacity: number;
  readonly #pages = new Map<HostPhysAddr, TranslatedPage>();
  /** Number of the region that starts at a host-physical address. */
  readonly #slots = new Map<HostPhysAddr, number>();
  /** Entries whose records have their instruction back until the run ends. */
  readonly #suspended: HostPhysAddr[] = [];
  /** Samples by line. */
  readonly #samples = new Map<number, number>();
  readonly #free: number[] = [];
  #next = 0;
  #exports: EngineExports | undefined;
  readonly #env: Readonly<Record<string, WebAssembly.ImportValue>>;

  /** @param current The hart that runs */
  constructor(
    memory: HostMemory,
    codePages: CodePages,
    current: () => Hart | undefined,
    { always = false, regions = MOST_REGIONS }: TranslatorOptions = {},
  ) {
    this.#always = always;
    this.#capacity = regions;
    this.table = new WebAssembly.Table({ initial: regions, element: "anyfunc" });
    this.#memory = memory;
    this.#codePages = codePages;
    this.#current = current;
    codePages.onStale = (host, length) => this.#forget(host, length);
    this.#env = {
      memory: memory.wasm,
      load: (low: number, high: number, size: number) => current()!.mmu.loadAddress(low, high, size),
      store: (vaLow: number, vaHigh: number, low: number, high: number, size: number) =>
        current()!.mmu.storeValue(vaLow, vaHigh, low, high, size) ? 1 : 0,
      amo: (low: number, high: number, size: number) => current()!.mmu.amoAddress(low, high, size),
      reserve: (low: number, high: number, size: number) => current()!.mmu.reserveAddress(low, high, size),
      atomicDone: (host: number, size: number) => codePages.written(host >>> 0, size),
      floatDirty: () => markFloatDirty(current()!),
      illegal: (bits: number) => void raiseIllegal(current()!, bits),
    };
  }

  /** The hart that runs: regions call functions of the first hart's interpreter, which must not take it for their own. */
  get hart(): Hart | undefined {
    return this.#current();
  }

  /** Takes the functions that regions call from an interpreter's instance. */
  attach(exports: EngineExports): void {
    this.#exports ??= exports;
  }

  /** Gives the record at `record`, where a region starts, its instruction back until the run ends: the budget is too small for it. */
  suspend(record: HostPhysAddr): void {
    const entry = this.#codePages.hostOf(record);
    this.#unpatch(entry);
    this.#suspended.push(entry);
  }

  /** Called when a hart's run has ended: notes where it is, and compiles what is hot there. */
  runEnded(hart: Hart): void {
    for (const entry of this.#suspended) this.#patch(entry);
    this.#suspended.length = 0;
    this.#sample(hart);
  }

  /** Called when the record of the instruction at `host` has been filled. */
  decoded(host: HostPhysAddr): void {
    if (this.#slots.has(host)) this.#patch(host);
    else if (this.#always) this.#compile(host);
  }

  #sample(hart: Hart): void {
    const { state, mmu } = hart;
    // A run that ended in regions says nothing of what is interpreted.
    if (this.#always || state.word(FIELD.leaveRegions) !== 0) return;
    const page = mmu.cachedFetchPage(state.low(FIELD.pc), state.high(FIELD.pc));
    if (page === -1) return;
    const host = page + (state.low(FIELD.pc) & (PAGE_SIZE - 2));
    const line = host >>> LINE_SHIFT;
    const count = (this.#samples.get(line) ?? 0) + 1;
    if (this.#samples.size >= MOST_SAMPLED) this.#samples.clear();
    this.#samples.set(line, count);
    if (count < HOT) return;
    this.#samples.delete(line);
    const start = straightStart(this.#memory, this.#codePages, host);
    this.#compile(this.#slots.has(start) ? host : start);
  }

  /** Drops every region. */
  clear(): void {
    for (const page of [...this.#pages.keys()]) this.#drop(page);
    this.#samples.clear();
  }

  #compile(entry: HostPhysAddr): void {
    const { u16 } = this.#memory;
    if (this.#slots.has(entry) || this.#exports === undefined) return;
    const region = discoverRegion(u16, entry);
    if (region === undefined) return;
    if (region.blocks[0].instructions[0].decoded.instruction.format === "R4") return; // its record has no room for the number
    const slot = this.#takeSlot();
    const bytes = buildRegionModule([region], this.#memory.wasmPages, this.#memory.shared);
    const env = {
      ...this.#env,
      mulHighU: this.#exports.mulHighU,
      chain: this.#exports.chain,
      dispatch: this.#exports.dispatch,
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env,
      float: this.#exports as WebAssembly.ModuleImports,
    });
    this.table.set(slot, instance.exports.r0 as () => number);
    this.#cover(region, entry);
    this.#slots.set(entry, slot);
    this.#patch(entry);
    this.compiled++;
  }

  #takeSlot(): number {
    if (this.#free.length === 0 && this.#next === this.#capacity) {
      this.evictions++;
      this.clear();
    }
    return this.#free.pop() ?? this.#next++;
  }

  /** Makes the record of an entry lead to its region, if it has one and the record is decoded. */
  #patch(entry: HostPhysAddr): void {
    const slot = this.#slots.get(entry);
    const record = this.#codePages.recordAt(entry);
    if (slot === undefined || record === -1) return;
    const { u8, u16 } = this.#memory;
    const operation = u16[record >>> 1] & OPERATION_MASK;
    if (operation < Operation.FIRST_ROW) return;
    u16[(record + 12) >>> 1] = slot;
    u8[record + 14] = operation;
    u16[record >>> 1] = u16[record >>> 1] & ~OPERATION_MASK | Operation.REGION;
  }

  /** Gives an entry's record its instruction back. */
  #unpatch(entry: HostPhysAddr): void {
    const record = this.#codePages.recordAt(entry);
    const { u8, u16 } = this.#memory;
    if (record === -1 || (u16[record >>> 1] & OPERATION_MASK) !== Operation.REGION) return;
    u16[record >>> 1] = u16[record >>> 1] & ~OPERATION_MASK | u8[record + 14];
    u16[(record + 12) >>> 1] = 0;
  }

  /** Has the instruction of an entry decoded again, so that it is translated again where that happens at once. */
  #forgetRecord(entry: HostPhysAddr): void {
    const record = this.#codePages.recordAt(entry);
    if (record !== -1) this.#memory.i32[record >>> 2] = Operation.DECODE;
  }

  #cover(region: Region, entry: HostPhysAddr): void {
    let page = this.#pages.get(region.page);
    if (page === undefined) {
      page = { entries: [], covered: new Uint8Array(PAGE_SIZE / 2) };
      this.#pages.set(region.page, page);
    }
    page.entries.push(entry);
    for (const { instructions, end } of region.blocks) page.covered.fill(1, instructions[0].offset / 2, end / 2);
  }

  /** Bytes of code pages changed: regions that they belong to are stale. */
  #forget(host: HostPhysAddr, length: number): void {
    const page = host - host % PAGE_SIZE;
    const translated = this.#pages.get(page);
    if (translated === undefined) return;
    const offset = host - page;
    const touched = translated.covered.subarray(offset >>> 1, (offset + length + 1) >>> 1);
    if (touched.includes(1)) this.#drop(page);
  }

  #drop(page: HostPhysAddr): void {
    for (const entry of this.#pages.get(page)!.entries) {
      const slot = this.#slots.get(entry)!;
      if (this.#always) this.#forgetRecord(entry);
      else this.#unpatch(entry);
      this.#slots.delete(entry);
      this.table.set(slot, null);
      this.#free.push(slot);
      this.dropped++;
    }
    this.#pages.delete(page);
    // Only code that runs must be told: between runs the word is 0, so that states are comparable.
    const state = this.#current()?.state;
    if (state !== undefined && state.word(FIELD.budget) !== 0) state.setWord(FIELD.leaveRegions, 1);
  }
}
