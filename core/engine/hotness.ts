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

/** How hot a line is. */
export interface Heat {
  /** Its samples so far. */
  readonly samples: number;
  /** Its part of all samples since its first one. */
  readonly share: number;
  /** Samples of all lines so far: how long there has been anything to count. */
  readonly all: number;
}

/** Samples of a line. */
interface Count {
  samples: number;
  /** Samples that it is to have. */
  due: number;
  /** Samples that there were at all before its first one. */
  readonly before: number;
}

/** Samples by line. */
export class Hotness {
  readonly #threshold: number;
  readonly #counts = new Map<number, Count>();
  /** Samples at all. */
  #all = 0;

  /** @param threshold Samples that make a line hot, unless it is told to {@link wait} */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /** Counts a sample. Tells how hot the line is once it has as many as it should; undefined: it has not. */
  sample(address: HostPhysAddr): Heat | undefined {
    const line = Math.floor(address / LINE_SIZE);
    let count = this.#counts.get(line);
    if (count === undefined) {
      if (this.#counts.size >= MOST_LINES) this.#counts.clear();
      this.#counts.set(line, count = { samples: 0, due: this.#threshold, before: this.#all });
    }
    this.#all++;
    const samples = ++count.samples;
    if (samples < count.due) return undefined;
    return { samples, share: samples / (this.#all - count.before), all: this.#all };
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
    this.#all = 0;
  }
}
