/**
 * Turns hot code into WebAssembly: samples where harts are, has regions compiled there, and leads the interpreter's records to them.
 *
 * One translator serves all harts of a VM: they share code pages, records and regions.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "../../../core/address.ts";
import { type Heat, Hotness } from "../../../core/engine/hotness.ts";
import { Regions, type RegionSource } from "../../../core/engine/regions.ts";
import { makeVacancy } from "../../../core/engine/slot_table.ts";
import type { HostMemory } from "../../../core/memory.ts";
import type { Mode } from "../csr/plain.ts";
import type { Hart } from "../hart.ts";
import { FIELD, LeaveRegions } from "../layout.ts";
import { raiseIllegal } from "../trap/deliver.ts";
import { markFloatDirty, Privilege } from "../trap/mode.ts";
import type { CodePages } from "./code_pages.ts";
import { isRow, Operation, OPERATION_MASK } from "./record.ts";
import { fillRecord, lengthOf } from "./record_writer.ts";
import { entryFor, outgrown } from "./region_entry.ts";
import { buildRegionModule, REGION_PARAMS } from "./region_module.ts";
import { type KnownCode, type PlannedRegion, planRegion } from "./region_plan.ts";
import { systemInRegion } from "./region_system.ts";

/** Slots for regions. */
const MOST_REGIONS = 16384;

/** Bytes of memory that compiled code may take if nothing else is said. */
export const DEFAULT_CODE_CACHE: number = 256 * 2 ** 20;

/** Samples that make a line hot if nothing else is said. */
const HOT_SAMPLES = 60;

/**
 * Samples for each instruction of a region, if that is more. What it takes to compile one, the interpreter takes for about 1.4 samples;
 * what is busy will go on for a while, as a rule, and what runs while a system starts will not.
 */
const SAMPLES_PER_INSTRUCTION = { busy: 0.5, starting: 12, other: 1 } as const;

/** Samples at all for which a system is taken to be starting: about those of Debian's boot. */
const STARTING_SAMPLES = 30_000;

/** Part of all samples that makes a line busy: its region is compiled sooner, and its loops are unrolled. */
const BUSY_SHARE = 0.1;

/** Functions that regions import from the interpreter's module, by name. */
export type EngineExports = Readonly<Record<string, WebAssembly.ExportValue>>;

/** How a translator works. */
export interface TranslatorOptions {
  /** Whether code is translated when it is first executed, not when it is hot: for tests. */
  readonly always?: boolean;
  /** Places of code that can have a region at a time; 16384 if left out. When there is one more, all regions are dropped. */
  readonly slots?: number;
  /** Bytes of memory that compiled code may take; 256 MiB if left out. */
  readonly cacheBytes?: number;
  /** Samples in one line of code after which a region is compiled there; if left out, 60, and more for a large region. */
  readonly hotSamples?: number;
  /** Steps from one sample to the next, on average. */
  readonly stepsBetweenSamples?: number;
  /** Time in milliseconds, for the statistics. */
  readonly nowMs?: () => number;
}

/** The regions of a VM. */
export class Translator implements RegionSource<PlannedRegion> {
  /** What exists. */
  readonly regions: Regions<PlannedRegion>;
  /** What happened so far. */
  readonly counts = {
    /** Steps that regions executed. */
    regionSteps: 0,
  };
  readonly #memory: HostMemory;
  readonly #codePages: CodePages;
  readonly #current: () => Hart | undefined;
  readonly #always: boolean;
  readonly #stepsBetweenSamples: number;
  /** Where the sequence of {@link stepsToSample} is. */
  #spread = 0;
  readonly #hotness: Hotness;
  /** Whether regions are compiled once a line is hot, whatever they cost. */
  readonly #isEager: boolean;
  /** Whether what is compiled now is busy. */
  #isBusy = true;
  /** Entries whose records have their instruction back until the run ends. */
  readonly #suspended: HostPhysAddr[] = [];
  /** What regions import as `env`: services, and whatever the interpreter's module exports. */
  #env: Readonly<Record<string, WebAssembly.ImportValue>>;
  /** Makes what regions import as `float`: floating-point operations by name. */
  #floats: (() => EngineExports) | undefined;

  /** @param current The hart that runs */
  constructor(
    memory: HostMemory,
    codePages: CodePages,
    current: () => Hart | undefined,
    options: TranslatorOptions = {},
  ) {
    const { slots = MOST_REGIONS, cacheBytes = DEFAULT_CODE_CACHE, nowMs = () => 0 } = options;
    this.#always = options.always ?? false;
    this.#stepsBetweenSamples = options.stepsBetweenSamples ?? 10_000;
    this.#hotness = new Hotness(options.hotSamples ?? HOT_SAMPLES);
    this.#isEager = options.hotSamples !== undefined;
    this.regions = new Regions<PlannedRegion>(this, makeVacancy(REGION_PARAMS), { slots, cacheBytes, nowMs });
    this.#memory = memory;
    this.#codePages = codePages;
    this.#current = current;
    codePages.onStale = (host, length) => this.regions.invalidate(host, length);
    this.#env = {
      memory: memory.wasm,
      regions: this.table,
      floatDirty: () => markFloatDirty(current()!),
      illegal: (bits: number) => void raiseIllegal(current()!, bits),
      time: () => current()!.host.time(),
      system: (row: number, bits: number, length: number) => systemInRegion(current()!, row, bits, length) ? 1 : 0,
    };
  }

  /** The regions' functions by slot; the interpreter calls through it. */
  get table(): WebAssembly.Table {
    return this.regions.table;
  }

  /** The hart that runs: regions call functions of the first hart's interpreter, which must not take it for their own. */
  get hart(): Hart | undefined {
    return this.#current();
  }

  /** Takes the functions that regions call from an interpreter; those of floating point are asked for when a region needs them. */
  attach(exports: EngineExports, floats: () => EngineExports): void {
    if (this.#floats !== undefined) return;
    this.#floats = floats;
    this.#env = { ...exports, ...this.#env };
  }

  /** Gives the record at `record`, where a region starts, its instruction back until the run ends: the budget is too small for it. */
  suspend(record: HostPhysAddr): void {
    const entry = this.#codePages.hostOf(record);
    this.#unpatch(entry);
    this.#suspended.push(entry);
  }

  /** Called when the interpreter comes back: the next budget may be large enough for what was suspended. */
  pieceEnded(): void {
    for (const entry of this.#suspended) {
      const region = this.regions.at(entry);
      if (region !== undefined) this.connect(entry, region.slot);
    }
    this.#suspended.length = 0;
  }

  /** Steps to the next sample. They vary: all samples of a loop would be at one place of it if its steps divided them. */
  stepsToSample(): number {
    this.#spread = Math.imul(this.#spread, 1664525) + 1013904223 >>> 0;
    return Math.ceil(this.#stepsBetweenSamples * (0.5 + this.#spread / 2 ** 32));
  }

  /**
   * Notes that a hart was found interpreting where it is, and compiles what is hot there. Samples are counted where execution came in:
   * that is where a region would take over.
   *
   * @param cameInLow Low half of that address, of late: the field `cameIn`
   */
  sample(hart: Hart, cameInLow: number): void {
    const host = this.#always ? undefined : this.#hostOf(hart);
    if (host === undefined) return;
    const pc = hart.state.low(FIELD.pc);
    // Behind a jump to another page nothing was looked up yet.
    const cameIn = (pc ^ cameInLow) >>> 12 === 0 ? host + (cameInLow - pc) : host;
    const heat = this.#hotness.sample(cameIn);
    if (heat === undefined) return;
    this.#isBusy = this.#isEager || heat.share >= BUSY_SHARE;
    const code = this.#knownCode();
    const found = entryFor(code, host, cameIn);
    const due = this.#isEager ? undefined : worthWaiting(heat, found?.instructions ?? 0);
    if (due !== undefined) return this.#hotness.wait(cameIn, due);
    this.#hotness.forget(cameIn);
    if (found === undefined) return;
    this.regions.recompile(outgrown(code, found.entry) ?? found.entry);
  }

  #knownCode(): KnownCode {
    return {
      memory: this.#memory,
      codePages: this.#codePages,
      takesAll: this.#always,
      mode: this.#mode(),
      isBusy: this.#isBusy,
      startsAt: (place) => this.regions.at(place) !== undefined,
      startsOver: (place) => this.regions.covering(place).map(({ entry }) => entry),
    };
  }

  /** Notes that a run ended, of which so many steps were those of regions: one where it did is in use. */
  runEnded(hart: Hart, regionSteps: number): void {
    this.counts.regionSteps += regionSteps;
    const host = regionSteps === 0 ? undefined : this.#hostOf(hart);
    if (host === undefined) return;
    for (const region of this.regions.covering(host)) this.regions.touch(region);
  }

  /** Host-physical address of the instruction that a hart is at, if its page is one that it executes. */
  #hostOf({ state, mmu }: Hart): HostPhysAddr | undefined {
    const page = mmu.cachedFetchPage(state.low(FIELD.pc), state.high(FIELD.pc));
    return page === -1 ? undefined : page + (state.low(FIELD.pc) & (PAGE_SIZE - 2));
  }

  /** Whether records may be filled before their instructions are executed: not where each is translated when it first is. */
  get decodesAhead(): boolean {
    return !this.#always;
  }

  /** Called when the record of the instruction at `host`, which is executed next, has been filled. */
  decoded(host: HostPhysAddr): void {
    const region = this.regions.at(host);
    if (region !== undefined) this.connect(host, region.slot);
    else if (this.#always && this.#floats !== undefined) this.regions.compile([host]);
  }

  /** Drops every region and forgets what was hot. */
  clear(): void {
    this.regions.clear();
    this.#hotness.clear();
  }

  /** Counters for `--stats`. */
  statistics(): Record<string, number> {
    const { compiled, batches, moduleBytes, dropped, evictions, compileMs } = this.regions.counts;
    return {
      regionSteps: this.counts.regionSteps,
      regions: compiled,
      regionBatches: batches,
      regionModuleBytes: moduleBytes,
      regionCompileMs: Math.round(compileMs),
      regionsDropped: dropped,
      regionEvictions: evictions,
      codeCacheBytes: this.regions.bytes,
    };
  }

  /** A page that was let go is heard of no more when it is written: nothing may be made of it. */
  plan(entry: HostPhysAddr): PlannedRegion | undefined {
    if (this.#codePages.recordAt(entry) === -1) return undefined;
    const plan = planRegion(this.#knownCode(), entry);
    for (const { start, end } of plan?.ranges ?? []) this.#codePages.using(start, end - start);
    return plan;
  }

  encode(
    plans: readonly PlannedRegion[],
    slotOf: (place: HostPhysAddr) => number | undefined,
  ): Uint8Array<ArrayBuffer> {
    const { wasmPages, shared } = this.#memory;
    return buildRegionModule(plans.map(({ region }) => region), slotOf, wasmPages, shared);
  }

  instantiate(module: WebAssembly.Module): WebAssembly.Instance {
    const floats = this.#floats!;
    return new WebAssembly.Instance(module, {
      env: this.#env,
      // Read only if the module imports anything from it.
      get float(): WebAssembly.ModuleImports {
        return floats() as WebAssembly.ModuleImports;
      },
    });
  }

  /** Makes the record of an entry lead to a region, if it is decoded. */
  connect(entry: HostPhysAddr, slot: number): void {
    const record = this.#codePages.recordAt(entry);
    if (record === -1) return;
    const { i32 } = this.#memory;
    const word = i32[record >>> 2];
    if (!isRow(word & OPERATION_MASK)) return;
    i32[record >>> 2] = word & ~OPERATION_MASK | Operation.REGION;
    i32[(record >>> 2) + 1] = slot;
  }

  /** Where code is translated at once, an entry is decoded again, so that it is translated again as well. */
  disconnect(entry: HostPhysAddr): void {
    if (!this.#always) return this.#unpatch(entry);
    const record = this.#codePages.recordAt(entry);
    if (record !== -1) this.#memory.i32[record >>> 2] = Operation.DECODE;
  }

  /** Only code that runs must be told: between runs the word is 0, so that states are comparable. */
  dropped(): void {
    const state = this.#current()?.state;
    if (state !== undefined && state.word(FIELD.budget) !== 0) state.setWord(FIELD.leaveRegions, LeaveRegions.LOOK_UP);
  }

  /** The mode of the hart that runs: its code is wanted in it. */
  #mode(): Mode {
    const state = this.#current()?.state;
    return { privilege: state?.word(FIELD.privilege) ?? Privilege.M, virtual: state?.word(FIELD.virtual) ?? 0 };
  }

  /** Gives an entry's record its instruction back. */
  #unpatch(entry: HostPhysAddr): void {
    const record = this.#codePages.recordAt(entry);
    const { i32, u16 } = this.#memory;
    if (record === -1 || (i32[record >>> 2] & OPERATION_MASK) !== Operation.REGION) return;
    const at = entry >>> 1;
    fillRecord(i32, record, lengthOf(u16[at]) === 4 ? u16[at] | u16[at + 1] << 16 : u16[at]);
  }
}

/** The samples that a line should have before its region of so many instructions is looked at again; undefined: it is worth compiling. */
export function worthWaiting({ samples, share, all }: Heat, instructions: number): number | undefined {
  const { busy, starting, other } = SAMPLES_PER_INSTRUCTION;
  const few = busy * instructions;
  const many = (all < STARTING_SAMPLES ? starting : other) * instructions;
  if (samples < few) return few;
  return share >= BUSY_SHARE || samples >= many ? undefined : Math.min(2 * samples, many);
}
