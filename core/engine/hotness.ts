/**
 * Where interpreted code is hot: samples counted by line of code.
 *
 * @module
 */
import type { HostPhysAddr } from "../address.ts";

/** Bytes of a line. */
const LINE_SIZE = 64;

/** Lines whose samples are counted at a time; when there are more, all begin anew. */
const MOST_LINES = 65536;

/** Samples of a line, and how many it is to have. */
interface Count {
  samples: number;
  due: number;
}

/** Samples by line. */
export class Hotness {
  readonly #threshold: number;
  readonly #counts = new Map<number, Count>();

  /** @param threshold Samples that make a line hot, unless it is told to {@link wait} */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /** Counts a sample. Gives the line's samples so far once there are as many as there should be, else 0. */
  sample(address: HostPhysAddr): number {
    const line = Math.floor(address / LINE_SIZE);
    let count = this.#counts.get(line);
    if (count === undefined) {
      if (this.#counts.size >= MOST_LINES) this.#counts.clear();
      this.#counts.set(line, count = { samples: 0, due: this.#threshold });
    }
    return ++count.samples >= count.due ? count.samples : 0;
  }

  /** Has a line go on until it has so many samples. */
  wait(address: HostPhysAddr, samples: number): void {
    const count = this.#counts.get(Math.floor(address / LINE_SIZE));
    if (count !== undefined) count.due = samples;
  }

  /** Has a line begin anew. */
  forget(address: HostPhysAddr): void {
    this.#counts.delete(Math.floor(address / LINE_SIZE));
  }

  /** Forgets all samples. */
  clear(): void {
    this.#counts.clear();
  }
}
