/**
 * Comparisons, minimum and maximum, sign injection, classification as WebAssembly functions (Unprivileged ISA, "Single-Precision Floating-Point
 * Compare Instructions" and following; IEEE 754-2019 clauses 5.11, 9.6).
 *
 * @module
 */
import {
  binary,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  type ModuleBuilder,
} from "../../../core/wasm/mod.ts";
import type { FormatEmitter } from "./format.ts";
import { FloatFlag } from "./helpers.ts";
import type { SoftBase } from "./soft.ts";
import { and, both, CANONICAL_NAN, choose, either, extend, isSignalling, or, shl, word, xor } from "./words.ts";

/** A float is a NaN (i32). */
function unordered(format: FormatEmitter, value: Expr): Expr {
  return format.binary("ne", value, value);
}

/** FEQ is quiet: invalid for signalling NaNs only. FLT and FLE are invalid for every NaN. */
export function emitCompare(
  module: ModuleBuilder,
  base: SoftBase,
  format: FormatEmitter,
  name: "feq" | "flt" | "fle",
): FunctionReference {
  const op = ({ feq: "eq", flt: "lt", fle: "le" } as const)[name];
  return module.function(`${name}.${format.suffix}`, ["i64", "i64"], ["i64"], (f) => {
    const [a, b] = [f.let(format.read(f.param(0))), f.let(format.read(f.param(1)))];
    f.if(
      either(unordered(format, a), unordered(format, b)),
      () => {
        const raise = (): void => f.call(base.accrue, i32Const(FloatFlag.invalid));
        if (name !== "feq") return raise();
        f.if(anySignalling(f, format), raise);
      },
      undefined,
      "unlikely",
    );
    f.return(extend(format.binary(op, a, b)));
  });
}

function anySignalling(f: FunctionBuilder, format: FormatEmitter): Expr {
  const [a, b] = [f.let(format.wide(f.param(0))), f.let(format.wide(f.param(1)))];
  return either(isSignalling(a), isSignalling(b));
}

/** With one NaN the result is the other operand, with two the canonical NaN; minus zero is below plus zero. */
export function emitMinimumMaximum(
  module: ModuleBuilder,
  base: SoftBase,
  format: FormatEmitter,
  name: "fmin" | "fmax",
): FunctionReference {
  const op = name === "fmin" ? "min" : "max";
  return module.function(`${name}.${format.suffix}`, ["i64", "i64"], ["i64"], (f) => {
    const [a, b] = [f.let(format.read(f.param(0))), f.let(format.read(f.param(1)))];
    f.if(
      either(unordered(format, a), unordered(format, b)),
      () => {
        f.if(anySignalling(f, format), () => f.call(base.accrue, i32Const(FloatFlag.invalid)));
        f.if(both(unordered(format, a), unordered(format, b)), () => f.return(word(CANONICAL_NAN[format.suffix])));
        f.return(choose(unordered(format, a), f.param(1), f.param(0)));
      },
      undefined,
      "unlikely",
    );
    f.return(format.write(format.binary(op, a, b)));
  });
}

/** One bit of ten: -inf, -normal, -subnormal, -0, +0, +subnormal, +normal, +inf, signalling NaN, quiet NaN. */
export function emitClassify(module: ModuleBuilder, format: FormatEmitter): FunctionReference {
  return module.function(`fclass.${format.suffix}`, ["i64"], ["i64"], (f) => {
    const value = f.let(format.read(f.param(0)));
    const wide = f.let(format.wide(f.param(0)));
    f.if(unordered(format, value), () => f.return(choose(isSignalling(wide), 1n << 8n, 1n << 9n)));
    // distance from zero: 0 zero, 1 subnormal, 2 normal, 3 infinity
    const magnitude = f.let(format.unary("abs", value));
    const reaches = (limit: number): Expr => format.binary("ge", magnitude, format.constant(limit));
    const aboveZero = format.binary("gt", magnitude, format.constant(0));
    const distance = f.let(extend(
      binary("i32.add", binary("i32.add", aboveZero, reaches(format.minNormal)), reaches(Infinity)),
    ));
    const negative = binary("i64.lt_s", wide, word(0n));
    f.return(shl(1n, choose(negative, binary("i64.sub", word(3n), distance), binary("i64.add", word(4n), distance))));
  });
}

/** The first operand with the sign of the second, its opposite, or the product's; NaNs keep their payload. */
export function emitSignInjection(
  module: ModuleBuilder,
  format: FormatEmitter,
  name: "fsgnj" | "fsgnjn" | "fsgnjx",
): FunctionReference {
  return module.function(`${name}.${format.suffix}`, ["i64", "i64"], ["i64"], (f) => {
    const [a, b] = [0, 1].map((index) => f.let(format.write(format.read(f.param(index)))));
    const source = { fsgnj: b, fsgnjn: xor(b, -1n), fsgnjx: xor(a, b) }[name];
    f.return(or(and(a, ~format.sign), and(source, format.sign)));
  });
}
