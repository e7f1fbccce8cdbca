/**
 * The clock contract of a VM: ticks of its timebase and named timers whose deadlines are data.
 *
 * @module
 */

/** A timer that a device made by name. Its deadline is data that the clock owns, so a snapshot holds it. */
export interface Timer {
  /** Sets the deadline, in ticks; the callback given at creation runs once when the clock reaches it. */
  set(deadline: number): void;
  /** Removes the deadline. */
  cancel(): void;
}

/** Time as a VM sees it. */
export interface Clock {
  /** Ticks in a second. */
  readonly frequency: number;
  /** Ticks since the VM was started; never runs backwards, not always an integer multiple of anything. */
  now(): number;
  /** Makes a timer. Names are unique within a VM: `device/purpose`. */
  timer(name: string, callback: () => void): Timer;
  /** Seconds since 1970-01-01 (UTC) that belong to tick 0, for calendar clocks. */
  readonly epoch: number;
}
