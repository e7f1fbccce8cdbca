/**
 * The interpreter: runs a hart's code in generated WebAssembly, decoding each instruction once.
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
import type { Engine } from "./engine.ts";
import { buildInterpreterModule } from "./interpreter_module.ts";
import { RareRows } from "./rare_rows.ts";
import { LENGTH_SHIFT, Operation, OPERATION_MASK, RECORD_PAGE_SIZE, RECORD_SIZE } from "./record.ts";
import { fillRecord, lengthOf } from "./record_writer.ts";
import { executeSystem } from "./system.ts";
import type { Translator } from "./translator.ts";

/** Bytes of host memory that each hart's interpreter needs: a record page for instructions that no page of records can keep. */
export const INTERPRETER_SCRATCH_SIZE = RECORD_PAGE_SIZE;

/** What the interpreter imports where nothing is translated. */
const NO_REGIONS = new WebAssembly.Table({ initial: 1, element: "anyfunc" });

const compiled = new Map<string, WebAssembly.Module>();

/** The module for a memory of this shape; built and compiled once for all harts and VMs. */
function compileInterpreter({ wasmPages, shared }: HostMemory): WebAssembly.Module {
  const key = `${wasmPages}/${shared}`;
  let module = compiled.get(key);
  if (module === undefined) {
    module = new WebAssembly.Module(buildInterpreterModule(wasmPages, shared));
    compiled.set(key, module);
  }
  return module;
}

/** Executes one hart. */
export class Interpreter implements Engine {
  readonly #hart: Hart;
  readonly #codePages: CodePages;
  readonly #scratch: HostPhysAddr;
  readonly #run: (budget: number) => number;
  readonly #i32: Int32Array;
  readonly #u16: Uint16Array;
  readonly #translator: Translator | undefined;
  /** The one instruction that the scratch page holds, and where. All other records there lead to another lookup. */
  #scratchBits = 0;
  #scratchRecord: HostPhysAddr;
  /** Steps that are interpreted until the next sample. */
  #untilSample: number;
  /** What the field `cameIn` said last, in whichever run. */
  #cameIn = 0;

  /**
   * @param scratch {@link INTERPRETER_SCRATCH_SIZE} zeroed bytes that belong to this hart
   * @param translator Compiles what is hot; left out: everything is interpreted
   */
  constructor(hart: Hart, codePages: CodePages, scratch: HostPhysAddr, translator?: Translator) {
    this.#translator = translator;
    this.#untilSample = translator?.stepsToSample() ?? 0;
    this.#hart = hart;
    this.#codePages = codePages;
    this.#scratch = this.#scratchRecord = scratch;
    this.#i32 = hart.memory.i32;
    this.#u16 = hart.memory.u16;
    // Regions of other harts come here by the first hart's functions.
    const running = () => translator?.hart ?? hart;
    const rare: RareRows = new RareRows(hart.memory, () => ({ ...env, ...instance.exports }));
    const env = {
      memory: hart.memory.wasm,
      rare: rare.table,
      regions: translator?.table ?? NO_REGIONS,
      refill: hart.mmu.refill,
      loadMiss: (low: number, high: number, size: number) => running().mmu.loadAddress(low, high, size),
      storeMiss: (vaLow: number, vaHigh: number, low: number, high: number, size: number) =>
        running().mmu.storeValue(vaLow, vaHigh, low, high, size) ? 1 : 0,
      amoMiss: (low: number, high: number, size: number) => running().mmu.amoAddress(low, high, size),
      reserve: (low: number, high: number, size: number) => running().mmu.reserveAddress(low, high, size),
      atomicDone: (host: number, size: number) => codePages.written(host >>> 0, size),
      fetch: () => this.#fetch(),
      decode: (record: number) => this.#decode(record >>> 0),
      straddle: () => this.#straddle(),
      system: (record: number) => this.#system(record >>> 0),
      illegal: (record: number) => void raiseIllegal(hart, this.#rawBits(record >>> 0)),
      prepare: (record: number) => rare.prepare(this.#u16[record >>> 1] & OPERATION_MASK),
      suspendRegion: (record: number) => translator?.suspend(record >>> 0),
      floatDirty: () => markFloatDirty(running()),
    };
    const instance = new WebAssembly.Instance(compileInterpreter(hart.memory), { env });
    this.#run = instance.exports.run as (budget: number) => number;
    translator?.attach(instance.exports, () => rare.floatHelpers());
  }

  /** Runs at most `budget` steps; returns the steps used. The hart's state must be in the window. */
  run(budget: number): number {
    const translator = this.#translator;
    if (translator !== undefined) return this.#runInPieces(budget, translator);
    const { state } = this.#hart;
    state.setWord(FIELD.budget, budget);
    state.setWord(FIELD.budgetLeft, budget);
    const left = state.word(FIELD.exitRequest) === 0 ? this.#run(budget) : budget;
    state.setWord(FIELD.budgetLeft, left);
    state.setWord(FIELD.cameIn, 0);
    return budget - left;
  }

  /** Regions run as far as the budget reaches; the interpreter stops wherever a sample is due. */
  #runInPieces(budget: number, translator: Translator): number {
    const { state } = this.#hart;
    let left = budget;
    let regionSteps = 0;
    while (left > 0 && state.word(FIELD.exitRequest) === 0) {
      const piece = Math.min(left, this.#untilSample);
      state.setWord(FIELD.budgetBeyond, left - piece);
      state.setWord(FIELD.budget, budget - left + piece);
      state.setWord(FIELD.budgetLeft, piece);
      state.setWord(FIELD.leaveRegions, 0);
      state.setWord(FIELD.regionSteps, 0);
      const start = state.low(FIELD.pc);
      const unused = this.#run(piece);
      const cameIn = state.word(FIELD.cameIn);
      // The lookup that a piece begins with tells nothing, unless it is the first one in its page.
      if (cameIn !== start || (cameIn ^ this.#cameIn) >>> 12 !== 0) this.#cameIn = cameIn;
      state.setWord(FIELD.budgetLeft, unused);
      const before = left;
      left = unused + state.word(FIELD.budgetBeyond);
      translator.pieceEnded();
      const inRegions = state.word(FIELD.regionSteps);
      regionSteps += inRegions;
      this.#untilSample -= before - left - inRegions;
      if (this.#untilSample > 0) continue;
      this.#untilSample = translator.stepsToSample();
      translator.sample(this.#hart, this.#cameIn);
    }
    state.setWord(FIELD.budgetBeyond, 0);
    state.setWord(FIELD.regionSteps, 0);
    state.setWord(FIELD.leaveRegions, 0);
    state.setWord(FIELD.cameIn, 0);
    translator.runEnded(this.#hart, regionSteps);
    return budget - left;
  }

  #fetch(): HostPhysAddr {
    const { state, mmu } = this.#hart;
    const [low, high] = [state.low(FIELD.pc), state.high(FIELD.pc)];
    const page = mmu.fetchPage(low, high);
    if (page === -1) return 0;
    if (!mmu.fetchIsWhole) return this.#fetchSingle(low, high, page);
    const records = this.#codePages.recordsOf(page);
    mmu.fillFetch(low, high, page, records);
    return records;
  }

  /** Where PMP splits a page every instruction is fetched anew: it stands alone in the scratch page. 0 after a trap. */
  #fetchSingle(low: number, high: number, page: HostPhysAddr): HostPhysAddr {
    const at = (page + (low & 0xffe)) >> 1;
    let bits = this.#u16[at];
    if ((bits & 3) === 3) {
      if ((low & 0xffe) === 0xffe) return this.#straddle() === 0 ? 0 : this.#scratch;
      if (this.#hart.mmu.fetchPage(low + 2, high) === -1) return 0;
      bits |= this.#u16[at + 1] << 16;
    }
    this.#putScratch(low & 0xffe, bits);
    return this.#scratch;
  }

  /** Makes an instruction the only one in the scratch page; gives its record. */
  #putScratch(offset: number, bits: number): HostPhysAddr {
    const record = this.#scratch + (offset >> 1) * RECORD_SIZE;
    if (record === this.#scratchRecord && bits === this.#scratchBits) return record;
    this.#i32[this.#scratchRecord >> 2] = Operation.DECODE;
    this.#scratchRecord = record;
    this.#scratchBits = bits;
    const next = (record + RECORD_SIZE) >> 2;
    this.#i32[next] = this.#i32[next + RECORD_SIZE / 4] = Operation.PAGE_END | 1 << LENGTH_SHIFT;
    fillRecord(this.#i32, record, bits);
    return record;
  }

  /** Fills the record that is about to be executed; 0: look pc up again. */
  #decode(record: HostPhysAddr): number {
    if (this.#isScratch(record)) return 0;
    const host = this.#codePages.hostOf(record);
    if (host === -1) {
      this.#hart.mmu.dropFetches();
      return 0;
    }
    const end = this.#decodeStraight(record, host);
    this.#codePages.using(host, end - host);
    this.#translator?.decoded(host);
    return 1;
  }

  /**
   * Fills the records of straight code from `host` on, in one page: to come here for each of its instructions takes longer than to fill
   * them. Only what is executed is filled, unless an instruction traps.
   *
   * @returns The end of the code whose records are filled now
   */
  #decodeStraight(record: HostPhysAddr, host: HostPhysAddr): HostPhysAddr {
    const i32 = this.#i32;
    const goesAhead = this.#translator?.decodesAhead ?? true;
    const pageEnd = host - host % PAGE_SIZE + PAGE_SIZE;
    let at = host;
    let to = record;
    do {
      const half = this.#u16[at >>> 1];
      const length = lengthOf(half);
      if (at + length > pageEnd) {
        i32[to >>> 2] = Operation.STRADDLE | 2 << LENGTH_SHIFT;
        return pageEnd;
      }
      const isStraight = fillRecord(i32, to, length === 4 ? half | this.#u16[(at >>> 1) + 1] << 16 : half);
      at += length;
      to += length / 2 * RECORD_SIZE;
      if (!isStraight) break;
    } while (goesAhead && at < pageEnd && i32[to >>> 2] === Operation.DECODE);
    return at;
  }

  #straddle(): HostPhysAddr {
    const { state } = this.#hart;
    const [low, high] = [state.low(FIELD.pc), state.high(FIELD.pc)];
    const first = this.#fetchPage(low, high);
    if (first === -1) return 0;
    const secondLow = (low + 2) | 0;
    const second = this.#fetchPage(secondLow, secondLow === 0 ? (high + 1) | 0 : high);
    if (second === -1) return 0;
    const bits = this.#u16[(first + 0xffe) >> 1] | this.#u16[second >> 1] << 16;
    return this.#putScratch(0xffe, bits);
  }

  /** Host address of the page to fetch from, by the fetch table if that has it; -1 after a trap. */
  #fetchPage(low: number, high: number): HostPhysAddr | -1 {
    const { mmu } = this.#hart;
    const known = mmu.cachedFetchPage(low, high);
    return known === -1 ? mmu.fetchPage(low, high) : known;
  }

  #system(record: HostPhysAddr): void {
    const length = this.#i32[record >> 2] >> LENGTH_SHIFT & 3;
    executeSystem(this.#hart, this.#u16[(record + 2) >> 1], this.#i32[(record + 4) >> 2], length * 2);
  }

  #isScratch(record: HostPhysAddr): boolean {
    return record >= this.#scratch && record < this.#scratch + RECORD_PAGE_SIZE;
  }

  #rawBits(record: HostPhysAddr): number {
    if (this.#isScratch(record)) return this.#scratchBits;
    const host = this.#codePages.hostOf(record);
    const first = this.#u16[host >> 1];
    return (first & 3) === 3 ? first | this.#u16[(host >> 1) + 1] << 16 : first;
  }
}
