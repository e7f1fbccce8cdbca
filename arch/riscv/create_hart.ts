/**
 * Builds a hart out of its parts and runs it in slices.
 *
 * @module
 */
import type { HostPhysAddr } from "../../core/address.ts";
import type { HostMemory } from "../../core/memory.ts";
import { CodePages } from "./engine/code_pages.ts";
import type { Engine } from "./engine/engine.ts";
import { Interpreter, INTERPRETER_SCRATCH_SIZE } from "./engine/interpreter.ts";
import type { Hart, HartHost, HartOptions, PendingMmio, TrapInfo } from "./hart.ts";
import { HartState } from "./hart_state.ts";
import { ExitRequest, FIELD, STATE_SIZE, TLB_BANK_SIZE, TLB_BANKS } from "./layout.ts";
import { Mmu } from "./mmu/mmu.ts";
import { resetCsrs } from "./csr/reset.ts";
import { takePendingInterrupt } from "./trap/interrupts.ts";

const TLB_SIZE = TLB_BANKS * TLB_BANK_SIZE;

/** Bytes of host memory that one hart needs beside the shared pool of code pages. */
export const HART_AREA_SIZE = TLB_SIZE + INTERPRETER_SCRATCH_SIZE + STATE_SIZE;

/** A hart that runs. */
export class SoftwareHart implements Hart {
  readonly options: HartOptions;
  readonly memory: HostMemory;
  readonly host: HartHost;
  readonly state: HartState;
  readonly mmu: Mmu;
  readonly trap: TrapInfo = {
    cause: 0,
    interrupt: false,
    tvalLow: 0,
    tvalHigh: 0,
    guestAddress: 0,
    tinst: 0,
    gva: false,
  };
  readonly mmio: PendingMmio = { addr: 0, width: 1, write: false, low: 0, high: 0 };
  readonly #engine: Engine;
  #bound = false;

  /** @param area {@link HART_AREA_SIZE} zeroed bytes that belong to this hart */
  constructor(memory: HostMemory, host: HartHost, options: HartOptions, codePages: CodePages, area: HostPhysAddr) {
    this.options = options;
    this.memory = memory;
    this.host = host;
    this.state = new HartState(memory, area + TLB_SIZE + INTERPRETER_SCRATCH_SIZE);
    this.mmu = new Mmu(this, codePages, area);
    codePages.listen(this.mmu);
    this.#engine = new Interpreter(this, codePages, area + TLB_SIZE);
    this.reset();
  }

  /** Puts every register and CSR into its reset state. */
  reset(): void {
    resetCsrs(this);
    this.mmu.flushAll();
    this.mmu.modeChanged();
  }

  steps(): number {
    return this.state.word(FIELD.budget) - this.state.word(FIELD.budgetLeft);
  }

  requestExit(request: number): void {
    const pending = this.state.word(FIELD.exitRequest);
    if (pending === ExitRequest.NONE || request < pending) this.state.setWord(FIELD.exitRequest, request);
  }

  /** Brings the hart's state into the window. */
  bind(): void {
    if (this.#bound) return;
    this.state.load();
    this.#bound = true;
  }

  /** Takes the hart's state out of the window. */
  unbind(): void {
    if (!this.#bound) return;
    this.state.unload();
    this.#bound = false;
  }

  /**
   * Runs at most `budget` steps. The hart must be bound.
   *
   * @returns why it stopped: an {@link ExitRequest}, `NONE` if the budget is used up
   */
  run(budget: number): number {
    const { state } = this;
    state.setWord(FIELD.exitRequest, ExitRequest.NONE);
    state.setWord(FIELD.budget, 0);
    state.setWord(FIELD.budgetLeft, 0);
    state.setWord(FIELD.trapped, 0);
    state.setWord(FIELD.reservation, -1);
    takePendingInterrupt(this);
    const steps = this.#engine.run(budget);
    const low = state.low(FIELD.steps) + steps;
    state.set(FIELD.steps, low, (state.high(FIELD.steps) + carryOf(state.low(FIELD.steps), steps)) | 0);
    return state.word(FIELD.exitRequest);
  }
}

/** 1 if adding the positive `b` to the low word `a` overflows 32 bits. */
function carryOf(a: number, b: number): number {
  return (a >>> 0) + b > 0xffffffff ? 1 : 0;
}
