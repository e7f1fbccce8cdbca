/**
 * Real time: the host's monotonic clock at a 10 MHz timebase, standing still while the VM is paused.
 *
 * @module
 */
import type { Timer } from "./clock.ts";
import { HypervisorError } from "./errors.ts";
import { type ClockState, TIMEBASE_FREQUENCY, TimerSet, type VmClock } from "./vm_clock.ts";

/** Ticks in a millisecond. */
const TICKS_PER_MS = TIMEBASE_FREQUENCY / 1000;

/** Steps per tick that are assumed until enough was measured: 100 million in a second, slower than any engine. */
const FIRST_GUESS = 10;

/** Steps after which the measured speed is trusted. */
const ENOUGH_STEPS = 1_000_000;

/** Fewest steps that a slice before a deadline gets: shorter ones cost more than the lateness they avoid. */
const SHORTEST_SLICE = 2000;

/**
 * Steps after which host time is looked at again: that costs as much as a hundred instructions. A guest that reads its clock more often
 * sees it stand still meanwhile.
 */
const STEPS_BETWEEN_LOOKS = 64;

/** Steps that the end of a slice or an access to a device counts for between looks: what was done about it took time too. */
const STEPS_OF_WORK = 16;

/** A clock that follows an injected monotonic host clock. */
export class RealClock implements VmClock {
  /** Always false. */
  readonly virtual: boolean = false;
  /** 10 MHz. */
  readonly frequency: number = TIMEBASE_FREQUENCY;
  /** Second of the epoch at tick 0. */
  epoch: number;
  /** Called when a timer becomes the earliest. */
  onEarlierDeadline: (() => void) | undefined;
  #timers: TimerSet = new TimerSet();
  #nowMs: () => number;
  #wallClockSeconds: () => number;
  #base = 0;
  #origin: number | undefined;
  #last = 0;
  #steps = 0;
  #stepsPerTick: number = FIRST_GUESS;
  #measureFrom: number;
  #runningSteps: () => number = () => 0;
  #isExecuting = false;
  /** Steps of finished slices, and so on, since the clock was told that slices follow each other. */
  #sinceStart = 0;
  /** How many of them host time may be as old as. */
  #nextLook = 0;

  /**
   * Makes a clock that stands at tick 0 until {@link resume}.
   *
   * @param nowMs Monotonic host time in milliseconds, with fractions
   * @param wallClockSeconds Seconds since 1970-01-01 (UTC)
   */
  constructor(nowMs: () => number, wallClockSeconds: () => number) {
    this.#nowMs = nowMs;
    this.#wallClockSeconds = wallClockSeconds;
    this.epoch = wallClockSeconds();
    this.#measureFrom = 0;
  }

  /** Earliest deadline of all timers. */
  get nextDeadline(): number {
    return this.#timers.nextDeadline;
  }

  /** Ticks, a whole number. */
  now(): number {
    if (this.#origin === undefined) return this.#base;
    if (this.#isExecuting) {
      const steps = this.#sinceStart + this.#runningSteps();
      if (steps < this.#nextLook) return this.#last;
      this.#nextLook = steps + STEPS_BETWEEN_LOOKS;
    }
    this.#last = Math.max(this.#last, this.#base + Math.floor((this.#nowMs() - this.#origin) * TICKS_PER_MS));
    return this.#last;
  }

  /** Makes a named timer. */
  timer(name: string, callback: () => void): Timer {
    return this.#timers.timer(name, callback, () => this.onEarlierDeadline?.());
  }

  /** Where the steps of the running slice are read. */
  setRunningSteps(source: () => number): void {
    this.#runningSteps = source;
  }

  /** While slices follow each other, steps tell when to look at host time again. */
  executing(active: boolean): void {
    this.#isExecuting = active;
    this.#sinceStart = this.#nextLook = 0;
  }

  /** Counts steps to learn how fast the guest runs. */
  advance(steps: number): void {
    this.#steps += steps;
    this.#sinceStart += steps + STEPS_OF_WORK;
  }

  /** Brings the next look at host time nearer. */
  worked(): void {
    this.#sinceStart += STEPS_OF_WORK;
  }

  /** An estimate of the steps until a deadline, from the speed that was measured. */
  stepsUntil(deadline: number): number {
    if (deadline === Infinity) return Infinity;
    const now = this.now();
    if (deadline <= now) return 0;
    if (this.#steps > ENOUGH_STEPS) {
      const measured = this.#steps / Math.max(1, now - this.#measureFrom);
      this.#stepsPerTick = Math.min(100, Math.max(1, measured));
      this.#steps = 0;
      this.#measureFrom = now;
    }
    return Math.max(SHORTEST_SLICE, Math.floor((deadline - now) * this.#stepsPerTick));
  }

  /** Does nothing: the VM sleeps until host time gets there. */
  skipTo(_deadline: number): void {}

  /** Milliseconds of host time until a deadline. */
  millisecondsUntil(deadline: number): number {
    return deadline === Infinity ? Infinity : Math.max(0, (deadline - this.now()) / TICKS_PER_MS);
  }

  /** Runs what is due. */
  expire(): void {
    if (this.#timers.nextDeadline !== Infinity) this.#timers.expire(this.now());
  }

  /** Time stands still. */
  pause(): void {
    this.#base = this.now();
    this.#origin = undefined;
  }

  /** Time goes on. */
  resume(): void {
    if (this.#origin !== undefined) return;
    this.#origin = this.#nowMs();
    this.#last = this.#base;
    this.#steps = 0;
    this.#measureFrom = this.#base;
    // A calendar clock shows the host's time, also after a pause.
    this.epoch = this.#wallClockSeconds() - this.#base / TIMEBASE_FREQUENCY;
  }

  /** Removes every deadline. */
  disarm(): void {
    this.#timers.disarm();
  }

  /** Back to tick 0. */
  reset(): void {
    this.#timers.disarm();
    this.#setNow(0);
  }

  /** Copies all state out. */
  save(): ClockState {
    return { kind: "real", now: this.now(), deadlines: this.#timers.save(), extra: {} };
  }

  /** Takes all state over; time goes on from where it was saved. */
  restore(state: ClockState): void {
    if (state.kind !== "real") {
      throw new HypervisorError(
        `Cannot restore a ${state.kind} clock into a real one: use the configuration that the snapshot was taken with`,
      );
    }
    this.#timers.restore(state.deadlines);
    this.#setNow(state.now);
  }

  #setNow(now: number): void {
    const running = this.#origin !== undefined;
    this.#origin = undefined;
    this.#base = now;
    this.#last = now;
    if (running) this.resume();
  }
}
