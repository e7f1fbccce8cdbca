/**
 * Virtual time: a function of the steps that the VM's CPUs have executed, plus the idle time that was skipped.
 *
 * Two runs of the same VM see the same time at the same instruction, whatever the host does.
 *
 * @module
 */
import type { Timer } from "./clock.ts";
import { HypervisorError } from "./errors.ts";
import { type ClockState, TIMEBASE_FREQUENCY, TimerSet, type VmClock } from "./vm_clock.ts";

/** Steps in a tick unless the configuration says otherwise: 100 million steps in a second of virtual time. */
export const DEFAULT_STEPS_PER_TICK = 10;

/** Second of the epoch that tick 0 is unless the configuration says otherwise: 2025-01-01T00:00:00Z. */
export const DEFAULT_VIRTUAL_EPOCH = 1_735_689_600;

/** How a {@link VirtualClock} is made. */
export interface VirtualClockOptions {
  /** Steps in a tick, a positive integer. */
  stepsPerTick?: number;
  /** Seconds since 1970-01-01 (UTC) at tick 0. */
  epoch?: number;
}

/** A clock that stands still unless guest code runs or an idle VM skips forward. */
export class VirtualClock implements VmClock {
  /** Always true. */
  readonly virtual: boolean = true;
  /** 10 MHz. */
  readonly frequency: number = TIMEBASE_FREQUENCY;
  /** Second of the epoch at tick 0. */
  readonly epoch: number;
  /** Steps in a tick. */
  readonly stepsPerTick: number;
  /** Called when a timer becomes the earliest. */
  onEarlierDeadline: (() => void) | undefined;
  #timers: TimerSet = new TimerSet();
  #steps = 0;
  #skipped = 0;
  #runningSteps: () => number = () => 0;

  /** Makes a clock at tick 0. */
  constructor(options: VirtualClockOptions = {}) {
    this.stepsPerTick = options.stepsPerTick ?? DEFAULT_STEPS_PER_TICK;
    this.epoch = options.epoch ?? DEFAULT_VIRTUAL_EPOCH;
    if (!Number.isInteger(this.stepsPerTick) || this.stepsPerTick < 1) {
      throw new HypervisorError(
        `Cannot make a virtual clock of ${this.stepsPerTick} steps per tick: give an integer from 1 on`,
      );
    }
  }

  /** Earliest deadline of all timers. */
  get nextDeadline(): number {
    return this.#timers.nextDeadline;
  }

  /** Ticks, a whole number; exact also inside a running slice. */
  now(): number {
    return this.#skipped + Math.floor((this.#steps + this.#runningSteps()) / this.stepsPerTick);
  }

  /** Makes a named timer. */
  timer(name: string, callback: () => void): Timer {
    return this.#timers.timer(name, callback, () => this.onEarlierDeadline?.());
  }

  /** Where the steps of the running slice are read. */
  setRunningSteps(source: () => number): void {
    this.#runningSteps = source;
  }

  /** Nothing to do: time is steps. */
  executing(_active: boolean): void {}

  /** Nothing to do either. */
  worked(): void {}

  /** Adds the steps of a slice that has ended. */
  advance(steps: number): void {
    this.#steps += steps;
  }

  /** Steps after which {@link now} first reaches `deadline`. */
  stepsUntil(deadline: number): number {
    if (deadline === Infinity) return Infinity;
    const needed = (Math.ceil(deadline) - this.#skipped) * this.stepsPerTick - this.#steps - this.#runningSteps();
    return Math.max(0, needed);
  }

  /** Makes {@link now} reach `deadline` without executing anything. */
  skipTo(deadline: number): void {
    if (!Number.isFinite(deadline)) throw new HypervisorError(`Cannot skip virtual time to tick ${deadline}`);
    this.#skipped += Math.max(0, Math.ceil(deadline) - this.now());
  }

  /** 0, because nobody waits for virtual time; Infinity for a moment that never comes: then only the outside ends the wait. */
  millisecondsUntil(deadline: number): number {
    return deadline === Infinity ? Infinity : 0;
  }

  /** Runs what is due. */
  expire(): void {
    this.#timers.expire(this.now());
  }

  /** Nothing to do: without steps there is no time. */
  pause(): void {}

  /** Nothing to do. */
  resume(): void {}

  /** Removes every deadline. */
  disarm(): void {
    this.#timers.disarm();
  }

  /** Back to tick 0. */
  reset(): void {
    this.#timers.disarm();
    this.#steps = 0;
    this.#skipped = 0;
  }

  /** Copies all state out. Only between slices. */
  save(): ClockState {
    return {
      kind: "virtual",
      now: this.now(),
      deadlines: this.#timers.save(),
      extra: { steps: this.#steps, skipped: this.#skipped, stepsPerTick: this.stepsPerTick },
    };
  }

  /** Takes all state over. */
  restore(state: ClockState): void {
    if (state.kind !== "virtual" || state.extra.stepsPerTick !== this.stepsPerTick) {
      throw new HypervisorError(
        `Cannot restore a ${state.kind} clock of ${
          state.extra.stepsPerTick ?? "no"
        } steps per tick into a virtual one of ` +
          `${this.stepsPerTick}: use the configuration that the snapshot was taken with`,
      );
    }
    this.#timers.restore(state.deadlines);
    this.#steps = state.extra.steps;
    this.#skipped = state.extra.skipped;
  }
}
