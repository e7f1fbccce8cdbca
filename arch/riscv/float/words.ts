/**
 * Short names for the 64-bit integer expressions that soft floating point is written in, and the layout of a double.
 *
 * @module
 */
import { binary, type Expr, i32Const, i64Const, select, unary } from "../../../core/wasm/mod.ts";

/** Fraction field of a double. */
export const FRACTION = (1n << 52n) - 1n;
/** Hidden bit of a double: the lowest bit of the exponent field. */
export const HIDDEN = 1n << 52n;
/** Infinity as a double: all ones in the exponent field. */
export const INFINITY = 0x7ff0_0000_0000_0000n;
/** Everything but the sign. */
export const MAGNITUDE = (1n << 63n) - 1n;
/** The sign bit of a double. */
export const SIGN = 1n << 63n;
/** One as a double: a bias in the exponent field. */
export const ONE = 0x3ff0_0000_0000_0000n;
/** The quiet bit of a double NaN. */
export const QUIET = 1n << 51n;
/** Upper half of a register that holds a single. */
export const BOX = 0xffffffff_00000000n;
/** The canonical NaN, as a double and as a boxed single. */
export const CANONICAL_NAN = { d: 0x7ff8_0000_0000_0000n, s: BOX | 0x7fc0_0000n } as const;

type Word = Expr | bigint | number;

/** A 64-bit constant from a number, or the expression as it is. */
export function word(value: Word): Expr {
  return typeof value === "object" ? value : i64Const(value);
}

/** a + b. */
export const add = (a: Word, b: Word): Expr => binary("i64.add", word(a), word(b));
/** a - b. */
export const sub = (a: Word, b: Word): Expr => binary("i64.sub", word(a), word(b));
/** Low half of a * b. */
export const mul = (a: Word, b: Word): Expr => binary("i64.mul", word(a), word(b));
/** Bitwise and. */
export const and = (a: Word, b: Word): Expr => binary("i64.and", word(a), word(b));
/** Bitwise or. */
export const or = (a: Word, b: Word): Expr => binary("i64.or", word(a), word(b));
/** Bitwise exclusive or. */
export const xor = (a: Word, b: Word): Expr => binary("i64.xor", word(a), word(b));
/** a << (b mod 64). */
export const shl = (a: Word, b: Word): Expr => binary("i64.shl", word(a), word(b));
/** a >> (b mod 64), zeros from the left. */
export const shr = (a: Word, b: Word): Expr => binary("i64.shr_u", word(a), word(b));
/** 1 if equal (i32). */
export const eq = (a: Word, b: Word): Expr => binary("i64.eq", word(a), word(b));
/** 1 if different (i32). */
export const ne = (a: Word, b: Word): Expr => binary("i64.ne", word(a), word(b));
/** 1 if a > b unsigned (i32). */
export const above = (a: Word, b: Word): Expr => binary("i64.gt_u", word(a), word(b));
/** 1 if a < b signed (i32). */
export const less = (a: Word, b: Word): Expr => binary("i64.lt_s", word(a), word(b));
/** An unsigned 32-bit value, for a condition its 0 or 1, as 64 bits. */
export const extend = (a: Expr): Expr => unary("i64.extend_i32_u", a);
/** A 64-bit value is not zero, as 64 bits: what a sticky bit is. */
export const sticky = (a: Word): Expr => extend(ne(a, 0n));

/** Both conditions (i32, each 0 or 1). */
export const both = (a: Expr, b: Expr): Expr => binary("i32.and", a, b);
/** Either condition. */
export const either = (a: Expr, b: Expr): Expr => binary("i32.or", a, b);
/** An i32 equals a constant. */
export const is = (a: Expr, value: number): Expr => binary("i32.eq", a, i32Const(value));
/** i32 sum. */
export const add32 = (a: Expr, b: Expr | number): Expr => binary("i32.add", a, typeof b === "number" ? i32Const(b) : b);
/** One of two 64-bit values. */
export const choose = (condition: Expr, whenTrue: Word, whenFalse: Word): Expr =>
  select(condition, word(whenTrue), word(whenFalse));

/** Whether a double is a NaN, from its bits (i32). */
export const isNan = (bits: Expr): Expr => above(and(bits, MAGNITUDE), INFINITY);
/** Whether a double is a signalling NaN, from its bits (i32). */
export const isSignalling = (bits: Expr): Expr => both(isNan(bits), eq(and(bits, QUIET), 0n));
/** The sign of a double, 0 or 1 (i32). */
export const signOf = (bits: Expr): Expr => unary("i32.wrap_i64", shr(bits, 63n));
