/**
 * Work that the host does for devices in the background, and the moment at which its result reaches the guest.
 *
 * Under real time a result enters through the inbox when it is there. Under virtual time it is applied a fixed number of ticks
 * after the request, and the VM waits for the host if the host is late.
 *
 * @module
 */
import type { Inbox } from "./inbox.ts";
import type { VmClock } from "./vm_clock.ts";

interface Work {
  readonly owner: string;
  /** Tick at which the result is applied; Infinity under real time. */
  readonly due: number;
  /** What applying the result does; undefined until the host is done. */
  apply: (() => void) | undefined;
  /** Settles with the host's work; never rejects. */
  readonly settled: Promise<void>;
}

/** Due ticks of the work in flight, by plugin or `plugin/device`, in the order of the requests. */
export type CompletionState = Readonly<Record<string, readonly number[]>>;

/** The work in flight of one VM. */
export class Completions {
  /** Called when the host has finished something that the VM may be waiting for. */
  onSettled: (() => void) | undefined;
  #clock: VmClock;
  #inbox: Inbox;
  #latency: number;
  #log: (message: string) => void;
  #work: Work[] = [];
  /** Due ticks of a snapshot that wait for their requests to be made again. */
  #promised: Map<string, number[]> = new Map();

  /** @param latency Ticks from request to result under virtual time */
  constructor(clock: VmClock, inbox: Inbox, latency: number, log: (message: string) => void) {
    this.#clock = clock;
    this.#inbox = inbox;
    this.#latency = latency;
    this.#log = log;
  }

  /** How much work is in flight. */
  get inFlight(): number {
    return this.#work.length;
  }

  /** Earliest tick at which a result is due; Infinity under real time. */
  get nextDue(): number {
    let next = Infinity;
    for (const { due } of this.#work) {
      if (due < next) next = due;
    }
    return next;
  }

  /** Takes work on. */
  later<Result>(owner: string, work: Promise<Result>, done: (result: Result) => void): void {
    const finish = (apply: () => void): void => {
      entry.apply = apply;
      if (!this.#clock.virtual) {
        this.#inbox.post({ kind: "completion", target: owner }, () => this.#apply(entry));
      }
      this.onSettled?.();
    };
    const settled = work.then(
      (result) => finish(() => done(result)),
      (cause) => finish(() => this.#log(`Background work failed: ${cause instanceof Error ? cause.message : cause}`)),
    );
    const promised = this.#promised.get(owner)?.shift();
    const due = this.#clock.virtual ? promised ?? this.#clock.now() + this.#latency : Infinity;
    const entry: Work = { owner, due, apply: undefined, settled };
    this.#work.push(entry);
    if (due < this.#clock.nextDeadline) this.#clock.onEarlierDeadline?.();
  }

  /**
   * Applies what is due, in the order of due ticks and requests.
   *
   * @returns false if the host is late with something that is due: wait for {@link onSettled} and call again
   */
  applyDue(): boolean {
    const now = this.#clock.now();
    while (this.nextDue <= now) {
      const due = this.nextDue;
      const entry = this.#work.find((work) => work.due === due)!;
      if (entry.apply === undefined) return false;
      this.#apply(entry);
    }
    return true;
  }

  /** Waits until the host has nothing to do any more. */
  async settle(): Promise<void> {
    await Promise.all(this.#work.map(({ settled }) => settled));
  }

  /** Forgets all work; results that still arrive are dropped. */
  clear(): void {
    this.#work = [];
    this.#promised.clear();
  }

  /** Due ticks of what is in flight. Devices hold the requests in their own state. */
  save(): CompletionState {
    const state: Record<string, number[]> = {};
    for (const { owner, due } of this.#work) (state[owner] ??= []).push(due);
    return state;
  }

  /** Keeps the due ticks for the requests that devices make again in `restored`, in the same order. */
  expect(state: CompletionState): void {
    this.clear();
    for (const [owner, dues] of Object.entries(state)) this.#promised.set(owner, [...dues]);
  }

  /** The devices have made their requests again. */
  endRestore(): void {
    this.#promised.clear();
  }

  #apply(entry: Work): void {
    const index = this.#work.indexOf(entry);
    if (index < 0) return; // The VM was reset meanwhile.
    this.#work.splice(index, 1);
    entry.apply!();
  }
}
