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
  f64Const,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  i64Const,
  type Local,
  type ModuleBuilder,
  select,
  unary,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import { emitClassify, emitCompare, emitMinimumMaximum, emitNanUnbox } from "./compare.ts";
import { emitFromInteger, emitNarrow, emitToInteger, emitWiden } from "./convert.ts";
import { doubleFormat, type FormatEmitter, isPlainNormal, singleFormat } from "./format.ts";
import { FloatFlag, type FloatHelper, type FloatOperation, INTEGER_FORMATS, RoundingMode } from "./helpers.ts";
import { emitSoftBase, type SoftBase } from "./soft.ts";
import { emitProductIsExact, emitSoftDivide, emitSoftSquareRoot } from "./soft_arithmetic.ts";
import { emitSoftFma } from "./soft_fma.ts";
import { and, both, is, ONE, SIGN, word, xor } from "./words.ts";

/** What the emitters of operations share. */
interface Context {
  readonly module: ModuleBuilder;
  readonly base: SoftBase;
  readonly soft: Record<"divide" | "squareRoot" | "fma" | "productIsExact", FunctionReference>;
  /** i32, not zero if "inexact" is set already. */
  readonly inexactAlready: Expr;
}

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
    emitClassify(module, format),
    ...emitFromInteger(module, base, raise, format),
  ]);
  references.push(...INTEGER_FORMATS.flatMap((to) => emitToInteger(module, base, raise, to)));
  references.push(emitNarrow(module, base, raise, single), emitWiden(module, base, raise), emitNanUnbox(module));
  return Object.fromEntries(references.map((reference) => [reference.name, reference])) as Record<
    FloatHelper,
    FunctionReference
  >;
}

function arithmetic({ soft }: Context): Arithmetic[] {
  const sum: Omit<Arithmetic, "name"> = {
    operands: 2,
    hardware: (format, _, [a, b]) => format.binary("add", a, b),
    usable: (format, result) => format.binary("lt", format.unary("abs", result), format.constant(format.safeMaximum)),
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
      inexact: (format, _, result, [a, b]) => productDiffers(soft.productIsExact, format, result, b, a),
      soft: (format, [a, b], rm) => call(soft.divide, a, b, rm, i32Const(format.single)),
    },
    {
      name: "fsqrt",
      operands: 1,
      hardware: (format, _, [a]) => format.unary("sqrt", a),
      usable: (format, result, [a]) => both(isPlainNormal(format, result), isPlainNormal(format, a)),
      inexact: (format, _, result, [a]) => productDiffers(soft.productIsExact, format, result, result, a),
      soft: (format, [a], rm) => call(soft.squareRoot, a, rm, i32Const(format.single)),
    },
  ];
}

/** The error of `sum = a + b`, exact unless a step overflows (Knuth's TwoSum). */
function additionError(format: FormatEmitter, f: FunctionBuilder, a: Local, b: Local, sum: Local): Expr {
  const add = (x: Expr, y: Expr): Expr => format.binary("add", x, y);
  const sub = (x: Expr, y: Expr): Expr => format.binary("sub", x, y);
  const addedB = f.let(sub(sum, a));
  return add(sub(a, sub(sum, addedB)), sub(b, addedB));
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
    f.return(operation.soft(format, registers.map((register) => f.let(format.wide(register))), rm));
  });
}

/** FMADD, and as tail calls of it FMSUB, FNMSUB, FNMADD: the sign of the product, of the addend, or of both flipped. */
function emitFused(context: Context, format: FormatEmitter): FunctionReference[] {
  const params: ValueType[] = ["i64", "i64", "i64", "i32"];
  const plain = context.module.function(`fmadd.${format.suffix}`, params, ["i64"], (f) => {
    const registers = [0, 1, 2].map((index) => f.param(index));
    if (format.single) emitSingleFusedFastPath(context, format, f, registers, f.param(3));
    const wide = registers.map((register) => format.wide(register));
    f.return(call(context.soft.fma, ...wide, f.param(3), i32Const(format.single)));
  });
  const variant = (name: FloatOperation, product: bigint, addend: bigint): FunctionReference =>
    context.module.function(`${name}.${format.suffix}`, params, ["i64"], (f) => {
      f.returnCall(plain, xor(f.param(0), product), f.param(1), xor(f.param(2), addend), f.param(3));
    });
  const { sign } = format;
  return [plain, variant("fmsub", 0n, sign), variant("fnmsub", sign, 0n), variant("fnmadd", sign, sign)];
}

/**
 * A single product is an exact double, and so the sum rounds to double, then to single. Rounding the sum to odd instead of to even
 * makes the double rounding innocuous: the last bit then tells that something lay beyond.
 */
function emitSingleFusedFastPath(
  { base, inexactAlready }: Context,
  format: FormatEmitter,
  f: FunctionBuilder,
  registers: Local[],
  rm: Expr,
): void {
  const double = doubleFormat();
  const [a, b, c] = registers.map((register) => f.let(unary("f64.promote_f32", format.read(register))));
  const product = f.let(binary("f64.mul", a, b));
  const sum = f.let(binary("f64.add", product, c));
  const error = f.let(additionError(double, f, product, c, sum));
  const bits = f.let(unary("i64.reinterpret_f64", sum));
  const isEven = unary("i64.eqz", and(bits, 1n));
  f.if(both(binary("f64.ne", error, f64Const(0)), isEven), () => {
    // one step towards the error: up in magnitude if both have the same sign
    const outward = binary("i64.ge_s", xor(bits, unary("i64.reinterpret_f64", error)), i64Const(0));
    f.set(bits, binary("i64.add", bits, select(outward, i64Const(1), i64Const(-1))));
    f.set(sum, unary("f64.reinterpret_i64", bits));
  });
  const result = f.let(unary("f32.demote_f64", sum));
  f.if(
    both(is(rm, RoundingMode.nearestEven), isPlainNormal(format, result)),
    () => {
      f.if(
        both(unary("i32.eqz", inexactAlready), binary("f64.ne", unary("f64.promote_f32", result), sum)),
        () => {
          f.call(base.accrue, i32Const(FloatFlag.inexact));
        },
        undefined,
        "unlikely",
      );
      f.return(format.write(result));
    },
    undefined,
    "likely",
  );
}
