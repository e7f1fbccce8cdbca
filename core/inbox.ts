/**
 * The one door of a VM for the outside: whatever happens there waits here and is applied between slices.
 *
 * @module
 */

/** What came through the door, as a recording holds it. */
export interface VmEvent {
  /** `input`, `completion`, `pause`, `resume`, `stop`, `reboot`, or what the caller named it. */
  readonly kind: string;
  /** Who it concerns: a console's name, a plugin's name. */
  readonly target: string;
  /** Bytes of input, where there are any. */
  readonly bytes?: Uint8Array;
}

/** An event and the moment at which it was applied: what a recording of a run consists of. */
export interface AppliedEvent extends VmEvent {
  /** Steps that the VM had executed. */
  readonly steps: number;
  /** Ticks of its clock: an idle VM's time passes without steps. */
  readonly ticks: number;
}

/** A queue of events, each with what applying it does. */
export class Inbox {
  /** Called for every event that is applied, with the step count: a recording of the run. */
  onApplied: ((event: AppliedEvent) => void) | undefined;
  /** Called whenever an event is posted: ends a sleep. */
  onPosted: (() => void) | undefined;
  #queue: { event: VmEvent; apply: () => void }[] = [];

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Puts an event at the end of the queue and wakes whoever waits for one. */
  post(event: VmEvent, apply: () => void): void {
    this.#queue.push({ event, apply });
    this.onPosted?.();
  }

  /** Applies all that waits, in order. What an application posts is applied by the next call. */
  drain(steps: number, ticks: number): void {
    if (this.#queue.length === 0) return;
    const events = this.#queue;
    this.#queue = [];
    for (const { event, apply } of events) {
      this.onApplied?.({ ...event, steps, ticks });
      apply();
    }
  }

  /** Forgets everything that waits. */
  clear(): void {
    this.#queue = [];
  }
}
