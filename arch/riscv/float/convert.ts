/**
 * Conversions between formats as WebAssembly functions (Unprivileged ISA, "Single-Precision Floating-Point Conversion and Move
 * Instructions"; IEEE 754-2019 clauses 5.4.1, 5.8).
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
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import { type FormatEmitter, isPlainNormal } from "./format.ts";
import { FloatFlag, type IntegerFormat, RoundingMode } from "./helpers.ts";
import { magnitudeOf, packInfinity, packZero, type SoftBase } from "./soft.ts";
import {
  add,
  and,
  both,
  CANONICAL_NAN,
  choose,
  either,
  eq,
  INFINITY,
  is,
  isNan,
  isSignalling,
  shl,
  shr,
  signOf,
  sub,
  word,
  xor,
} from "./words.ts";

/** Emits code that accrues flags. */
type Raise = (f: FunctionBuilder, flags: number) => void;

const LIMITS: Record<
  IntegerFormat,
  { readonly low: number; readonly end: number; readonly min: bigint; readonly max: bigint }
> = {
  w: { low: -(2 ** 31), end: 2 ** 31, min: -(2n ** 31n), max: 2n ** 31n - 1n },
  wu: { low: 0, end: 2 ** 32, min: 0n, max: -1n },
  l: { low: -(2 ** 63), end: 2 ** 63, min: -(2n ** 63n), max: 2n ** 63n - 1n },
  lu: { low: 0, end: 2 ** 64, min: 0n, max: -1n },
};

/** Rounds a double to an integral double, exactly as the mode says. */
function roundIntegral(f: FunctionBuilder, value: Local, rm: Expr): Local {
  const result = f.let(unary("f64.trunc", value));
  f.if(binary("i32.ne", rm, i32Const(RoundingMode.towardZero)), () => {
    const half = binary("f64.ge", unary("f64.abs", binary("f64.sub", value, result)), f64Const(0.5));
    const away = binary("f64.copysign", unary("f64.convert_i32_s", half), value);
    const directed = select(is(rm, RoundingMode.down), unary("f64.floor", value), unary("f64.ceil", value));
    const nearest = select(
      is(rm, RoundingMode.nearestEven),
      unary("f64.nearest", value),
      binary("f64.add", result, away),
    );
    const isDirected = either(is(rm, RoundingMode.down), is(rm, RoundingMode.up));
    f.set(result, select(isDirected, directed, nearest));
  });
  return result;
}

/** FCVT from double to an integer: out of range saturates and is invalid, and then not inexact. */
function emitDoubleToInteger(module: ModuleBuilder, raise: Raise, to: IntegerFormat): FunctionReference {
  const { low, end, min, max } = LIMITS[to];
  return module.function(`fcvt.${to}.d`, ["i64", "i32"], ["i64"], (f) => {
    const value = f.let(unary("f64.reinterpret_i64", f.param(0)));
    const integral = roundIntegral(f, value, f.param(1));
    const fits = both(binary("f64.ge", integral, f64Const(low)), binary("f64.lt", integral, f64Const(end)));
    f.if(
      unary("i32.eqz", fits),
      () => { // a NaN fits nowhere
        raise(f, FloatFlag.invalid);
        f.return(choose(binary("f64.lt", value, f64Const(0)), min, max));
      },
      undefined,
      "unlikely",
    );
    f.if(binary("f64.ne", integral, value), () => raise(f, FloatFlag.inexact));
    const integer = unary(to === "lu" ? "i64.trunc_sat_f64_u" : "i64.trunc_sat_f64_s", integral);
    f.return(to === "wu" ? unary("i64.extend32_s", integer) : integer);
  });
}

/** FCVT to an integer from both formats: a single is a double. */
export function emitToInteger(
  module: ModuleBuilder,
  base: SoftBase,
  raise: Raise,
  to: IntegerFormat,
): FunctionReference[] {
  const fromDouble = emitDoubleToInteger(module, raise, to);
  const fromSingle = module.function(`fcvt.${to}.s`, ["i64", "i32"], ["i64"], (f) => {
    f.returnCall(fromDouble, call(base.widen, f.param(0)), f.param(1));
  });
  return [fromDouble, fromSingle];
}

/** FCVT from a 64-bit integer: the hardware's conversion where nothing is lost or the mode is the hardware's, else in software. */
function emitFromLong(
  module: ModuleBuilder,
  base: SoftBase,
  raise: Raise,
  format: FormatEmitter,
  unsigned: boolean,
): FunctionReference {
  return module.function(`fcvt.${format.suffix}.${unsigned ? "lu" : "l"}`, ["i64", "i32"], ["i64"], (f) => {
    const [value, rm] = [f.param(0), f.param(1)];
    const sign = f.let(unsigned ? word(0n) : shr(value, 63n));
    const magnitude = f.let(add(xor(value, sub(0n, sign)), sign));
    const significantBits = sub(64n, add(unary("i64.clz", magnitude), unary("i64.ctz", magnitude)));
    const inexact = f.let(binary("i64.gt_s", significantBits, word(format.single ? 24n : 53n)));
    f.if(
      both(inexact, binary("i32.ne", rm, i32Const(RoundingMode.nearestEven))),
      () => {
        const zeros = f.let(unary("i64.clz", magnitude));
        const exponent = unary("i32.wrap_i64", sub(63n, zeros));
        const normalized = shl(magnitude, zeros);
        f.return(call(base.round, unary("i32.wrap_i64", sign), exponent, normalized, rm, i32Const(format.single)));
      },
      undefined,
      "unlikely",
    );
    f.if(inexact, () => raise(f, FloatFlag.inexact));
    const float = format.single ? "f32" : "f64";
    f.return(format.write(unary(`${float}.convert_i64_${unsigned ? "u" : "s"}`, value)));
  });
}

/** FCVT from every integer format: the 32-bit ones are 64-bit ones extended. */
export function emitFromInteger(
  module: ModuleBuilder,
  base: SoftBase,
  raise: Raise,
  format: FormatEmitter,
): FunctionReference[] {
  const signed = emitFromLong(module, base, raise, format, false);
  const narrow = (from: IntegerFormat, extended: (register: Expr) => Expr): FunctionReference =>
    module.function(`fcvt.${format.suffix}.${from}`, ["i64", "i32"], ["i64"], (f) => {
      f.returnCall(signed, extended(f.param(0)), f.param(1));
    });
  return [
    signed,
    emitFromLong(module, base, raise, format, true),
    narrow("w", (register) => unary("i64.extend32_s", register)),
    narrow("wu", (register) => and(register, 0xffff_ffffn)),
  ];
}

/** FCVT.S.D. */
export function emitNarrow(
  module: ModuleBuilder,
  base: SoftBase,
  raise: Raise,
  single: FormatEmitter,
): FunctionReference {
  return module.function("fcvt.s.d", ["i64", "i32"], ["i64"], (f) => {
    const [bits, rm] = [f.param(0), f.param(1)];
    const value = unary("f64.reinterpret_i64", bits);
    const result = f.let(unary("f32.demote_f64", value));
    f.if(
      both(is(rm, RoundingMode.nearestEven), isPlainNormal(single, result)),
      () => {
        f.if(binary("f64.ne", unary("f64.promote_f32", result), value), () => raise(f, FloatFlag.inexact));
        f.return(single.write(result));
      },
      undefined,
      "likely",
    );
    const isSingle = i32Const(1);
    f.if(isNan(bits), () => f.return(call(base.propagate, bits, bits, bits, isSingle)));
    f.if(eq(magnitudeOf(bits), 0n), () => f.return(packZero(signOf(bits), isSingle)));
    f.if(eq(magnitudeOf(bits), INFINITY), () => f.return(packInfinity(signOf(bits), isSingle)));
    const [exponent, significand] = [f.local("i32"), f.local("i64")];
    f.callInto([exponent, significand], base.unpack, magnitudeOf(bits));
    f.return(call(base.round, signOf(bits), exponent, significand, rm, isSingle));
  });
}

/** FCVT.D.S: exact; only a NaN needs care. The rounding mode is taken and ignored. */
export function emitWiden(module: ModuleBuilder, base: SoftBase, raise: Raise): FunctionReference {
  return module.function("fcvt.d.s", ["i64", "i32"], ["i64"], (f) => {
    const wide = f.let(call(base.widen, f.param(0)));
    f.if(
      isNan(wide),
      () => {
        f.if(isSignalling(wide), () => raise(f, FloatFlag.invalid));
        f.return(word(CANONICAL_NAN.d));
      },
      undefined,
      "unlikely",
    );
    f.return(wide);
  });
}
