/**
 * Software floating point as WebAssembly functions: specials, unpacking and rounding for both formats, always exact with all flags
 * (Unprivileged ISA, chapters "F" and "D"; IEEE 754-2019 clauses 4.3, 6, 7).
 *
 * Operands of the soft core are doubles: a single widens without loss, so that one core serves both formats and only
 * the last step, rounding, knows the format of the result. An unpacked number is `significand / 2^63 * 2^exponent` with bit 63 of the
 * significand set; its lowest bit is sticky: it stands for anything non-zero that lies beyond.
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
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import { FloatFlag, RoundingMode } from "./helpers.ts";
import {
  above,
  add,
  add32,
  and,
  both,
  BOX,
  CANONICAL_NAN,
  choose,
  either,
  eq,
  extend,
  FRACTION,
  HIDDEN,
  INFINITY,
  is,
  isSignalling,
  less,
  MAGNITUDE,
  ne,
  or,
  shl,
  shr,
  SIGN,
  sticky,
  sub,
  word,
} from "./words.ts";

/** Functions that every soft operation shares. `single` is an i32 flag that selects the format of the result. */
export interface SoftBase {
  /** (flags i32): accrues flags. */
  readonly accrue: FunctionReference;
  /** (a register with a single) -> the same value as a double's bits, signalling NaNs as such. */
  readonly widen: FunctionReference;
  /** (a, b, c, single): the result if one of three doubles is a NaN; flags accrued. */
  readonly propagate: FunctionReference;
  /** (single): the canonical NaN with the invalid flag. */
  readonly invalid: FunctionReference;
  /** (bits of a finite double, not zero) -> (exponent i32, significand i64). */
  readonly unpack: FunctionReference;
  /** (sign i32, exponent i32, significand, rm, single): rounds, accrues flags, packs. */
  readonly round: FunctionReference;
  /** (sign i32, exponent i32, q f64, residual i64, rm, single): rounds `q + tiny` where the residual has the sign of tiny. */
  readonly finish: FunctionReference;
}

/** Adds the shared functions to a module. */
export function emitSoftBase(module: ModuleBuilder, accrueFlags: (f: FunctionBuilder, flags: Expr) => void): SoftBase {
  const accrue = module.function("float.accrue", ["i32"], [], (f) => accrueFlags(f, f.param(0)));
  const round = emitRound(module, accrue);
  return {
    accrue,
    round,
    widen: emitWiden(module),
    propagate: emitPropagate(module, accrue),
    invalid: module.function("float.invalid", ["i32"], ["i64"], (f) => {
      f.call(accrue, i32Const(FloatFlag.invalid));
      f.return(canonicalNan(f.param(0)));
    }),
    unpack: emitUnpack(module),
    finish: emitFinish(module, round),
  };
}

/** The canonical NaN of a format, as a register. */
function canonicalNan(single: Expr): Expr {
  return choose(single, CANONICAL_NAN.s, CANONICAL_NAN.d);
}

/** The exponent field of infinity, at its place. */
function infinityMagnitude(single: Expr): Expr {
  return choose(single, 0x7f80_0000n, INFINITY);
}

/** Puts sign and magnitude bits together and boxes a single. */
function pack(sign: Expr, magnitude: Expr, single: Expr): Expr {
  return choose(
    single,
    or(or(magnitude, BOX), shl(extend(sign), 31n)),
    or(magnitude, shl(extend(sign), 63n)),
  );
}

/** Zero with a sign, as a register. */
export function packZero(sign: Expr, single: Expr): Expr {
  return pack(sign, word(0n), single);
}

/** Infinity with a sign, as a register. */
export function packInfinity(sign: Expr, single: Expr): Expr {
  return pack(sign, infinityMagnitude(single), single);
}

/** The bits of the single in a register; the canonical NaN if it is not boxed (i32). */
export function unboxSingle(register: Expr): Expr {
  return select(
    eq(binary("i64.shr_s", register, word(32n)), -1n),
    unary("i32.wrap_i64", register),
    i32Const(0x7fc0_0000),
  );
}

function emitWiden(module: ModuleBuilder): FunctionReference {
  return module.function("float.widen", ["i64"], ["i64"], (f) => {
    const bits = f.let(unboxSingle(f.param(0)));
    const magnitude = f.let(extend(binary("i32.and", bits, i32Const(0x7fff_ffff))));
    f.if(above(magnitude, 0x7f80_0000n), () => { // the hardware's promotion would quiet it
      f.return(or(shl(and(magnitude, 0x7f_ffffn), 29n), or(INFINITY, shl(shr(extend(bits), 31n), 63n))));
    });
    f.return(unary("i64.reinterpret_f64", unary("f64.promote_f32", unary("f32.reinterpret_i32", bits))));
  });
}

function emitPropagate(module: ModuleBuilder, accrue: FunctionReference): FunctionReference {
  return module.function("float.propagate", ["i64", "i64", "i64", "i32"], ["i64"], (f) => {
    const signalling = [0, 1, 2].map((index) => isSignalling(f.param(index))).reduce(either);
    f.if(signalling, () => f.call(accrue, i32Const(FloatFlag.invalid)));
    f.return(canonicalNan(f.param(3)));
  });
}

function emitUnpack(module: ModuleBuilder): FunctionReference {
  return module.function("float.unpack", ["i64"], ["i32", "i64"], (f) => {
    const bits = f.param(0);
    const exponent = f.let(unary("i32.wrap_i64", shr(and(bits, INFINITY), 52n)));
    f.set(bits, and(bits, FRACTION));
    f.if(unary("i32.eqz", exponent), () => {
      const zeros = f.let(unary("i64.clz", bits));
      f.return(unary("i32.wrap_i64", sub(63n - 1074n, zeros)), shl(bits, zeros));
    });
    f.return(add32(exponent, -1023), shl(or(bits, HIDDEN), 11n));
  });
}

/** What is added below the last kept bit so that truncation then rounds: half a unit, a whole one less the last bit, or nothing. */
function roundingIncrement(rm: Expr, sign: Expr, mask: Expr): Expr {
  const nearest = either(is(rm, RoundingMode.nearestEven), is(rm, RoundingMode.nearestMaxMagnitude));
  const away = binary("i32.eq", rm, binary("i32.sub", i32Const(RoundingMode.up), sign));
  return choose(nearest, add(shr(mask, 1n), 1n), choose(away, mask, 0n));
}

function emitRound(module: ModuleBuilder, accrue: FunctionReference): FunctionReference {
  return module.function("float.round", ["i32", "i32", "i64", "i32", "i32"], ["i64"], (f) => {
    const [sign, exponent, significand, rm, single] = [0, 1, 2, 3, 4].map((index) => f.param(index));
    const dropped = f.let(choose(single, 64n - 24n, 64n - 53n));
    const mask = f.let(sub(shl(1n, dropped), 1n));
    const increment = f.let(roundingIncrement(rm, sign, mask));
    const biased = f.let(add32(exponent, select(single, i32Const(127), i32Const(1023))));
    const tiny = f.let(i32Const(0));
    f.if(binary("i32.le_s", biased, i32Const(0)), () => {
      denormalize(f, { significand, increment, biased, tiny });
    });
    const rest = f.let(and(significand, mask));
    const magnitude = f.let(
      add(shr(significand, dropped), shr(add(rest, increment), dropped)),
    );
    const tie = both(is(rm, RoundingMode.nearestEven), eq(rest, increment));
    f.set(magnitude, and(magnitude, choose(tie, -2n, -1n)));
    // the hidden bit adds the missing one to the exponent field, and so does a carry
    f.set(magnitude, add(magnitude, shl(extend(add32(biased, -1)), sub(63n, dropped))));
    const flags = f.let(select(ne(rest, 0n), add32(i32Const(FloatFlag.inexact), shl32(tiny, 1)), i32Const(0)));
    f.if(binary("i64.ge_u", magnitude, infinityMagnitude(single)), () => {
      f.set(flags, i32Const(FloatFlag.overflow | FloatFlag.inexact));
      f.set(magnitude, sub(infinityMagnitude(single), extend(eq(increment, 0n))));
    });
    f.if(flags, () => f.call(accrue, flags));
    f.return(pack(sign, magnitude, single));
  });
}

function shl32(value: Expr, count: number): Expr {
  return binary("i32.shl", value, i32Const(count));
}

/**
 * Shifts a number below the normal range to the format's smallest exponent. It is tiny unless rounding with an unbounded exponent
 * would carry it up to the smallest normal number: tininess is detected after rounding.
 */
function denormalize(f: FunctionBuilder, parts: Record<"significand" | "increment" | "biased" | "tiny", Local>): void {
  const { significand, increment, biased, tiny } = parts;
  const carries = binary("i64.lt_u", add(significand, increment), significand);
  f.set(tiny, either(binary("i32.lt_s", biased, i32Const(0)), unary("i32.eqz", carries)));
  const shift = f.let(sub(1n, unary("i64.extend_i32_s", biased)));
  const shifted = or(shr(significand, shift), sticky(shl(significand, sub(64n, shift))));
  f.set(significand, choose(above(shift, 63n), 1n, shifted));
  f.set(biased, i32Const(1));
}

function emitFinish(module: ModuleBuilder, round: FunctionReference): FunctionReference {
  return module.function("float.finish", ["i32", "i32", "f64", "i64", "i32", "i32"], ["i64"], (f) => {
    const [sign, exponent, quotient, residual, rm, single] = [0, 1, 2, 3, 4, 5].map((index) => f.param(index));
    const bits = f.let(unary("i64.reinterpret_f64", quotient));
    f.set(exponent, add32(exponent, unary("i32.wrap_i64", sub(shr(bits, 52n), 1023n))));
    const direction = sub(extend(less(0n, residual)), extend(less(residual, 0n)));
    const significand = f.let(add(or(shl(and(bits, FRACTION), 11n), SIGN), direction));
    f.if(unary("i32.eqz", unary("i32.wrap_i64", shr(significand, 63n))), () => { // just below a power of two
      f.set(significand, or(shl(significand, 1n), 1n));
      f.set(exponent, add32(exponent, -1));
    });
    f.return(call(round, sign, exponent, significand, rm, single));
  });
}

/** The magnitude bits of a double. */
export function magnitudeOf(bits: Expr): Expr {
  return and(bits, MAGNITUDE);
}
