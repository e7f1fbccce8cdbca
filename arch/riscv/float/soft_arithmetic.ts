/**
 * Division and square root in software: the hardware's result for the significands alone, then the sign of its exact error, which
 * is all that rounding needs to know, for neither operation can hit a tie exactly (IEEE 754-2019 clause 5.4.1).
 *
 * The significands are integers A, B of 53 bits; the hardware rounds to a 53-bit Q, and the error, `A*2^k - Q*B`, is less than 2^55,
 * so that arithmetic modulo 2^64 gives it exactly.
 *
 * @module
 */
import {
  binary,
  call,
  type Expr,
  f64Const,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  type Local,
  type ModuleBuilder,
  unary,
} from "../../../core/wasm/mod.ts";
import { FloatFlag } from "./helpers.ts";
import { magnitudeOf, packInfinity, packZero, type SoftBase } from "./soft.ts";
import {
  add,
  add32,
  and,
  both,
  either,
  eq,
  extend,
  FRACTION,
  HIDDEN,
  INFINITY,
  isNan,
  mul,
  ONE,
  or,
  shl,
  shr,
  signOf,
  sub,
  word,
  xor,
} from "./words.ts";

/** An operand whose significand the hardware can work on. */
interface Significand {
  /** Power of two that belongs to it. */
  readonly exponent: Local;
  /** 53 bits. */
  readonly integer: Expr;
  /** The same as a double, 1 <= x < 2. */
  readonly float: Expr;
}

function unpackSignificand(f: FunctionBuilder, base: SoftBase, bits: Expr): Significand {
  const [exponent, significand] = [f.local("i32"), f.local("i64")];
  f.callInto([exponent, significand], base.unpack, bits);
  const integer = f.let(shr(significand, 11n));
  const float = unary("f64.reinterpret_i64", or(and(integer, FRACTION), ONE));
  return { exponent, integer, float };
}

/** The 53-bit integer significand of a normal double. */
function integerOf(value: Expr): Expr {
  return or(and(unary("i64.reinterpret_f64", value), FRACTION), HIDDEN);
}

/** (a, b, rm, single) -> a / b. */
export function emitSoftDivide(module: ModuleBuilder, base: SoftBase): FunctionReference {
  return module.function("float.divide", ["i64", "i64", "i32", "i32"], ["i64"], (f) => {
    const [a, b, rm, single] = [0, 1, 2, 3].map((index) => f.param(index));
    f.if(either(isNan(a), isNan(b)), () => f.return(call(base.propagate, a, b, a, single)));
    const sign = f.let(signOf(xor(a, b)));
    f.set(a, magnitudeOf(a));
    f.set(b, magnitudeOf(b));
    f.if(binary("i64.eq", a, b), () => {
      f.if(either(eq(a, 0n), eq(a, INFINITY)), () => f.return(call(base.invalid, single)));
    });
    f.if(either(eq(a, 0n), eq(b, INFINITY)), () => f.return(packZero(sign, single)));
    f.if(eq(a, INFINITY), () => f.return(packInfinity(sign, single)));
    f.if(eq(b, 0n), () => {
      f.call(base.accrue, i32Const(FloatFlag.divideByZero));
      f.return(packInfinity(sign, single));
    });
    const [x, y] = [unpackSignificand(f, base, a), unpackSignificand(f, base, b)];
    const quotient = f.let(binary("f64.div", x.float, y.float));
    const scale = add(52n, extend(binary("f64.lt", quotient, f64Const(1))));
    const error = sub(shl(x.integer, scale), mul(integerOf(quotient), y.integer));
    f.return(call(base.finish, sign, binary("i32.sub", x.exponent, y.exponent), quotient, error, rm, single));
  });
}

/** (a, rm, single) -> the square root of a. */
export function emitSoftSquareRoot(module: ModuleBuilder, base: SoftBase): FunctionReference {
  return module.function("float.sqrt", ["i64", "i32", "i32"], ["i64"], (f) => {
    const [a, rm, single] = [0, 1, 2].map((index) => f.param(index));
    f.if(isNan(a), () => f.return(call(base.propagate, a, a, a, single)));
    f.if(eq(magnitudeOf(a), 0n), () => f.return(packZero(signOf(a), single)));
    f.if(signOf(a), () => f.return(call(base.invalid, single)));
    f.if(eq(a, INFINITY), () => f.return(packInfinity(i32Const(0), single)));
    const x = unpackSignificand(f, base, a);
    // an even exponent halves; an odd one leaves a factor of two with the significand
    const odd = f.let(binary("i32.and", x.exponent, i32Const(1)));
    const scaled = binary("f64.mul", x.float, unary("f64.convert_i32_s", add32(odd, 1)));
    const root = f.let(unary("f64.sqrt", scaled));
    const integer = f.let(integerOf(root));
    const error = sub(shl(x.integer, add(52n, extend(odd))), mul(integer, integer));
    const half = binary("i32.shr_s", x.exponent, i32Const(1));
    f.return(call(base.finish, i32Const(0), half, root, error, rm, single));
  });
}

/** (x, y f64) -> i32: whether x * y has at most 53 significant bits, so that a normal product is exact. Both are finite, not zero. */
export function emitProductIsExact(module: ModuleBuilder): FunctionReference {
  return module.function("float.productIsExact", ["f64", "f64"], ["i32"], (f) => {
    const oddPart = (index: number): Local => {
      const bits = f.let(unary("i64.reinterpret_f64", f.param(index)));
      const fraction = f.let(and(bits, FRACTION));
      const significand = f.let(or(fraction, shl(extend(binary("i64.ne", and(bits, INFINITY), word(0n))), 52n)));
      return f.let(shr(significand, unary("i64.ctz", significand)));
    };
    const [x, y] = [oddPart(0), oddPart(1)];
    const room = binary("i64.ge_u", add(unary("i64.clz", x), unary("i64.clz", y)), word(65n));
    f.return(both(room, eq(shr(mul(x, y), 53n), 0n)));
  });
}
