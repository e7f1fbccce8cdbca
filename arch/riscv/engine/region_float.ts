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
  fusesMultiplyAdd,
  i32Const,
  i64Const,
  type Local,
  multiplyAdd,
  unary,
} from "../../../core/wasm/mod.ts";
import { RoundingMode } from "../float/helpers.ts";
import { BARRED, DYNAMIC, type FloatCalls, numberIn } from "./region_float_calls.ts";
import { doubleValue, extended, Extension, singleValue, type WasmValue } from "./wasm_value.ts";

/** Twice the upper half of the smallest normal number, plus the smallest step of that. */
const SMALLEST = { f32: 0x0100_0002, f64: 0x0020_0002 } as const;

type FloatType = "f32" | "f64";

/** Instruction of the host that rounds to an integral number, by `rm`: none is needed before a conversion that truncates. */
const INTEGRAL = { 0: "f64.nearest", 1: undefined, 2: "f64.floor", 3: "f64.ceil", 7: "f64.nearest" } as const;

/** Bits of integers that are exact as f64: where a conversion may be left to the host's signed one. */
const INTEGER_BITS: Readonly<Record<string, number>> = { w: 31, wu: 32, l: 63, lu: 63 };

/** An instruction's operation as it is emitted. */
interface Operation {
  readonly name: string;
  /** Operands as numbers, or as i64 registers. */
  readonly operands: readonly Expr[];
  readonly rm: number;
}

/** Emits operations of floating point into a region's function. */
export class RegionFloat {
  readonly #code: FunctionBuilder;
  readonly #calls: FloatCalls;
  readonly #guard: Local;

  /** @param calls Functions of the module */
  constructor(code: FunctionBuilder, calls: FloatCalls) {
    this.#code = code;
    this.#calls = calls;
    this.#guard = code.local("i32");
  }

  /**
   * Looks at the hart's state: at the start, and behind what can have changed it. That an operation accrues "inexact" is left for the next
   * time: a guard that changes costs every loop more.
   */
  refresh(): void {
    this.#code.set(this.#guard, call(this.#calls.guard));
  }

  /** Whether floating point must be left to the interpreter (i32). */
  barred(): Expr {
    return binary("i32.eq", this.#guard, i32Const(BARRED));
  }

  /**
   * Emits an operation by its name in `float/`; undefined if it is not done in place.
   *
   * @param rm Rounding mode of the instruction, 7 for the dynamic one
   */
  operation(name: string, values: readonly WasmValue[], rm: number): WasmValue | undefined {
    const [mnemonic, to, from] = name.split(".");
    if (mnemonic === "fcvt") return this.#convert(name, to, from, values[0], rm);
    const type = to === "s" ? "f32" : "f64";
    const operands = values.map((value) => numberOf(value, type));
    const [a, b] = operands;
    const operation = { name, operands, rm };
    switch (mnemonic) {
      case "fsgnj":
      case "fsgnjn":
      case "fsgnjx":
        return injectSign(mnemonic, type, a, b);
      case "fmin":
      case "fmax": {
        const result = this.#code.let(binary(`${type}.${mnemonic === "fmin" ? "min" : "max"}`, a, b));
        return this.#unless(isNan(result), result, operation);
      }
      case "feq":
      case "flt":
      case "fle":
        return this.#compare(mnemonic, type, operation);
    }
    if (!isNearest(rm)) return undefined;
    const value = compute(mnemonic, type, operands);
    if (value === undefined) return undefined;
    const result = this.#code.let(value);
    // Sums are exact where they are tiny, roots are never tiny: 0 is fine for both.
    const canBeTiny = !["fadd", "fsub", "fsqrt"].includes(mnemonic);
    return this.#unless(this.#isDoubtful(result, canBeTiny), result, operation);
  }

  /** Whether a result or its flags may be wrong (i32). */
  #isDoubtful(result: Expr, canBeTiny: boolean): Expr {
    const type = result.type as FloatType;
    const bits = type === "f32"
      ? unary("i32.reinterpret_f32", result)
      : unary("i32.wrap_i64", binary("i64.shr_u", unary("i64.reinterpret_f64", result), i64Const(32)));
    const doubled = binary("i32.shl", bits, i32Const(1));
    const distance = canBeTiny ? binary("i32.sub", doubled, i32Const(SMALLEST[type])) : doubled;
    return binary("i32.ge_u", distance, this.#guard);
  }

  /** Whether results of the host that can be inexact, but nothing else, may be wrong (i32). */
  #mayAccrueInexact(): Expr {
    return unary("i32.eqz", this.#guard);
  }

  /** Gives the result, which is computed the slow way if the condition holds. */
  #unless(isDoubtful: Expr, result: Local, { name, operands, rm }: Operation): WasmValue {
    const slow = this.#calls.slow(name, rm, operands.map((operand) => operand.type), result.type);
    this.#code.if(isDoubtful, () => this.#code.set(result, call(slow, ...operands)), undefined, "unlikely");
    return result.type === "i64" ? { expr: result } : valueOf(result);
  }

  /** FEQ is quiet, but not for signalling NaNs: whatever is unordered is looked at by the shared function, and compares as false. */
  #compare(mnemonic: "feq" | "flt" | "fle", type: FloatType, { name, operands: [a, b], rm }: Operation): WasmValue {
    const f = this.#code;
    const compare = (op: string): Expr => binary(`${type}.${op}` as BinaryOp, a, b);
    const flag = f.let(compare(mnemonic.slice(1)));
    const others = {
      feq: () => binary("i32.or", compare("lt"), compare("gt")),
      flt: () => compare("ge"),
      fle: () => compare("gt"),
    }[mnemonic]();
    const slow = this.#calls.slow(name, rm, [type, type], "i64");
    f.if(unary("i32.eqz", binary("i32.or", flag, others)), () => f.call(slow, a, b), undefined, "unlikely");
    return { ...extended(flag, Extension.BOTH), flag };
  }

  #convert(name: string, to: string, from: string, value: WasmValue, rm: number): WasmValue | undefined {
    const f = this.#code;
    if (from !== "s" && from !== "d") return this.#fromInteger(name, to, from, value, rm);
    const operands = [numberOf(value, from === "s" ? "f32" : "f64")];
    const operation = { name, operands, rm };
    if (name === "fcvt.d.s") {
      const result = f.let(unary("f64.promote_f32", operands[0]));
      return this.#unless(isNan(result), result, operation);
    }
    if (name !== "fcvt.s.d") return this.#toInteger(to, operation);
    if (!isNearest(rm)) return undefined;
    const result = f.let(unary("f32.demote_f64", operands[0]));
    return this.#unless(this.#isDoubtful(result, true), result, operation);
  }

  #fromInteger(name: string, to: string, from: string, { expr }: WasmValue, rm: number): WasmValue | undefined {
    const type = to === "s" ? "f32" : "f64";
    const signedness = from.endsWith("u") ? "u" : "s";
    const isWord = from.startsWith("w");
    const isExact = isWord && type === "f64";
    if (!isNearest(rm) && !isExact) return undefined;
    const integer = isWord ? unary("i32.wrap_i64", expr) : expr;
    const result = this.#code.let(unary(`${type}.convert_${isWord ? "i32" : "i64"}_${signedness}`, integer));
    if (isExact) return valueOf(result);
    return this.#unless(this.#mayAccrueInexact(), result, { name, operands: [expr], rm });
  }

  #toInteger(to: string, operation: Operation): WasmValue | undefined {
    const f = this.#code;
    const { operands: [operand], rm } = operation;
    if (!(rm in INTEGRAL)) return undefined;
    const value = operand.type === "f32" ? unary("f64.promote_f32", operand) : operand;
    const rounding = INTEGRAL[rm as keyof typeof INTEGRAL];
    const integral = f.let(rounding === undefined ? value : unary(rounding, value));
    const end = f64Const(2 ** INTEGER_BITS[to]);
    const fits = to.endsWith("u")
      ? binary("i32.and", binary("f64.ge", integral, f64Const(0)), binary("f64.lt", integral, end))
      : binary("f64.lt", unary("f64.abs", integral), end);
    const result = f.let(unary("i64.trunc_sat_f64_s", integral));
    if (to === "wu") f.set(result, unary("i64.extend32_s", result));
    const isDoubtful = binary("i32.or", unary("i32.eqz", fits), this.#mayAccrueInexact());
    return this.#unless(isDoubtful, result, operation);
  }
}

/** Whether a rounding mode can be that of the host. */
function isNearest(rm: number): boolean {
  return rm === RoundingMode.nearestEven || rm === DYNAMIC;
}

function isNan(number: Expr): Expr {
  return binary(`${number.type as FloatType}.ne`, number, number);
}

/** What the host computes; undefined if it has no such operation. */
function compute(mnemonic: string, type: FloatType, [a, b, c]: readonly Expr[]): Expr | undefined {
  const negated = (value: Expr): Expr => unary(`${type}.neg`, value);
  switch (mnemonic) {
    case "fadd":
      return binary(`${type}.add`, a, b);
    case "fsub":
      return binary(`${type}.sub`, a, b);
    case "fmul":
      return binary(`${type}.mul`, a, b);
    case "fdiv":
      return binary(`${type}.div`, a, b);
    case "fsqrt":
      return unary(`${type}.sqrt`, a);
  }
  const signs = { fmadd: [false, false], fmsub: [false, true], fnmsub: [true, false], fnmadd: [true, true] }[mnemonic];
  if (signs === undefined || !fusesMultiplyAdd()) return undefined;
  return multiplyAdd(type, signs[0] ? negated(a) : a, b, signs[1] ? negated(c) : c);
}

/** The number that a value is to an instruction. */
function numberOf({ expr, single, double }: WasmValue, type: FloatType): Expr {
  return (type === "f64" ? double : single) ?? numberIn(expr, type);
}

/** The value of a register that holds a number. */
function valueOf(number: Expr): WasmValue {
  return number.type === "f64" ? doubleValue(number) : singleValue(number);
}

/** Operations on the sign work on all bits, NaNs included, and raise nothing. */
function injectSign(mnemonic: "fsgnj" | "fsgnjn" | "fsgnjx", type: FloatType, a: Expr, b: Expr): WasmValue {
  const negated = (value: Expr): Expr => unary(`${type}.neg`, value);
  if (a === b) return valueOf({ fsgnj: a, fsgnjn: negated(a), fsgnjx: unary(`${type}.abs`, a) }[mnemonic]);
  const withSign = (sign: Expr): Expr => binary(`${type}.copysign`, a, sign);
  if (mnemonic !== "fsgnjx") return valueOf(withSign(mnemonic === "fsgnj" ? b : negated(b)));
  const flipped = type === "f32"
    ? binary("i32.xor", bitsOf(a), binary("i32.and", bitsOf(b), i32Const(-(2 ** 31))))
    : binary("i64.xor", bitsOf(a), binary("i64.and", bitsOf(b), i64Const(-(2n ** 63n))));
  return valueOf(unary(type === "f32" ? "f32.reinterpret_i32" : "f64.reinterpret_i64", flipped));
}

function bitsOf(number: Expr): Expr {
  return unary(number.type === "f32" ? "i32.reinterpret_f32" : "i64.reinterpret_f64", number);
}
