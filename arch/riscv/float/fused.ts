/**
 * FMADD and its variants as WebAssembly functions (Unprivileged ISA, "Single-Precision Floating-Point Computational Instructions"):
 * emulated by error-free transformations where exponents are moderate, else in the soft core.
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
  unary,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import type { Context } from "./context.ts";
import { additionError, exactProduct, exactSum, roundToOdd } from "./error_free.ts";
import { doubleFormat, type FormatEmitter, isPlainNormal, isZero } from "./format.ts";
import { FloatFlag, type FloatOperation, RoundingMode } from "./helpers.ts";
import { both, either, is, xor } from "./words.ts";

/** Doubles below this neither overflow in a product nor in its splitting. */
const LARGE = 2 ** 500;
/** The error of a product above this does not underflow. */
const SMALL = 2 ** -900;

/** FMADD, and as tail calls of it FMSUB, FNMSUB, FNMADD: the sign of the product, of the addend, or of both flipped. */
export function emitFused(context: Context, format: FormatEmitter): FunctionReference[] {
  const params: ValueType[] = ["i64", "i64", "i64", "i32"];
  const plain = context.module.function(`fmadd.${format.suffix}`, params, ["i64"], (f) => {
    const registers = [0, 1, 2].map((index) => f.param(index));
    f.if(
      is(f.param(3), RoundingMode.nearestEven),
      () => {
        if (format.single) emitSingleFastPath(context, format, f, registers);
        else emitDoubleFastPath(context, format, f, registers);
      },
      undefined,
      "likely",
    );
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

/** A product of singles is an exact double; the sum rounds to odd as a double, then to single. */
function emitSingleFastPath(context: Context, format: FormatEmitter, f: FunctionBuilder, registers: Local[]): void {
  const [a, b, c] = registers.map((register) => f.let(unary("f64.promote_f32", format.read(register))));
  const sum = exactSum(f, doubleFormat(), f.let(binary("f64.mul", a, b)), c);
  roundToOdd(f, sum);
  const result = f.let(unary("f32.demote_f64", sum.value));
  f.if(
    isPlainNormal(format, result),
    () => {
      raiseInexact(context, f, () => binary("f64.ne", unary("f64.promote_f32", result), sum.value));
      f.return(format.write(result));
    },
    undefined,
    "likely",
  );
  emitZeroProduct(format, f, [a, b], f.let(unary("f32.demote_f64", binary("f64.add", binary("f64.mul", a, b), c))));
}

/** A product of 0 leaves the addend, or 0 with the sign that the sum of both has. */
function emitZeroProduct(format: FormatEmitter, f: FunctionBuilder, [a, b]: Expr[], sum: Local): void {
  const double = doubleFormat();
  const isFinite = format.binary("lt", format.unary("abs", sum), format.constant(Infinity));
  f.if(both(either(isZero(double, a), isZero(double, b)), isFinite), () => f.return(format.write(sum)));
}

/** The exact product joins the addend as three doubles; the two small ones round to odd, and the last sum rounds for all. */
function emitDoubleFastPath(context: Context, format: FormatEmitter, f: FunctionBuilder, registers: Local[]): void {
  const [a, b, c] = registers.map((register) => f.let(format.read(register)));
  const product = f.let(binary("f64.mul", a, b));
  const magnitude = (value: Expr): Expr => unary("f64.abs", value);
  const moderate = [a, b, c].map((value) => binary("f64.lt", magnitude(value), f64Const(LARGE))).reduce(both);
  f.if(
    both(moderate, binary("f64.gt", magnitude(product), f64Const(SMALL))),
    () => {
      const exact = exactProduct(f, product, a, b);
      const low = exactSum(f, format, c, exact.error);
      const high = exactSum(f, format, exact.value, low.value);
      const rest = exactSum(f, format, low.error, high.error);
      roundToOdd(f, rest);
      const result = f.let(binary("f64.add", high.value, rest.value));
      f.if(
        binary("f64.gt", magnitude(result), f64Const(format.minNormal)),
        () => {
          raiseInexact(context, f, () => {
            const lost = additionError(format, f, high.value, rest.value, result);
            return either(binary("f64.ne", rest.error, f64Const(0)), binary("f64.ne", lost, f64Const(0)));
          });
          f.return(format.write(result));
        },
        undefined,
        "likely",
      );
    },
    undefined,
    "likely",
  );
  emitZeroProduct(format, f, [a, b], f.let(binary("f64.add", product, c)));
}

function raiseInexact({ base, inexactAlready }: Context, f: FunctionBuilder, isInexact: () => Expr): void {
  f.if(
    unary("i32.eqz", inexactAlready),
    () => {
      f.if(isInexact(), () => f.call(base.accrue, i32Const(FloatFlag.inexact)));
    },
    undefined,
    "unlikely",
  );
}
