/**
 * F and D arithmetic as WebAssembly functions: the hardware's operation where it gives the result and its flags can be told, else
 * the soft core (Unprivileged ISA, chapters "F" and "D").
 *
 * The fast path needs round-to-nearest-even, operands and result within the normal range; "inexact" comes from an error-free
 * transformation or an exact product, and not even that is computed while the flag is set already, as it is in almost every program.
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
  type ValueType,
} from "../../../core/wasm/mod.ts";
import type { Context } from "./context.ts";
import { emitClassify, emitCompare, emitMinimumMaximum, emitSignInjection } from "./compare.ts";
import { emitFromInteger, emitNarrow, emitToInteger, emitWiden } from "./convert.ts";
import { additionError } from "./error_free.ts";
import { emitFused } from "./fused.ts";
import { doubleFormat, type FormatEmitter, isPlainNormal, isZero, singleFormat } from "./format.ts";
import { FloatFlag, type FloatHelper, type FloatOperation, INTEGER_FORMATS, RoundingMode } from "./helpers.ts";
import { emitSoftBase } from "./soft.ts";
import { emitProductIsExact, emitSoftDivide, emitSoftSquareRoot } from "./soft_arithmetic.ts";
import { emitSoftFma } from "./soft_fma.ts";
import { and, both, either, is, ONE, SIGN, word, xor } from "./words.ts";

/** One operation in one format. */
interface Arithmetic {
  readonly name: FloatOperation;
  readonly operands: 1 | 2 | 3;
  /** The hardware's result of the operands. */
  readonly hardware: (format: FormatEmitter, f: FunctionBuilder, operands: Local[]) => Expr;
  /** Whether the hardware's result and flags can be used (i32). */
  readonly usable: (format: FormatEmitter, result: Local, operands: Local[]) => Expr;
  /** Whether the result differs from the exact one (i32). */
  readonly inexact: (format: FormatEmitter, f: FunctionBuilder, result: Local, operands: Local[]) => Expr;
  /** Whether a result of 0 is exact (i32). */
  readonly isExactZero?: (format: FormatEmitter, operands: Local[]) => Expr;
  /** The soft operation, which takes the operands as bits of doubles. */
  readonly soft: (format: FormatEmitter, operands: Expr[], rm: Expr) => Expr;
}

/**
 * Adds every operation of `FLOAT_HELPERS` to a module. Each takes its operands as raw i64 registers, then, if it rounds, the effective
 * rounding mode 0..4 as i32, and returns a raw i64 register.
 *
 * @param accrueFlags Emits code that ors `flags` (i32, not zero) into fflags
 * @param flagsAlready The current fflags (i32), evaluated at each use; it only saves time
 */
export function emitFloatHelpers(
  module: ModuleBuilder,
  accrueFlags: (f: FunctionBuilder, flags: Expr) => void,
  flagsAlready: Expr = i32Const(0),
): Record<FloatHelper, FunctionReference> {
  const base = emitSoftBase(module, accrueFlags);
  const context: Context = {
    module,
    base,
    soft: {
      divide: emitSoftDivide(module, base),
      squareRoot: emitSoftSquareRoot(module, base),
      fma: emitSoftFma(module, base),
      productIsExact: emitProductIsExact(module),
    },
    inexactAlready: binary("i32.and", flagsAlready, i32Const(FloatFlag.inexact)),
  };
  const raise = (f: FunctionBuilder, flags: number): void => f.call(base.accrue, i32Const(flags));
  const single = singleFormat(base.widen);
  const references = [single, doubleFormat()].flatMap((format) => [
    ...arithmetic(context).map((operation) => emitArithmetic(context, format, operation)),
    ...emitFused(context, format),
    ...(["feq", "flt", "fle"] as const).map((name) => emitCompare(module, base, format, name)),
    ...(["fmin", "fmax"] as const).map((name) => emitMinimumMaximum(module, base, format, name)),
    ...(["fsgnj", "fsgnjn", "fsgnjx"] as const).map((name) => emitSignInjection(module, format, name)),
    emitClassify(module, format),
    ...emitFromInteger(module, base, raise, format),
  ]);
  references.push(...INTEGER_FORMATS.flatMap((to) => emitToInteger(module, base, raise, to)));
  references.push(emitNarrow(module, base, raise, single), emitWiden(module, base, raise));
  return Object.fromEntries(references.map((reference) => [reference.name, reference])) as Record<
    FloatHelper,
    FunctionReference
  >;
}

function arithmetic({ soft }: Context): Arithmetic[] {
  const sum: Omit<Arithmetic, "name"> = {
    operands: 2,
    hardware: (format, _, [a, b]) => format.binary("add", a, b),
    // subnormal sums are exact, and an exact sum is exact in every step of TwoSum: one that overflows means "inexact" too
    usable: (format, result) => format.binary("lt", format.unary("abs", result), format.constant(Infinity)),
    inexact: (format, f, result, [a, b]) =>
      format.binary("ne", additionError(format, f, a, b, result), format.constant(0)),
    soft: (format, [a, b], rm) => call(soft.fma, a, word(ONE), b, rm, i32Const(format.single)),
  };
  return [
    { ...sum, name: "fadd" },
    { ...sum, name: "fsub" },
    {
      name: "fmul",
      operands: 2,
      hardware: (format, _, [a, b]) => format.binary("mul", a, b),
      usable: isPlainNormal,
      isExactZero: (format, [a, b]) => either(isZero(format, a), isZero(format, b)),
      inexact: (format, _, result, [a, b]) => productDiffers(soft.productIsExact, format, a, b, result),
      soft: (format, [a, b], rm) => {
        const sameSignedZero = and(xor(a, b), SIGN);
        return call(soft.fma, a, b, sameSignedZero, rm, i32Const(format.single));
      },
    },
    {
      name: "fdiv",
      operands: 2,
      hardware: (format, _, [a, b]) => format.binary("div", a, b),
      usable: (format, result, [a]) => both(isPlainNormal(format, result), isPlainNormal(format, a)),
      isExactZero: (format, [a]) => isZero(format, a),
      inexact: (format, _, result, [a, b]) => productDiffers(soft.productIsExact, format, result, b, a),
      soft: (format, [a, b], rm) => call(soft.divide, a, b, rm, i32Const(format.single)),
    },
    {
      name: "fsqrt",
      operands: 1,
      hardware: (format, _, [a]) => format.unary("sqrt", a),
      usable: (format, result, [a]) => both(isPlainNormal(format, result), isPlainNormal(format, a)),
      isExactZero: (format, [a]) => isZero(format, a),
      inexact: (format, _, result, [a]) => productDiffers(soft.productIsExact, format, result, result, a),
      soft: (format, [a], rm) => call(soft.squareRoot, a, rm, i32Const(format.single)),
    },
  ];
}

/** Whether `x * y` is not exactly `product`, all of them in the normal range (i32). A product of two singles is an exact double. */
function productDiffers(isExact: FunctionReference, format: FormatEmitter, x: Expr, y: Expr, product: Expr): Expr {
  if (format.single) {
    const [wideX, wideY, wideProduct] = [x, y, product].map((value) => unary("f64.promote_f32", value));
    return binary("f64.ne", binary("f64.mul", wideX, wideY), wideProduct);
  }
  const same = binary("f64.eq", binary("f64.mul", x, y), product);
  return unary("i32.eqz", both(same, call(isExact, x, y)));
}

function emitArithmetic(context: Context, format: FormatEmitter, operation: Arithmetic): FunctionReference {
  const { module, base, inexactAlready } = context;
  const params: ValueType[] = [...new Array<ValueType>(operation.operands).fill("i64"), "i32"];
  return module.function(`${operation.name}.${format.suffix}`, params, ["i64"], (f) => {
    const registers = params.slice(0, -1).map((_, index) => f.param(index));
    const rm = f.param(operation.operands);
    if (operation.name === "fsub") f.set(registers[1], xor(registers[1], format.sign));
    const operands = registers.map((register) => f.let(format.read(register)));
    const result = f.let(operation.hardware(format, f, operands));
    f.if(
      both(is(rm, RoundingMode.nearestEven), operation.usable(format, result, operands)),
      () => {
        f.if(
          unary("i32.eqz", inexactAlready),
          () => {
            f.if(
              operation.inexact(format, f, result, operands),
              () => f.call(base.accrue, i32Const(FloatFlag.inexact)),
            );
          },
          undefined,
          "unlikely",
        );
        f.return(format.write(result));
      },
      undefined,
      "likely",
    );
    if (operation.isExactZero !== undefined) {
      const isExact = both(isZero(format, result), operation.isExactZero(format, operands));
      f.if(isExact, () => f.return(format.write(result)));
    }
    f.return(operation.soft(format, registers.map((register) => f.let(format.wide(register))), rm));
  });
}
