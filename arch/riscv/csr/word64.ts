/**
 * 64-bit values as pairs of signed 32-bit numbers: what CSR rows, traps and timers compute with instead of `bigint`.
 *
 * @module
 */

/** A 64-bit value in two halves. Mutable, so that one object can be reused. */
export interface Word64 {
  /** Bits 31:0, signed. */
  low: number;
  /** Bits 63:32, signed. */
  high: number;
}

/** Splits a constant. For tables that are built at start, and for debuggers. */
export function split(value: bigint): Word64 {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
}

/** Joins the halves, unsigned. For people and tests. */
export function join(word: Readonly<Word64>): bigint {
  return (BigInt(word.high >>> 0) << 32n) | BigInt(word.low >>> 0);
}

/** High half of a number that is a non-negative integer below 2^64. */
export function highOf(value: number): number {
  return Math.floor(value / 2 ** 32) | 0;
}

/** High half of the sum; the low half is `(aLow + bLow) | 0`. */
export function addHigh(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  const carry = (aLow >>> 0) + (bLow >>> 0) > 0xffff_ffff ? 1 : 0;
  return (aHigh + bHigh + carry) | 0;
}

/** High half of the difference a - b; the low half is `(aLow - bLow) | 0`. */
export function subtractHigh(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  const borrow = (aLow >>> 0) < (bLow >>> 0) ? 1 : 0;
  return (aHigh - bHigh - borrow) | 0;
}

/** Whether a >= b, unsigned. */
export function atLeast(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  if (aHigh !== bHigh) return (aHigh >>> 0) > (bHigh >>> 0);
  return (aLow >>> 0) >= (bLow >>> 0);
}
