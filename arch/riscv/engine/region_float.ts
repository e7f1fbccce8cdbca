/**
 * Floating point in regions: the host's own operation where its result and the flags are sure to be right, the shared function of
 * `float/` for everything else (Unprivileged ISA, chapters "F" and "D"; the idea is QEMU's "hardfloat").
 *
 * They are right if rounding is to nearest even, "inexact" is accrued already, and the result is neither tiny nor overflown nor a NaN. One
 * unsigned comparison says all of it: of the result's exponent with the guard, a number that is 0 where the first two do not hold.
 *
 * @module
 */
import {
  binary,
  type BinaryOp,
  call,
  type Expr,
  f64Const,
  type FunctionBuilder,
  type FunctionReference,
  fusesMultiplyAdd,
  i32Const,
  i64Const,
  load,
  type Local,
  type ModuleBuilder,
  multiplyAdd,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import { FloatFlag, RoundingMode } from "../float/helpers.ts";
import { FIELD, type FieldName, WINDOW } from "../layout.ts";
import { doubleValue, extended, Extension, singleValue, type WasmValue } from "./wasm_value.ts";

/** Guard while the host's results can be used: what twice the upper half of a finite result is below, but for the largest ones. */
const TRUSTED = 0xfd00_0000;

/** Guard while no instruction of floating point can run in a region: it is off, or the dynamic rounding mode is reserved. */
const BARRED = 1;

/** Twice the upper half of the smallest normal number, plus the smallest step of that. */
const SMALLEST = { f32: 0x0100_0002, f64: 0x0020_0002 } as const;

type FloatType = "f32" | "f64";

function word(field: FieldName): Expr {
  return load("i32.load", i32Const(0), WINDOW + FIELD[field]);
}

/** Adds the function that computes the guard from the hart's state. */
export function emitFloatGuard(module: ModuleBuilder): FunctionReference {
  return module.function("floatGuard", [], ["i32"], (f) => {
    const frm = f.let(word("frm"));
    const isOff = unary("i32.eqz", word("fpAccess"));
    const reserved = binary("i32.gt_u", frm, i32Const(RoundingMode.nearestMaxMagnitude));
    const exact = unary("i32.eqz", binary("i32.and", word("fflags"), i32Const(FloatFlag.inexact)));
    f.if(binary("i32.or", isOff, reserved), () => f.return(i32Const(BARRED)), undefined, "unlikely");
    f.return(select(binary("i32.or", exact, frm), i32Const(0), i32Const(TRUSTED)));
  });
}

/** Emits operations of floating point into a region's function. */
export class RegionFloat {
  readonly #code: FunctionBuilder;
  readonly #helpers: Readonly<Record<string, FunctionReference>>;
  readonly #guardFunction: FunctionReference;
  readonly #guard: Local;

  /**
   * @param helpers The shared functions by name
   * @param guard What {@link emitFloatGuard} made
   */
  constructor(code: FunctionBuilder, helpers: Readonly<Record<string, FunctionReference>>, guard: FunctionReference) {
    this.#code = code;
    this.#helpers = helpers;
    this.#guardFunction = guard;
    this.#guard = code.local("i32");
  }

  /** Looks at the hart's state: at the start, and behind what can have changed it. */
  refresh(): void {
    this.#code.set(this.#guard, call(this.#guardFunction));
  }

  /** Whether a block with floating point must be left to the interpreter (i32). */
  barred(): Expr {
    return binary("i32.eq", this.#guard, i32Const(BARRED));
  }

  /**
   * Emits an operation by its name in `float/`; undefined if it is not done in place.
   *
   * @param rm Rounding mode of the instruction, 7 for the dynamic one
   */
  operation(name: string, operands: readonly WasmValue[], rm: number): WasmValue | undefined {
    const [mnemonic, ...formats] = name.split(".");
    if (mnemonic === "fcvt") return this.#convert(name, formats[0], formats[1], operands[0], rm);
    const type = formats[0] === "s" ? "f32" : "f64";
    const isDirected = rm !== RoundingMode.nearestEven && rm !== 7;
    const numbers = operands.map((operand) => numberIn(operand, type));
    const slow = () => this.#call(name, operands, rm);
    switch (mnemonic) {
      case "fadd":
      case "fsub":
      case "fmul":
      case "fdiv":
      case "fsqrt":
      case "fmadd":
      case "fmsub":
      case "fnmsub":
      case "fnmadd":
        return isDirected ? undefined : this.#rounded(mnemonic, type, numbers, slow);
      case "fsgnj":
      case "fsgnjn":
      case "fsgnjx":
        return injectSign(mnemonic, type, numbers);
      case "fmin":
      case "fmax": {
        const result = this.#code.let(binary(`${type}.${mnemonic === "fmin" ? "min" : "max"}`, numbers[0], numbers[1]));
        this.#unless(binary(`${type}.eq`, result, result), result, slow);
        return registerOf(result);
      }
      case "feq":
      case "flt":
      case "fle":
        return this.#compare(mnemonic, type, numbers, slow);
    }
    return undefined;
  }

  #rounded(mnemonic: string, type: FloatType, [a, b, c]: Expr[], slow: () => Expr): WasmValue | undefined {
    const f = this.#code;
    const negated = (value: Expr): Expr => unary(`${type}.neg`, value);
    const fused = (negateProduct: boolean, negateAddend: boolean): Expr | undefined => {
      if (!fusesMultiplyAdd()) return undefined;
      return multiplyAdd(type, negateProduct ? negated(a) : a, b, negateAddend ? negated(c) : c);
    };
    const compute: Record<string, () => Expr | undefined> = {
      fadd: () => binary(`${type}.add`, a, b),
      fsub: () => binary(`${type}.sub`, a, b),
      fmul: () => binary(`${type}.mul`, a, b),
      fdiv: () => binary(`${type}.div`, a, b),
      fsqrt: () => unary(`${type}.sqrt`, a),
      fmadd: () => fused(false, false),
      fmsub: () => fused(false, true),
      fnmsub: () => fused(true, false),
      fnmadd: () => fused(true, true),
    };
    const value = compute[mnemonic]();
    if (value === undefined) return undefined;
    const result = f.let(value);
    // Sums are exact where they are tiny, roots are never tiny: 0 is fine for both.
    const canBeTiny = !["fadd", "fsub", "fsqrt"].includes(mnemonic);
    this.#unless(this.#isTrusted(result, canBeTiny), result, slow);
    return registerOf(result);
  }

  /** Whether a result and its flags are right (i32). */
  #isTrusted(result: Expr, canBeTiny: boolean): Expr {
    const type = result.type as FloatType;
    const bits = type === "f32"
      ? unary("i32.reinterpret_f32", result)
      : unary("i32.wrap_i64", binary("i64.shr_u", unary("i64.reinterpret_f64", result), i64Const(32)));
    const doubled = binary("i32.shl", bits, i32Const(1));
    const distance = canBeTiny ? binary("i32.sub", doubled, i32Const(SMALLEST[type])) : doubled;
    return binary("i32.lt_u", distance, this.#guard);
  }

  /** Whether results of the host that can be inexact, but nothing else, are right (i32). */
  #inexactIsAccrued(): Expr {
    return binary("i32.ne", this.#guard, i32Const(0));
  }

  /** Computes the result the slow way unless it is right. */
  #unless(isRight: Expr, result: Local, slow: () => Expr): void {
    const f = this.#code;
    f.if(
      unary("i32.eqz", isRight),
      () => {
        const bits = slow();
        f.set(result, result.type === "i64" ? bits : numberIn({ expr: bits }, result.type as FloatType));
        this.refresh();
      },
      undefined,
      "unlikely",
    );
  }

  #call(name: string, operands: readonly WasmValue[], rm: number): Expr {
    const helper = this.#helpers[name];
    const args = operands.map(({ expr, single }) =>
      name.endsWith(".s") && single !== undefined ? singleValue(single).expr : expr
    );
    if (helper.params.length > args.length) args.push(rm === 7 ? word("frm") : i32Const(rm));
    return call(helper, ...args);
  }

  /** FEQ is quiet, but not for signalling NaNs: whatever is unordered is looked at by the shared function, and compares as false. */
  #compare(mnemonic: "feq" | "flt" | "fle", type: FloatType, [a, b]: Expr[], slow: () => Expr): WasmValue {
    const f = this.#code;
    const compare = (op: string): Expr => binary(`${type}.${op}` as BinaryOp, a, b);
    const [op, others] = ({
      feq: ["eq", binary("i32.or", compare("lt"), compare("gt"))],
      flt: ["lt", compare("ge")],
      fle: ["le", compare("gt")],
    } as const)[mnemonic];
    const flag = f.let(compare(op));
    const ordered = binary("i32.or", flag, others);
    f.if(unary("i32.eqz", ordered), () => f.drop(slow()), undefined, "unlikely");
    return { ...extended(flag, Extension.BOTH), flag };
  }

  #convert(name: string, to: string, from: string, operand: WasmValue, rm: number): WasmValue | undefined {
    const f = this.#code;
    const slow = () => this.#call(name, [operand], rm);
    const isDirected = rm !== RoundingMode.nearestEven && rm !== 7;
    if (name === "fcvt.d.s") {
      const result = f.let(unary("f64.promote_f32", numberIn(operand, "f32")));
      this.#unless(binary("f64.eq", result, result), result, slow);
      return registerOf(result);
    }
    if (name === "fcvt.s.d") {
      if (isDirected) return undefined;
      const result = f.let(unary("f32.demote_f64", numberIn(operand, "f64")));
      this.#unless(this.#isTrusted(result, true), result, slow);
      return registerOf(result);
    }
    if (from === "s" || from === "d") {
      const number = numberIn(operand, from === "s" ? "f32" : "f64");
      return this.#toInteger(to, from === "s" ? unary("f64.promote_f32", number) : number, rm, slow);
    }
    return this.#fromInteger(to === "s" ? "f32" : "f64", from, operand, isDirected, slow);
  }

  #fromInteger(
    type: FloatType,
    from: string,
    { expr }: WasmValue,
    isDirected: boolean,
    slow: () => Expr,
  ): WasmValue | undefined {
    const signedness = from.endsWith("u") ? "u" : "s";
    const isWord = from.startsWith("w");
    const isExact = isWord && type === "f64";
    if (isDirected && !isExact) return undefined;
    const integer = isWord ? unary("i32.wrap_i64", expr) : expr;
    const result = this.#code.let(unary(`${type}.convert_${isWord ? "i32" : "i64"}_${signedness}`, integer));
    if (!isExact) this.#unless(this.#inexactIsAccrued(), result, slow);
    return registerOf(result);
  }

  #toInteger(to: string, value: Expr, rm: number, slow: () => Expr): WasmValue | undefined {
    const f = this.#code;
    const rounding = ({ 0: "f64.nearest", 1: undefined, 2: "f64.floor", 3: "f64.ceil", 7: "f64.nearest" } as const)[rm];
    if (rounding === undefined && rm !== RoundingMode.towardZero) return undefined;
    const integral = f.let(rounding === undefined ? value : unary(rounding, value));
    const end = f64Const(2 ** ({ w: 31, wu: 32, l: 63, lu: 63 } as Record<string, number>)[to]);
    const fits = to.endsWith("u")
      ? binary("i32.and", binary("f64.ge", integral, f64Const(0)), binary("f64.lt", integral, end))
      : binary("f64.lt", unary("f64.abs", integral), end);
    const result = f.let(unary("i64.trunc_sat_f64_s", integral));
    if (to === "wu") f.set(result, unary("i64.extend32_s", result));
    this.#unless(binary("i32.and", fits, this.#inexactIsAccrued()), result, slow);
    return { expr: result };
  }
}

/** The number that an operand is. */
function numberIn({ expr, single, double }: WasmValue, type: FloatType): Expr {
  if (type === "f64") return double ?? unary("f64.reinterpret_i64", expr);
  return single ?? unary("f32.reinterpret_i32", unary("i32.wrap_i64", expr));
}

/** The value of a register that holds a number. */
function registerOf(number: Expr): WasmValue {
  return number.type === "f64" ? doubleValue(number) : singleValue(number);
}

/** Operations on the sign work on all bits, NaNs included, and raise nothing. */
function injectSign(mnemonic: "fsgnj" | "fsgnjn" | "fsgnjx", type: FloatType, [a, b]: Expr[]): WasmValue {
  const negated = (value: Expr): Expr => unary(`${type}.neg`, value);
  if (a === b) return registerOf({ fsgnj: a, fsgnjn: negated(a), fsgnjx: unary(`${type}.abs`, a) }[mnemonic]);
  const withSign = (sign: Expr): Expr => binary(`${type}.copysign`, a, sign);
  if (mnemonic !== "fsgnjx") return registerOf(withSign(mnemonic === "fsgnj" ? b : negated(b)));
  const [integer, sign] = type === "f32" ? ["i32", -(2 ** 31)] as const : ["i64", -(2n ** 63n)] as const;
  const bits = (value: Expr): Expr => unary(`${integer}.reinterpret_${type}` as "i64.reinterpret_f64", value);
  const mask = typeof sign === "bigint" ? i64Const(sign) : i32Const(sign);
  const flipped = binary(`${integer}.xor`, bits(a), binary(`${integer}.and`, bits(b), mask));
  return registerOf(unary(`${type}.reinterpret_${integer}` as "f64.reinterpret_i64", flipped));
}
