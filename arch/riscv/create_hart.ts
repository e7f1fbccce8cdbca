/**
 * Builds a hart out of its parts and runs it in slices.
 *
 * @module
 */
import type { HostPhysAddr } from "../../core/address.ts";
import type { HostMemory } from "../../core/memory.ts";
import type { CodePages } from "./engine/code_pages.ts";
import type { Engine } from "./engine/engine.ts";
import { Interpreter, INTERPRETER_SCRATCH_SIZE } from "./engine/interpreter.ts";
import type { Translator } from "./engine/translator.ts";
import { Oracle } from "./engine/oracle.ts";
import {
  blankMmio,
  blankTrap,
  type Hart,
  type HartHost,
  type HartOptions,
  type PendingMmio,
  type TrapInfo,
} from "./hart.ts";
import { HartState } from "./hart_state.ts";
import { ExitRequest, FIELD, STATE_SIZE } from "./layout.ts";
import { mmuAreaSize } from "./mmu/area.ts";
import { Mmu } from "./mmu/mmu.ts";
import { Access } from "./mmu/pte.ts";
import { Counter } from "./csr/fields.ts";
import { resetCsrs } from "./csr/reset.ts";
import { takePendingInterrupt } from "./trap/interrupts.ts";

/** Bytes of host memory that one hart needs beside the shared pool of code pages, if it keeps translations of so many address spaces. */
export function hartAreaSize(contexts: number): number {
  return mmuAreaSize(contexts) + INTERPRETER_SCRATCH_SIZE + STATE_SIZE;
}

/** Which hart's state lies in the window. One object a memory. */
export interface HartWindow {
  /** The hart that is there. */
  current?: SoftwareHart;
}

/** A hart that runs. */
export class SoftwareHart implements Hart {
  readonly options: HartOptions;
  readonly memory: HostMemory;
  readonly host: HartHost;
  readonly state: HartState;
  readonly mmu: Mmu;
  readonly trap: TrapInfo = blankTrap();
  readonly mmio: PendingMmio = blankMmio();
  readonly #engine: Engine;
  #stepsOfRun = 0;
  readonly #window: HartWindow;

  /**
   * @param area {@link hartAreaSize} zeroed bytes that belong to this hart
   * @param contexts Address spaces that it keeps translations of at a time
   * @param translator The VM's, for the engine `jit`
   */
  constructor(
    memory: HostMemory,
    host: HartHost,
    options: HartOptions,
    codePages: CodePages,
    window: HartWindow,
    area: HostPhysAddr,
    contexts: number,
    translator?: Translator,
  ) {
    this.#window = window;
    this.options = options;
    this.memory = memory;
    this.host = host;
    const scratch = area + mmuAreaSize(contexts);
    this.state = new HartState(memory, scratch + INTERPRETER_SCRATCH_SIZE);
    this.mmu = new Mmu(this, codePages, area, contexts);
    codePages.listen(this.mmu);
    this.#engine = options.engine === "oracle"
      ? new Oracle(this, codePages)
      : new Interpreter(this, codePages, scratch, translator);
    this.reset();
  }

  /** Puts every register and CSR into its reset state. Wires are not its own: those stay as whoever drives them left them. */
  reset(): void {
    const lines = this.state.word(FIELD.lines);
    resetCsrs(this);
    this.state.setWord(FIELD.lines, lines);
    this.mmu.flushAll();
    this.mmu.modeChanged();
  }

  /** Takes over all state from a snapshot. */
  restoreState(bytes: Uint8Array): void {
    this.state.setBytes(bytes);
    this.mmu.flushAll();
    this.mmu.modeChanged();
    if (this.state.word(FIELD.reservation) === -1) return;
    const host = this.mmu.debugTranslate(this.state.get64(FIELD.reservedAddress), Access.READ);
    this.state.setWord(FIELD.reservation, host ?? -1);
  }

  steps(): number {
    return this.state.word(FIELD.budget) - this.state.word(FIELD.budgetLeft);
  }

  requestExit(request: number): void {
    const pending = this.state.word(FIELD.exitRequest);
    if (pending === ExitRequest.NONE || request < pending) this.state.setWord(FIELD.exitRequest, request);
  }

  /**
   * Brings the hart's state into the window, where it stays until another hart is bound. The reservation of the one that was there
   * does not outlive that: this hart may write.
   */
  bind(): void {
    const { current } = this.#window;
    if (current === this) return;
    if (current !== undefined) {
      current.state.setWord(FIELD.reservation, -1);
      current.state.unload();
    }
    this.state.load();
    this.#window.current = this;
  }

  /**
   * Runs at most `budget` steps. The hart must be bound.
   *
   * @returns why it stopped: an {@link ExitRequest}, `NONE` if the budget is used up
   */
  run(budget: number): number {
    const { state } = this;
    state.setWord(FIELD.exitRequest, ExitRequest.NONE);
    takePendingInterrupt(this);
    this.#stepsOfRun = this.#engine.run(budget);
    this.countSteps(this.#stepsOfRun);
    state.setWord(FIELD.budget, 0);
    state.setWord(FIELD.budgetLeft, 0);
    return state.word(FIELD.exitRequest);
  }

  /** Steps of the last {@link run}. */
  get stepsOfRun(): number {
    return this.#stepsOfRun;
  }

  /** Takes back the step of the attempt that ended the last run: the guest must not notice it. */
  refundStep(): void {
    this.#stepsOfRun--;
    this.countSteps(-1);
  }

  /** Corrects minstret, unless it stands still, by so many instructions beside the steps. */
  countRetired(difference: number): void {
    if ((this.state.low(FIELD.mcountinhibit) & Counter.IR) !== 0) return;
    addTo(this.state, FIELD.instretOffset, difference);
  }

  /** Adds to the steps of finished runs. */
  countSteps(steps: number): void {
    addTo(this.state, FIELD.steps, steps);
  }
}

/** Adds a small signed number to a 64-bit field. */
function addTo(state: HartState, offset: number, difference: number): void {
  const sum = (state.low(offset) >>> 0) + difference;
  const carry = sum < 0 ? -1 : sum > 0xffffffff ? 1 : 0;
  state.set(offset, sum | 0, (state.high(offset) + carry) | 0);
}
