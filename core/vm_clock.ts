/**
 * What a VM needs of its clock beyond {@link Clock}: the deadlines as data, and how far the guest may run until the next one.
 *
 * @module
 */
import type { Clock, Timer } from "./clock.ts";
import { HypervisorError } from "./errors.ts";

/** Ticks in a second of every clock here: 10 MHz. */
export const TIMEBASE_FREQUENCY = 10_000_000;

/** A clock as plain data. */
export interface ClockState {
  /** `virtual` or `real`. */
  readonly kind: string;
  /** Ticks at the moment of saving. */
  readonly now: number;
  /** Deadlines of the timers that are armed, by name. */
  readonly deadlines: Readonly<Record<string, number>>;
  /** What else the kind of clock needs. */
  readonly extra: Readonly<Record<string, number>>;
}

/** The clock of a VM, as the run loop drives it. */
export interface VmClock extends Clock {
  /** Whether time is a function of executed steps. */
  readonly virtual: boolean;
  /** Earliest deadline of all timers; Infinity if none is armed. */
  readonly nextDeadline: number;
  /** Called when a timer is armed earlier than all others, so that a running CPU can be asked to stop in time. */
  onEarlierDeadline: (() => void) | undefined;
  /** Tells the clock how to learn the steps of the slice that is running; 0 between slices. */
  setRunningSteps(source: () => number): void;
  /** Tells that slices follow each other from here on without a wait, or no more. */
  executing(active: boolean): void;
  /** Tells that something inside a slice took time that steps do not tell. */
  worked(): void;
  /** Adds the steps of a slice that has ended. */
  advance(steps: number): void;
  /**
   * Steps that may be executed before the clock reaches a deadline: exact for a virtual clock, an estimate that errs on the
   * short side for a real one. 0: the deadline has come. Infinity: never.
   */
  stepsUntil(deadline: number): number;
  /** An idle VM reaches `deadline` at once (virtual clock). A real clock does nothing: the VM sleeps. */
  skipTo(deadline: number): void;
  /** Milliseconds of host time until a deadline; Infinity for Infinity, else 0 for a virtual clock. */
  millisecondsUntil(deadline: number): number;
  /** Runs the callbacks of all timers that are due, in the order of deadlines, of names where deadlines are equal. */
  expire(): void;
  /** Time stands still from here on (the VM is paused or stopped). */
  pause(): void;
  /** Time goes on. */
  resume(): void;
  /** Removes every deadline; time goes on. */
  disarm(): void;
  /** Back to tick 0 without deadlines. Timers stay. */
  reset(): void;
  /** Copies all state out. */
  save(): ClockState;
  /** Takes all state over; timers that exist now and are not named have no deadline. */
  restore(state: ClockState): void;
}

/** A set of named timers: the part that both clocks share. */
export class TimerSet {
  #timers: Map<string, { deadline: number; callback: () => void }> = new Map();
  #next: number = Infinity;

  /** Earliest deadline; Infinity if no timer is armed. */
  get nextDeadline(): number {
    return this.#next;
  }

  /** Makes a timer; throws if the name is taken. `armed` is called when it becomes the earliest of all. */
  timer(name: string, callback: () => void, armed: () => void): Timer {
    if (this.#timers.has(name)) {
      throw new HypervisorError(`Cannot make timer "${name}": a timer of that name exists; name it "device/purpose"`);
    }
    const entry = { deadline: Infinity, callback };
    this.#timers.set(name, entry);
    return {
      set: (deadline: number): void => {
        if (Number.isNaN(deadline)) {
          throw new HypervisorError(`Cannot set timer "${name}": the deadline is not a number`);
        }
        const before = entry.deadline;
        entry.deadline = deadline;
        if (deadline < this.#next) {
          this.#next = deadline;
          armed();
        } else if (before === this.#next) {
          this.#update();
        }
      },
      cancel: (): void => {
        const before = entry.deadline;
        entry.deadline = Infinity;
        if (before === this.#next) this.#update();
      },
    };
  }

  /** Runs what is due at `now`. A timer that its callback arms again waits for the next call, even if it is due at once. */
  expire(now: number): void {
    if (this.#next > now) return;
    const due = [...this.#timers].filter(([, timer]) => timer.deadline <= now);
    due.sort(([nameA, a], [nameB, b]) => a.deadline - b.deadline || (nameA < nameB ? -1 : 1));
    const planned = due.map(([, timer]) => ({ timer, deadline: timer.deadline }));
    for (const { timer, deadline } of planned) {
      // An earlier callback may have cancelled or moved this one.
      if (timer.deadline !== deadline) continue;
      timer.deadline = Infinity;
      timer.callback();
    }
    this.#update();
  }

  /** Removes every deadline. */
  disarm(): void {
    for (const timer of this.#timers.values()) timer.deadline = Infinity;
    this.#next = Infinity;
  }

  /** Deadlines of the armed timers by name, in the order of names. */
  save(): Record<string, number> {
    const armed = [...this.#timers].filter(([, timer]) => timer.deadline !== Infinity);
    armed.sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(armed.map(([name, timer]) => [name, timer.deadline]));
  }

  /** Takes deadlines over. Throws if a timer of that name does not exist. */
  restore(deadlines: Readonly<Record<string, number>>): void {
    for (const name of Object.keys(deadlines)) {
      if (!this.#timers.has(name)) {
        throw new HypervisorError(`Cannot restore timer "${name}": the VM has no timer of that name`);
      }
    }
    for (const [name, timer] of this.#timers) timer.deadline = deadlines[name] ?? Infinity;
    this.#update();
  }

  #update(): void {
    let next = Infinity;
    for (const timer of this.#timers.values()) {
      if (timer.deadline < next) next = timer.deadline;
    }
    this.#next = next;
  }
}
