/**
 * Answers SBI calls from the registered extensions (SBI 3.0, chapter 3 "Binary Encoding"): the only place that probes them and that
 * says `SBI_ERR_NOT_SUPPORTED`.
 *
 * @module
 */
import type { ArchGuestContext } from "../../../core/arch_vcpu.ts";
import type { ConsolePort } from "../../../core/console.ts";
import { HypervisorError } from "../../../core/errors.ts";
import type { AxVCpuExitReason } from "../../../core/exit.ts";
import type { Hart } from "../hart.ts";
import { STANDARD_EXTENSIONS } from "./standard.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiMachine, type SbiResult } from "./sbi.ts";

const A0 = 10;
const A6 = 16;
const A7 = 17;

/** Extension numbers that third parties may use: experimental and vendor (SBI 3.0, chapter 3). */
const FIRST_FREE_EID = 0x08000000;
const LAST_FREE_EID = 0x0affffff;

const NOT_SUPPORTED: SbiResult = { error: SbiError.NOT_SUPPORTED };

/** The SBI implementation of one VM. */
export class SbiFirmware implements SbiMachine {
  readonly cpus: number;
  readonly #context: ArchGuestContext;
  readonly #harts: readonly Hart[];
  readonly #extensions = new Map<number, SbiExtension>();
  #states = new Map<number, object>();
  #console: ConsolePort | undefined;

  /** Registers the standard extensions. */
  constructor(context: ArchGuestContext, harts: readonly Hart[]) {
    this.#context = context;
    this.#harts = harts;
    this.cpus = context.cpus;
    for (const extension of STANDARD_EXTENSIONS) this.#extensions.set(extension.eid, extension);
  }

  /** Adds a third party's extension. */
  add(extension: SbiExtension): void {
    const { eid, name } = extension;
    const taken = this.#extensions.get(eid);
    const hex = `0x${eid.toString(16)}`;
    if (taken !== undefined) {
      throw new HypervisorError(`Cannot add SBI extension '${name}': number ${hex} belongs to '${taken.name}'`);
    }
    if (!Number.isInteger(eid) || eid < FIRST_FREE_EID || eid > LAST_FREE_EID) {
      throw new HypervisorError(
        `Cannot add SBI extension '${name}' with number ${hex}: use one from 0x8000000 (experimental) or 0x9000000 (vendor) on`,
      );
    }
    this.#extensions.set(eid, extension);
  }

  /**
   * Answers the call that the guest's registers hold.
   *
   * @returns The exit that the VM must see; undefined if the guest simply goes on
   */
  call(hart: Hart, cpu: number): AxVCpuExitReason | undefined {
    const { state } = hart;
    const eid = state.xLow(A7);
    const isShort = state.xHigh(A7) === eid >> 31;
    const extension = isShort ? this.#extensions.get(eid) : undefined;
    const fid = extension?.legacy === true ? 0 : state.xLow(A6);
    const implementation = extension?.functions[fid];
    if (implementation === undefined) {
      this.#answer(hart, NOT_SUPPORTED, false);
      return undefined;
    }
    const result = implementation(this.#makeCall(hart, cpu, fid));
    this.#answer(hart, result, extension!.legacy === true);
    return result.exit;
  }

  get console(): ConsolePort {
    return this.#console ??= this.#context.console("sbi");
  }

  get clock(): ArchGuestContext["clock"] {
    return this.#context.clock;
  }

  get extensions(): ReadonlyMap<number, SbiExtension> {
    return this.#extensions;
  }

  hart(index: number): Hart {
    return this.#harts[index];
  }

  status(index: number): "started" | "stopped" | "suspended" {
    return this.#context.cpuStatus(index);
  }

  readGuest(address: number, length: number): Uint8Array | undefined {
    return this.#context.readGuest(address, length);
  }

  writeGuest(address: number, bytes: Uint8Array): boolean {
    return this.#context.writeGuest(address, bytes);
  }

  stateOf<State extends object>(extension: SbiExtension): State {
    let state = this.#states.get(extension.eid);
    if (state === undefined) {
      state = extension.createState?.(this) ?? {};
      this.#states.set(extension.eid, state);
    }
    return state as State;
  }

  /** Puts every extension into its first state. */
  reset(): void {
    this.#states.clear();
  }

  /** States of all extensions by number. */
  save(): Record<string, unknown> {
    return Object.fromEntries([...this.#states].map(([eid, state]) => [String(eid), structuredClone(state)]));
  }

  /** Takes over what {@link save} gave. */
  restore(states: Record<string, unknown>): void {
    this.#states = new Map(
      Object.entries(states).map(([eid, state]) => [Number(eid), structuredClone(state) as object]),
    );
  }

  #makeCall(hart: Hart, cpu: number, fid: number): SbiCall {
    const { state } = hart;
    return {
      cpu,
      hart,
      machine: this,
      fid,
      low: (index) => state.xLow(A0 + index),
      high: (index) => state.xHigh(A0 + index),
      number: (index) => {
        const value = (state.xHigh(A0 + index) >>> 0) * 2 ** 32 + (state.xLow(A0 + index) >>> 0);
        return value <= Number.MAX_SAFE_INTEGER ? value : Infinity;
      },
    };
  }

  #answer(hart: Hart, result: SbiResult, legacy: boolean): void {
    if (result.noReturn === true) return;
    const { state } = hart;
    state.setX(A0, result.error, result.error >> 31);
    if (!legacy) state.setX(A0 + 1, result.low ?? 0, result.high ?? 0);
  }
}
