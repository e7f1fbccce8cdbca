/**
 * Fused multiply-add in software over 128-bit integers (IEEE 754-2019 clause 5.4.1, `fusedMultiplyAdd`); addition is its
 * case b = 1, multiplication its case c = 0 with the product's sign.
 *
 * @module
 */
import {
  binary,
  call,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  type Local,
  type ModuleBuilder,
  unary,
} from "../../../core/wasm/mod.ts";
import { RoundingMode } from "./helpers.ts";
import { magnitudeOf, packInfinity, packZero, type SoftBase } from "./soft.ts";
import {
  above,
  add,
  add32,
  and,
  both,
  either,
  eq,
  extend,
  INFINITY,
  is,
  isNan,
  mul,
  or,
  shl,
  shr,
  signOf,
  sticky,
  sub,
  word,
  xor,
} from "./words.ts";

/** A signed number `(high * 2^64 + low) / 2^125 * 2^exponent` in locals; the magnitude is below 2^127, so that two can be added. */
interface Wide {
  readonly sign: Local;
  readonly exponent: Local;
  readonly high: Local;
  readonly low: Local;
}

/** (a, b, c, rm, single) -> a * b + c, rounded once. */
export function emitSoftFma(module: ModuleBuilder, base: SoftBase): FunctionReference {
  const alignRight = emitAlignRight(module);
  const roundWide = emitRoundWide(module, base);
  return module.function("float.fma", ["i64", "i64", "i64", "i32", "i32"], ["i64"], (f) => {
    const [a, b, c, rm, single] = [0, 1, 2, 3, 4].map((index) => f.param(index));
    const productSign = f.let(signOf(xor(a, b)));
    const addendSign = f.let(signOf(c));
    finishSpecials(f, base, { productSign, addendSign });
    const product = unpackProduct(f, base, productSign);
    f.if(eq(magnitudeOf(c), 0n), () => f.return(call(roundWide, ...fields(product), rm, single)));
    const addend = unpackAddend(f, base, addendSign);
    const distance = f.let(binary("i32.sub", product.exponent, addend.exponent));
    const align = (wide: Wide, by: Expr): void => {
      f.callInto([wide.high, wide.low], alignRight, wide.high, wide.low, unary("i64.extend_i32_u", by));
    };
    f.if(binary("i32.lt_s", distance, i32Const(0)), () => {
      align(product, binary("i32.sub", i32Const(0), distance));
      f.set(product.exponent, addend.exponent);
    }, () => align(addend, distance));
    addSigned(f, product, addend);
    f.if(eq(or(product.high, product.low), 0n), () => f.return(packZero(is(rm, RoundingMode.down), single)));
    f.return(call(roundWide, ...fields(product), rm, single));
  });
}

function fields(wide: Wide): Expr[] {
  return [wide.sign, wide.exponent, wide.high, wide.low];
}

/** NaNs, infinities, and products that are zero. Afterwards a and b are magnitudes. */
function finishSpecials(f: FunctionBuilder, base: SoftBase, signs: Record<"productSign" | "addendSign", Local>): void {
  const [a, b, c, rm, single] = [0, 1, 2, 3, 4].map((index) => f.param(index));
  const { productSign, addendSign } = signs;
  const magnitudes = [magnitudeOf(a), magnitudeOf(b)].map((magnitude) => f.let(magnitude));
  const [x, y] = magnitudes;
  const infinite = f.let(either(eq(x, INFINITY), eq(y, INFINITY)));
  const zero = f.let(either(eq(x, 0n), eq(y, 0n)));
  // the ISA makes infinity times zero invalid even if c is a quiet NaN
  f.if(both(infinite, zero), () => f.return(call(base.invalid, single)));
  f.if(either(either(isNan(a), isNan(b)), isNan(c)), () => f.return(call(base.propagate, a, b, c, single)));
  const infiniteAddend = f.let(eq(magnitudeOf(c), INFINITY));
  const opposite = f.let(binary("i32.ne", productSign, addendSign));
  f.if(infinite, () => {
    f.if(both(infiniteAddend, opposite), () => f.return(call(base.invalid, single)));
    f.return(packInfinity(productSign, single));
  });
  f.if(infiniteAddend, () => f.return(packInfinity(addendSign, single)));
  f.if(zero, () => {
    f.if(eq(magnitudeOf(c), 0n), () => {
      const agreed = binary("i32.and", productSign, addendSign);
      f.return(packZero(either(agreed, both(opposite, is(rm, RoundingMode.down))), single));
    });
    const addend = [f.local("i32"), f.local("i64")];
    f.callInto(addend, base.unpack, magnitudeOf(c));
    f.return(call(base.round, addendSign, ...addend, rm, single));
  });
  f.set(a, x);
  f.set(b, y);
}

/** The exact product of a and b: their 64-bit significands, one shifted right by its zero lowest bit, multiplied in 32-bit halves. */
function unpackProduct(f: FunctionBuilder, base: SoftBase, sign: Local): Wide {
  const exponents = [f.local("i32"), f.local("i32")];
  const [x, y] = [f.local("i64"), f.local("i64")];
  f.callInto([exponents[0], x], base.unpack, f.param(0));
  f.callInto([exponents[1], y], base.unpack, f.param(1));
  f.set(y, shr(y, 1n));
  const low32 = (value: Expr): Expr => and(value, 0xffff_ffffn);
  const high32 = (value: Expr): Expr => shr(value, 32n);
  const crossed = [mul(low32(x), high32(y)), mul(high32(x), low32(y))].map((part) => f.let(part));
  const middle = f.let(add(high32(mul(low32(x), low32(y))), add(low32(crossed[0]), low32(crossed[1]))));
  const carried = add(high32(middle), add(high32(crossed[0]), high32(crossed[1])));
  return {
    sign,
    exponent: f.let(add32(exponents[0], exponents[1])),
    high: f.let(add(mul(high32(x), high32(y)), carried)),
    low: f.let(mul(x, y)),
  };
}

function unpackAddend(f: FunctionBuilder, base: SoftBase, sign: Local): Wide {
  const [exponent, significand] = [f.local("i32"), f.local("i64")];
  f.callInto([exponent, significand], base.unpack, magnitudeOf(f.param(2)));
  return { sign, exponent, high: f.let(shr(significand, 2n)), low: f.let(shl(significand, 62n)) };
}

/** Adds `other`, which has the same exponent, to `sum`. */
function addSigned(f: FunctionBuilder, sum: Wide, other: Wide): void {
  const low = f.local("i64");
  f.if(binary("i32.eq", sum.sign, other.sign), () => {
    f.set(low, add(sum.low, other.low));
    f.set(sum.high, add(add(sum.high, other.high), extend(above(sum.low, low))));
  }, () => {
    f.set(low, sub(sum.low, other.low));
    f.set(sum.high, sub(sub(sum.high, other.high), extend(above(other.low, sum.low))));
    f.if(binary("i64.lt_s", sum.high, word(0n)), () => {
      f.set(sum.sign, other.sign);
      f.set(low, sub(0n, low));
      f.set(sum.high, sub(sub(0n, sum.high), sticky(low)));
    });
  });
  f.set(sum.low, low);
}

/** (high, low, count i64) -> (high, low) shifted right; what is shifted out survives in the lowest bit. */
function emitAlignRight(module: ModuleBuilder): FunctionReference {
  return module.function("float.alignRight", ["i64", "i64", "i64"], ["i64", "i64"], (f) => {
    const [high, low, count] = [0, 1, 2].map((index) => f.param(index));
    f.if(above(count, 127n), () => f.return(word(0n), sticky(or(high, low))));
    const lost = f.let(word(0n));
    f.if(above(count, 63n), () => {
      f.set(lost, low);
      f.set(low, high);
      f.set(high, word(0n));
      f.set(count, sub(count, 64n));
    });
    f.if(eq(count, 0n), () => f.return(high, or(low, sticky(lost))));
    const left = f.let(sub(64n, count));
    f.set(lost, or(lost, shl(low, left)));
    f.return(shr(high, count), or(or(shl(high, left), shr(low, count)), sticky(lost)));
  });
}

/** (sign, exponent, high, low, rm, single) -> the rounded value of a {@link Wide} that is not zero. */
function emitRoundWide(module: ModuleBuilder, base: SoftBase): FunctionReference {
  return module.function("float.roundWide", ["i32", "i32", "i64", "i64", "i32", "i32"], ["i64"], (f) => {
    const [sign, exponent, high, low, rm, single] = [0, 1, 2, 3, 4, 5].map((index) => f.param(index));
    f.if(eq(high, 0n), () => {
      f.set(high, low);
      f.set(low, word(0n));
      f.set(exponent, add32(exponent, -64));
    });
    const zeros = f.let(unary("i64.clz", high));
    // two steps, because a shift by 64 would shift by nothing
    f.set(high, or(shl(high, zeros), shr(shr(low, 1n), sub(63n, zeros))));
    f.set(high, or(high, sticky(shl(low, zeros))));
    f.set(exponent, add32(exponent, unary("i32.wrap_i64", sub(2n, zeros))));
    f.return(call(base.round, sign, exponent, high, rm, single));
  });
}
