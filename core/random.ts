/**
 * Random bytes that a VM hands to its guest: a repeatable sequence, or the host's.
 *
 * The sequence is xoshiro128** 1.1 (Blackman and Vigna), seeded through splitmix32: not for secrets, but a run repeats.
 *
 * @module
 */

/** A source of random bytes whose state a snapshot can hold. */
export class RandomSequence {
  #state: Uint32Array = new Uint32Array(4);
  #seed: number;

  /** Starts the sequence of a seed (32 bits). */
  constructor(seed: number) {
    this.#seed = seed;
    this.restart();
  }

  /** Starts the sequence again. */
  restart(): void {
    let z = this.#seed >>> 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let x = z;
      x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
      x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
      this.#state[i] = x ^ (x >>> 15);
    }
  }

  /** Fills an array. */
  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 4) {
      const word = this.#next();
      for (let j = 0; j < 4 && i + j < bytes.length; j++) bytes[i + j] = word >>> (8 * j);
    }
  }

  /** Copies the state out. */
  save(): number[] {
    return [...this.#state];
  }

  /** Takes a state over. */
  restore(state: readonly number[]): void {
    this.#state.set(state);
  }

  #next(): number {
    const s = this.#state;
    const five = Math.imul(s[1], 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result >>> 0;
  }
}
