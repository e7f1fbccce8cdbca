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

/** Samples by line. */
export class Hotness {
  readonly #threshold: number;
  readonly #samples = new Map<number, number>();

  /** @param threshold Samples that make a line hot */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /**
   * Counts a sample; true if its line has become hot by it, whose count begins anew then.
   *
   * @param weight How much of a sample it counts for
   */
  sample(address: HostPhysAddr, weight = 1): boolean {
    const line = Math.floor(address / LINE_SIZE);
    const count = this.samplesOf(address) + weight;
    if (count >= this.#threshold) {
      this.#samples.delete(line);
      return true;
    }
    if (this.#samples.size >= MOST_LINES) this.#samples.clear();
    this.#samples.set(line, count);
    return false;
  }

  /** Samples in the line of an address. */
  samplesOf(address: HostPhysAddr): number {
    return this.#samples.get(Math.floor(address / LINE_SIZE)) ?? 0;
  }

  /** Forgets all samples. */
  clear(): void {
    this.#samples.clear();
  }
}
