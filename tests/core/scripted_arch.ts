/**
 * An architecture that runs no instructions but a script of exits: with it the tests drive core without any real one.
 *
 * @module
 */
import { RangeTable } from "../../core/addrspace/range_table.ts";
import type {
  ArchGuest,
  ArchGuestContext,
  ArchModule,
  AxArchPerCpu,
  AxArchVCpu,
  LoadedImage,
  VCpuState,
} from "../../core/arch_vcpu.ts";
import type { AccessKind, AxVCpuExitReason } from "../../core/exit.ts";

/** One `run`: the exit, or a function that acts as the guest (with 1 step used; `cpu.steps` may be set) and returns the exit. */
export type ScriptStep = AxVCpuExitReason | ((cpu: ScriptedVCpu, budget: number) => AxVCpuExitReason);

/** A vCPU that plays its script; after the end each `run` uses up its budget and exits with `Nothing`. */
export class ScriptedVCpu implements AxArchVCpu {
  /** Every call in order, as `bind`, `run 100`, `completeMmioRead 5 0`. */
  readonly calls: string[] = [];
  /** Steps of the last run. */
  steps = 0;
  /** What {@link timerDeadline} answers. */
  deadline: number = Infinity;
  /** What a snapshot holds: script position, pc, registers, arguments, interrupts that wait. */
  own: { at: number; pc: number; gpr: bigint[]; args: number[]; pending: number[] } = fresh();
  #exit: AxVCpuExitReason = { kind: "Nothing" };

  /** Makes a vCPU; the script may be pushed to later. */
  constructor(readonly script: ScriptStep[], readonly context?: ArchGuestContext) {}

  setEntry(entry: number): void {
    this.#log("setEntry", entry);
    this.own.pc = entry;
  }
  setEptRoot(root: number): void {
    this.#log("setEptRoot", root);
  }
  /** Rewinds registers and interrupts, but not the script: it tells the whole life of the vCPU. */
  setup(): void {
    this.#log("setup");
    this.own = { ...fresh(), at: this.own.at, pc: this.own.pc };
  }
  bind(): void {
    this.#log("bind");
  }
  unbind(): void {
    this.#log("unbind");
  }
  run(budget: number): AxVCpuExitReason {
    this.#log("run", budget);
    const step = this.script[this.own.at];
    this.steps = step === undefined ? budget : 1;
    if (step === undefined) return this.#exit = { kind: "Nothing" };
    this.own.at++;
    return this.#exit = typeof step === "function" ? step(this, budget) : step;
  }
  /** Extends the value as the exit demands and writes register `reg`. */
  completeMmioRead(low: number, high: number): void {
    this.#log("completeMmioRead", low, high);
    const exit = this.#exit;
    if (exit.kind !== "MmioRead") throw new Error(`completeMmioRead after ${exit.kind}`);
    const value = BigInt(low >>> 0) | BigInt(high >>> 0) << 32n;
    const bits = exit.width * 8;
    this.own.gpr[exit.reg] = BigInt.asUintN(64, exit.signedExt ? BigInt.asIntN(bits, value) : value);
    this.own.pc += 4;
  }
  completeMmioWrite(): void {
    this.#log("completeMmioWrite");
    this.own.pc += 4;
  }
  injectFault(kind: "access" | "page", access: AccessKind): void {
    this.#log("injectFault", kind, access);
  }
  injectInterrupt(vector: number): void {
    this.setInterrupt(vector, true);
  }
  setInterrupt(vector: number, asserted: boolean): void {
    this.#log("setInterrupt", vector, asserted);
    this.own.pending = this.own.pending.filter((pending) => pending !== vector);
    if (asserted) this.own.pending.push(vector);
  }
  setReturnValue(low: number, high: number): void {
    this.#log("setReturnValue", low, high);
  }
  setArgument(index: number, low: number, high: number): void {
    this.#log("setArgument", index, low, high);
    this.own.args[index] = low + high * 2 ** 32;
  }
  hasPendingInterrupt(): boolean {
    return this.own.pending.length > 0;
  }
  timerDeadline(): number {
    return this.deadline;
  }
  kick(): void {
    this.#log("kick");
  }
  getGpr(index: number): bigint {
    return this.own.gpr[index];
  }
  setGpr(index: number, value: bigint): void {
    this.own.gpr[index] = value;
  }
  getPc(): bigint {
    return BigInt(this.own.pc);
  }
  save(): VCpuState {
    return structuredClone(this.own);
  }
  restore(state: VCpuState): void {
    this.own = structuredClone(state) as ScriptedVCpu["own"];
  }
  #log(...words: (string | number | boolean)[]): void {
    this.calls.push(words.join(" "));
  }
}

function fresh(): ScriptedVCpu["own"] {
  return { at: 0, pc: 0, gpr: Array(32).fill(0n), args: [], pending: [] };
}

/** The scripted architecture with what it made, for tests to look at. */
export interface ScriptedArch extends ArchModule {
  /** vCPUs of the guest that was made last, by index. */
  readonly cpus: ScriptedVCpu[];
  /** Calls of the guest's methods: `flushNested`, `invalidateCode 4096 16`, `reset`, `boot 0 2048`. */
  readonly calls: string[];
  /** Values that plugins gave to the one extension point, `{ name: "scripted" }`. */
  readonly extensions: unknown[];
}

/** Makes an architecture whose vCPU `i` plays `scripts[i]`. Images that start with "SCRIPTED" are its own format. */
export function scriptedArch(...scripts: ScriptStep[][]): ScriptedArch {
  const cpus: ScriptedVCpu[] = [];
  const calls: string[] = [];
  const extensions: unknown[] = [];
  return {
    name: "scripted",
    elfMachine: 0xfeed,
    cpus,
    calls,
    extensions,
    memoryNeeded: () => 65536,
    recognizeImage: recognize,
    createGuest: (context) => createGuest(context, scripts, { cpus, calls, extensions }),
  };
}

function recognize(bytes: Uint8Array, ramBase: number): LoadedImage | undefined {
  if (new TextDecoder().decode(bytes.subarray(0, 8)) !== "SCRIPTED") return undefined;
  return { entry: ramBase, segments: [{ address: ramBase, bytes, size: bytes.length }], symbols: new Map() };
}

function createGuest(
  context: ArchGuestContext,
  scripts: ScriptStep[][],
  made: Pick<ScriptedArch, "cpus" | "calls" | "extensions">,
): ArchGuest {
  const log = (...words: (string | number)[]) => void made.calls.push(words.join(" "));
  const point = { name: "scripted" };
  let enabled = false;
  made.cpus.length = 0;
  const perCpu: AxArchPerCpu = {
    hardwareEnable: () => void (enabled = true),
    hardwareDisable: () => void (enabled = false),
    isEnabled: () => enabled,
    maxGuestPageTableLevels: () => 4,
  };
  return {
    startsAllCpus: context.mode === "machine",
    perCpu,
    extensionPoints: [point],
    createNestedPageTable: () => new RangeTable({ onFlush: () => log("flushNested") }),
    createVCpu: (index) => made.cpus[index] = new ScriptedVCpu(scripts[index] ?? [], context),
    interruptLine(name) {
      const match = /^cpu(\d+)\/external$/.exec(name);
      const cpu = match && made.cpus[Number(match[1])];
      return cpu ? { set: (asserted) => cpu.setInterrupt(9, asserted) } : undefined;
    },
    extend: (_point, value) => void made.extensions.push(value),
    describe(root) {
      root.children.cpus = { properties: { "#address-cells": [1], "#size-cells": [0] }, children: {} };
    },
    boot: (_cpu, index, deviceTree) => log("boot", index, deviceTree),
    invalidateCode: (start, length) => log("invalidateCode", start, length),
    flushNested: () => log("flushNested"),
    statistics: () => ({}),
    reset: () => log("reset"),
  };
}
