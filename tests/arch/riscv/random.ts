/** Seeded pseudo-random numbers for tests: the same sequence on every run. @module */

/** Values that arithmetic goes wrong at. */
const CORNERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0xffff_ffff_8000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0x8000_0000_0000_0001n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
];

/** A generator (mulberry32). */
export class Random {
  #state: number;

  /** @param seed Any 32-bit number */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 32 random bits, unsigned. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A number from 0 to `limit - 1`. */
  below(limit: number): number {
    return this.word() % limit;
  }

  /** 64 bits, unsigned: a corner value half of the time. */
  value(): bigint {
    if (this.below(2) === 0) return CORNERS[this.below(CORNERS.length)];
    return (BigInt(this.word()) << 32n) | BigInt(this.word());
  }
}
