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
import { raiseInGuest } from "../guest_trap.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { STANDARD_EXTENSIONS } from "./standard.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiFault, type SbiMachine, type SbiResult } from "./sbi.ts";

const A0 = 10;
const A6 = 16;
const A7 = 17;

/** Bytes of an ECALL. */
const ECALL_LENGTH = 4;

/** Extension numbers that third parties may use: experimental and vendor (SBI 3.0, chapters 21 and 22). */
const FIRST_FREE_EID = 0x08000000;
const LAST_FREE_EID = 0x09ffffff;

const NOT_SUPPORTED: SbiResult = { error: SbiError.NOT_SUPPORTED };

/** The SBI implementation of one VM. */
export class SbiFirmware implements SbiMachine {
  readonly cpus: number;
  /** Calls of the guest, those with a number that nobody has as well. */
  calls = 0;
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
    if (!Number.isInteger(eid) || typeof extension.functions !== "object" || extension.functions === null) {
      throw new HypervisorError(
        `Cannot add SBI extension '${name}': it needs an 'eid', a whole number, and 'functions', an object of functions by number`,
      );
    }
    const hex = `0x${(eid >>> 0).toString(16)}`;
    const taken = this.#extensions.get(eid);
    if (taken !== undefined) {
      throw new HypervisorError(`Cannot add SBI extension '${name}': number ${hex} belongs to '${taken.name}'`);
    }
    if (eid < FIRST_FREE_EID || eid > LAST_FREE_EID) {
      throw new HypervisorError(
        `Cannot add SBI extension '${name}' with number ${hex}: ` +
          "use one from 0x8000000 on (experimental) or from 0x9000000 to 0x9ffffff (vendor)",
      );
    }
    this.#extensions.set(eid, extension);
  }

  /**
   * Answers the call that the guest's registers hold. sepc is behind the ECALL already.
   *
   * @returns The exit that the VM must see; undefined if the guest simply goes on
   */
  call(hart: Hart, cpu: number): AxVCpuExitReason | undefined {
    this.calls++;
    const extension = this.#extensions.get(shortNumber(hart, A7));
    const legacy = extension?.legacy === true;
    const fid = legacy ? 0 : shortNumber(hart, A6);
    const implementation = extension?.functions[fid];
    if (implementation === undefined) {
      this.#answer(hart, NOT_SUPPORTED, false);
      return undefined;
    }
    let result: SbiResult;
    try {
      result = implementation(this.#makeCall(hart, cpu, fid));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new HypervisorError(`SBI extension '${extension!.name}' failed in function ${fid}: ${reason}`, { cause });
    }
    if (result.fault !== undefined) this.#raiseAtCall(hart, result.fault);
    else if (result.noReturn !== true) this.#answer(hart, result, legacy);
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

  /** Virtual CPU `cpu` starts from reset. */
  hartReset(cpu: number): void {
    for (const extension of this.#extensions.values()) {
      if (this.#states.has(extension.eid)) extension.hartReset?.(this, cpu);
    }
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
    const { state } = hart;
    state.setX(A0, result.error, result.error >> 31);
    if (!legacy) state.setX(A0 + 1, result.low ?? 0, result.high ?? 0);
  }

  /** The ECALL itself faults: sepc goes back to it first. */
  #raiseAtCall(hart: Hart, { cause, low, high }: SbiFault): void {
    const { state } = hart;
    const sepc = state.low(FIELD.sepc);
    const borrow = (sepc >>> 0) < ECALL_LENGTH ? 1 : 0;
    state.set(FIELD.sepc, (sepc - ECALL_LENGTH) | 0, (state.high(FIELD.sepc) - borrow) | 0);
    raiseInGuest(hart, cause, low, high);
  }
}

/** A register as an extension or function number, which is a sign-extended 32-bit integer; NaN if it is none. */
function shortNumber(hart: Hart, register: number): number {
  const low = hart.state.xLow(register);
  return hart.state.xHigh(register) === low >> 31 ? low : NaN;
}
