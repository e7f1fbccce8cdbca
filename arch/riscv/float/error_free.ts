/**
 * Error-free transformations in generated code: sums and products of doubles or singles together with their exact rounding errors
 * (Handbook of Floating-Point Arithmetic, chapter 4; Boldo and Melquiond, "Emulation of a FMA and Correctly Rounded Sums").
 *
 * @module
 */
import {
  binary,
  type Expr,
  f64Const,
  type FunctionBuilder,
  i64Const,
  type Local,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import type { FormatEmitter } from "./format.ts";
import { and, both, xor } from "./words.ts";

/** A rounded double and its error: together the exact result. */
export interface Exact {
  /** The rounded result. */
  readonly value: Local;
  /** The exact result less the rounded one. */
  readonly error: Local;
}

const plus = (a: Expr, b: Expr): Expr => binary("f64.add", a, b);
const minus = (a: Expr, b: Expr): Expr => binary("f64.sub", a, b);
const times = (a: Expr, b: Expr): Expr => binary("f64.mul", a, b);

/** The error of `sum = a + b`, exact unless a step overflows, which it cannot if the sum is exact (Knuth's TwoSum). */
export function additionError(format: FormatEmitter, f: FunctionBuilder, a: Expr, b: Expr, sum: Expr): Expr {
  const add = (x: Expr, y: Expr): Expr => format.binary("add", x, y);
  const sub = (x: Expr, y: Expr): Expr => format.binary("sub", x, y);
  const addedB = f.let(sub(sum, a));
  return add(sub(a, sub(sum, addedB)), sub(b, addedB));
}

/** a + b of doubles. */
export function exactSum(f: FunctionBuilder, double: FormatEmitter, a: Local, b: Local): Exact {
  const value = f.let(plus(a, b));
  return { value, error: f.let(additionError(double, f, a, b, value)) };
}

/** a * b of doubles, by Dekker's and Veltkamp's splitting: exact if nothing overflows and the error does not underflow. */
export function exactProduct(f: FunctionBuilder, product: Local, a: Local, b: Local): Exact {
  const split = (x: Local): [Local, Local] => {
    const scaled = f.let(times(x, f64Const(2 ** 27 + 1)));
    const high = f.let(minus(scaled, minus(scaled, x)));
    return [high, f.let(minus(x, high))];
  };
  const [aHigh, aLow] = split(a);
  const [bHigh, bLow] = split(b);
  const crossed = plus(plus(minus(times(aHigh, bHigh), product), times(aHigh, bLow)), times(aLow, bHigh));
  return { value: product, error: f.let(plus(crossed, times(aLow, bLow))) };
}

/**
 * Rounds to odd: if `value` is inexact and its last bit is 0, it moves to its neighbour on the side of the error. The last bit then
 * tells that something lies beyond, and rounding once more gives what rounding the exact result once would.
 */
export function roundToOdd(f: FunctionBuilder, { value, error }: Exact): void {
  const bits = f.let(unary("i64.reinterpret_f64", value));
  const isEven = unary("i64.eqz", and(bits, 1n));
  f.if(both(binary("f64.ne", error, f64Const(0)), isEven), () => {
    const outward = binary("i64.ge_s", xor(bits, unary("i64.reinterpret_f64", error)), i64Const(0));
    f.set(bits, binary("i64.add", bits, select(outward, i64Const(1), i64Const(-1))));
    f.set(value, unary("f64.reinterpret_i64", bits));
  });
}
