/**
 * Floating-point numbers as exact rationals, and the one place where they are rounded (IEEE 754-2019 clauses 3.4, 4.3, 7.4, 7.5):
 * the arithmetic of the reference, written to be obviously right.
 *
 * @module
 */
import { FloatFlag, type FloatFormat, RoundingMode } from "./helpers.ts";

/** Parameters of a binary interchange format. */
export interface FormatParameters {
  /** Bits in all. */
  readonly bits: number;
  /** Bits of the fraction field. */
  readonly fraction: number;
  /** Exponent of the smallest normal number; the largest exponent is `1 - minExponent`. */
  readonly minExponent: number;
}

/** Formats by suffix. */
export const FORMATS: Readonly<Record<FloatFormat, FormatParameters>> = {
  s: { bits: 32, fraction: 23, minExponent: -126 },
  d: { bits: 64, fraction: 52, minExponent: -1022 },
};

/** A decoded operand; a finite one is `significand * 2^exponent`, zero included. */
export type FloatNumber =
  | { readonly kind: "nan"; readonly signalling: boolean; readonly negative: boolean }
  | { readonly kind: "infinite"; readonly negative: boolean }
  | { readonly kind: "finite"; readonly negative: boolean; readonly significand: bigint; readonly exponent: number };

/** A result with the flags that it raises. */
export interface FloatResult {
  /** Bits of the result. */
  readonly value: bigint;
  /** A combination of {@link FloatFlag}. */
  readonly flags: number;
}

/** All-ones exponent field at its place: the bits of +infinity. */
export function infinityBits(format: FormatParameters): bigint {
  return (1n << BigInt(format.bits - 1)) - (1n << BigInt(format.fraction));
}

/** Bits of the canonical NaN. */
export function canonicalNan(format: FormatParameters): bigint {
  return infinityBits(format) | (1n << BigInt(format.fraction - 1));
}

/** Puts the sign in front of a magnitude. */
export function withSign(format: FormatParameters, negative: boolean, magnitude: bigint): bigint {
  return negative ? magnitude | (1n << BigInt(format.bits - 1)) : magnitude;
}

/** Takes bits apart. */
export function decode(format: FormatParameters, bits: bigint): FloatNumber {
  const negative = (bits >> BigInt(format.bits - 1) & 1n) === 1n;
  const fraction = bits & ((1n << BigInt(format.fraction)) - 1n);
  const magnitude = bits & ((1n << BigInt(format.bits - 1)) - 1n);
  if (magnitude > infinityBits(format)) {
    return { kind: "nan", negative, signalling: (fraction >> BigInt(format.fraction - 1)) === 0n };
  }
  if (magnitude === infinityBits(format)) return { kind: "infinite", negative };
  const biased = Number(magnitude >> BigInt(format.fraction));
  const quantum = format.minExponent - format.fraction;
  if (biased === 0) return { kind: "finite", negative, significand: fraction, exponent: quantum };
  const significand = fraction | (1n << BigInt(format.fraction));
  return { kind: "finite", negative, significand, exponent: quantum + biased - 1 };
}

/** A non-negative fraction, rounded to an integer as the mode says for a number of that sign. */
export function roundToInteger(
  numerator: bigint,
  denominator: bigint,
  negative: boolean,
  rm: number,
): { readonly integer: bigint; readonly inexact: boolean } {
  const floor = numerator / denominator;
  const twiceRest = 2n * (numerator - floor * denominator);
  if (twiceRest === 0n) return { integer: floor, inexact: false };
  const up = rm === RoundingMode.nearestEven
    ? twiceRest > denominator || (twiceRest === denominator && (floor & 1n) === 1n)
    : rm === RoundingMode.nearestMaxMagnitude
    ? twiceRest >= denominator
    : rm === (negative ? RoundingMode.down : RoundingMode.up);
  return { integer: up ? floor + 1n : floor, inexact: true };
}

/** A positive rational times a power of two: `numerator / denominator * 2^exponent`. */
export interface Rational {
  /** Not negative. */
  readonly numerator: bigint;
  /** Positive; 1 if absent. */
  readonly denominator?: bigint;
  /** Power of two. */
  readonly exponent: number;
}

/** Rounds an exact value to a format. Zero must be handled before, for its sign is the operation's business. */
export function roundToFormat(format: FormatParameters, negative: boolean, exact: Rational, rm: number): FloatResult {
  const exponent = floorLog2(exact);
  const normalQuantum = exponent - format.fraction;
  const quantum = Math.max(normalQuantum, format.minExponent - format.fraction);
  const { integer, inexact } = roundAt(exact, quantum, negative, rm);
  const flags = inexact ? FloatFlag.inexact : 0;
  // the integer carries the hidden bit, which adds the missing one to the exponent field; so does a carry out of rounding
  const biased = quantum - (format.minExponent - format.fraction);
  const magnitude = (BigInt(biased) << BigInt(format.fraction)) + integer;
  if (magnitude >= infinityBits(format)) return overflow(format, negative, rm);
  // tiny: with an unbounded exponent, the rounded result would still be below the smallest normal number
  const unbounded = roundAt(exact, normalQuantum, negative, rm).integer;
  const tiny = normalQuantum + bitLength(unbounded) - 1 < format.minExponent;
  return {
    value: withSign(format, negative, magnitude),
    flags: tiny && inexact ? flags | FloatFlag.underflow : flags,
  };
}

function overflow(format: FormatParameters, negative: boolean, rm: number): FloatResult {
  const toInfinity = rm === RoundingMode.nearestEven || rm === RoundingMode.nearestMaxMagnitude ||
    rm === (negative ? RoundingMode.down : RoundingMode.up);
  const magnitude = toInfinity ? infinityBits(format) : infinityBits(format) - 1n;
  return { value: withSign(format, negative, magnitude), flags: FloatFlag.overflow | FloatFlag.inexact };
}

/** Rounds to a multiple of 2^quantum; the integer counts quanta. */
function roundAt(exact: Rational, quantum: number, negative: boolean, rm: number): ReturnType<typeof roundToInteger> {
  const [numerator, denominator] = asFraction(exact, quantum);
  return roundToInteger(numerator, denominator, negative, rm);
}

/** The value divided by 2^unit, as a fraction. */
export function asFraction(exact: Rational, unit: number): [numerator: bigint, denominator: bigint] {
  const { numerator, denominator = 1n } = exact;
  const shift = exact.exponent - unit;
  return shift >= 0 ? [numerator << BigInt(shift), denominator] : [numerator, denominator << BigInt(-shift)];
}

function floorLog2(exact: Rational): number {
  const { numerator, denominator = 1n } = exact;
  const guess = bitLength(numerator) - bitLength(denominator);
  const [n, d] = asFraction({ numerator, denominator, exponent: 0 }, guess);
  return exact.exponent + (n >= d ? guess : guess - 1);
}

/** Bits of a positive integer up to its highest one; 0 for 0. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}
