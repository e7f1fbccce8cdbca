/** A hart in machine mode with RAM and nothing else, whose instructions a test runs with the engine it names. @module */
import { HostMemory } from "../../../../core/memory.ts";
import { hartAreaSize, type HartWindow, SoftwareHart } from "../../../../arch/riscv/create_hart.ts";
import { CodePages, recordPoolSize, recordTableSize } from "../../../../arch/riscv/engine/code_pages.ts";
import { Translator, type TranslatorOptions } from "../../../../arch/riscv/engine/translator.ts";
import { Oracle } from "../../../../arch/riscv/engine/oracle.ts";
import type { PhysicalMap } from "../../../../arch/riscv/hart.ts";
import { F_REGISTERS, FIELD, type FieldName, X_REGISTERS } from "../../../../arch/riscv/layout.ts";
import { TLB_LEAST_CONTEXTS } from "../../../../arch/riscv/mmu/area.ts";
import { takePendingInterrupt } from "../../../../arch/riscv/trap/interrupts.ts";
import { updateFpAccess } from "../../../../arch/riscv/trap/mode.ts";

/** Physical address of RAM. */
export const RAM = 0x8000_0000;

/** Bytes of RAM. */
export const RAM_SIZE = 0x4_0000;

const MEMORY_SIZE = 0xc0_0000;
const CODE_PAGES = 32;

/** Which engine executes. */
export type EngineName = "oracle" | "interpreter" | "jit" | "jit-always";

/** The machine. */
export class Machine {
  /** Its hart, bound. */
  readonly hart: SoftwareHart;
  /** Host address of RAM. */
  readonly ram: number;
  /** What translates, with the engines `jit` and `jit-always`. */
  readonly translator: Translator | undefined;
  /** Its pages of code. */
  readonly codePages: CodePages;
  readonly #memory: HostMemory;
  readonly #oracle: Oracle;
  readonly #engine: EngineName;

  /**
   * @param engine Who executes
   * @param options How it translates
   */
  constructor(engine: EngineName = "oracle", options: TranslatorOptions = {}) {
    const memory = new HostMemory({ size: MEMORY_SIZE, shared: false });
    const codePages = new CodePages(
      memory,
      memory.reserve(recordPoolSize(CODE_PAGES)),
      CODE_PAGES,
      memory.reserve(recordTableSize(memory.size)),
    );
    const area = memory.reserve(hartAreaSize(TLB_LEAST_CONTEXTS));
    this.ram = memory.reserve(RAM_SIZE);
    const physical: PhysicalMap = {
      toHost: (pa) => pa >= RAM && pa < RAM + RAM_SIZE ? this.ram + pa - RAM : -1,
    };
    this.#memory = memory;
    const host = { time: () => 0, physical };
    const window: HartWindow = { current: undefined };
    if (engine === "jit" || engine === "jit-always") {
      this.translator = new Translator(memory, codePages, () => window.current, {
        ...options,
        always: engine === "jit-always",
      });
    }
    this.codePages = codePages;
    const features = { id: 0, mode: "machine" } as const;
    const contexts = TLB_LEAST_CONTEXTS;
    this.hart = new SoftwareHart(memory, host, features, codePages, window, area, contexts, this.translator);
    this.hart.bind();
    this.hart.state.set64(FIELD.pc, BigInt(RAM));
    this.#oracle = new Oracle(this.hart, codePages);
    this.#engine = engine;
  }

  /** Writes instructions or other words of 4 bytes at a physical address. */
  write(address: number, ...words: number[]): void {
    for (const [i, word] of words.entries()) this.#memory.i32[(this.#host(address) >> 2) + i] = word;
  }

  /** Writes 16-bit values. */
  writeHalves(address: number, ...halves: number[]): void {
    for (const [i, half] of halves.entries()) this.#memory.u16[(this.#host(address) >> 1) + i] = half;
  }

  /** The 64 bits at a physical address that is a multiple of 8. */
  read64(address: number): bigint {
    return this.#memory.u64[this.#host(address) >> 3];
  }

  /** Sets the 64 bits at a physical address that is a multiple of 8. */
  write64(address: number, value: bigint): void {
    this.#memory.u64[this.#host(address) >> 3] = value;
  }

  /** All of RAM. */
  bytes(): Uint8Array {
    return this.#memory.u8.slice(this.ram, this.ram + RAM_SIZE);
  }

  /** Runs at most `budget` steps; returns how many were used. */
  run(budget: number): number {
    const { state } = this.hart;
    if (this.#engine !== "oracle") {
      this.hart.run(budget);
      return this.hart.stepsOfRun;
    }
    // What SoftwareHart.run does with its own engine.
    state.setWord(FIELD.exitRequest, 0);
    takePendingInterrupt(this.hart);
    const steps = this.#oracle.run(budget);
    this.hart.countSteps(steps);
    state.setWord(FIELD.budget, 0);
    state.setWord(FIELD.budgetLeft, 0);
    return steps;
  }

  /** Register x`index`. */
  x(index: number): bigint {
    return this.hart.state.get64(X_REGISTERS + index * 8);
  }

  /** Sets register x`index`; not x0. */
  setX(index: number, value: bigint): void {
    this.hart.state.set64(X_REGISTERS + index * 8, value);
  }

  /** Register f`index`. */
  f(index: number): bigint {
    return this.hart.state.get64(F_REGISTERS + index * 8);
  }

  /** Sets register f`index`. */
  setF(index: number, value: bigint): void {
    this.hart.state.set64(F_REGISTERS + index * 8, value);
  }

  /** A 64-bit field. */
  field(name: FieldName): bigint {
    return this.hart.state.get64(FIELD[name]);
  }

  /** A 32-bit field. */
  word(name: FieldName): number {
    return this.hart.state.word(FIELD[name]);
  }

  /** Turns floating point on, FS = clean or another value of the field. */
  setFloat(fs: number): void {
    const { state } = this.hart;
    const high = state.high(FIELD.mstatus) & 0x7fffffff;
    const summary = fs === 3 ? 1 << 31 : 0;
    state.set(FIELD.mstatus, (state.low(FIELD.mstatus) & ~(3 << 13)) | (fs << 13), high | summary);
    updateFpAccess(this.hart);
  }

  #host(address: number): number {
    return this.ram + address - RAM;
  }
}
