/**
 * The functions of a module of regions that floating point calls where it cannot use the host's arithmetic. They are made when a region
 * first wants them, and V8 compiles them when they are first called: code that calls them is small, and most never are.
 *
 * @module
 */
import {
  binary,
  call,
  type Expr,
  type FunctionReference,
  i32Const,
  load,
  type ModuleBuilder,
  select,
  unary,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import { FloatFlag, RoundingMode } from "../float/helpers.ts";
import { FIELD, WINDOW } from "../layout.ts";
import { hartWord } from "../window_code.ts";
import { singleValue } from "./wasm_value.ts";

/** Guard while the host's results can be used: what twice the upper half of a finite result is below, but for the largest ones. */
const TRUSTED = 0xfd00_0000;

/** Guard while no instruction of floating point can run in a region: it is off, or the dynamic rounding mode is reserved. */
export const BARRED = 1;

/** The `rm` field that asks for the dynamic rounding mode. */
export const DYNAMIC = 7;

/** Functions of one module. */
export class FloatCalls {
  /** The shared functions by name, over registers. */
  readonly helpers: Readonly<Record<string, FunctionReference>>;
  readonly #module: ModuleBuilder;
  readonly #made = new Map<string, FunctionReference>();

  /** @param helpers Those of `float/` that the regions' instructions name */
  constructor(module: ModuleBuilder, helpers: Readonly<Record<string, FunctionReference>>) {
    this.#module = module;
    this.helpers = helpers;
  }

  /** () -> guard, from the hart's state. */
  get guard(): FunctionReference {
    return this.#get("floatGuard", [], ["i32"], () => {
      const frm = hartWord("frm");
      const reserved = binary("i32.gt_u", frm, i32Const(RoundingMode.nearestMaxMagnitude));
      const isBarred = binary("i32.or", unary("i32.eqz", hartWord("fpAccess")), reserved);
      const isExact = unary("i32.eqz", binary("i32.and", hartWord("fflags"), i32Const(FloatFlag.inexact)));
      const guard = select(binary("i32.or", isExact, frm), i32Const(0), i32Const(TRUSTED));
      return select(isBarred, i32Const(BARRED), guard);
    });
  }

  /**
   * A shared function over numbers in place of registers.
   *
   * @param rm Rounding mode of the instruction, 7 for the dynamic one; ignored by operations without one
   * @param params What the operands are: i64 is a register
   * @param result What the result is: i64 is a register
   */
  slow(name: string, rm: number, params: readonly ValueType[], result: ValueType): FunctionReference {
    const helper = this.helpers[name];
    const rounds = helper.params.length > params.length;
    return this.#get(rounds ? `${name},${rm}` : name, params, [result], (operands) => {
      const args = operands.map(registerOf);
      if (rounds) args.push(rm === DYNAMIC ? load("i32.load", i32Const(0), WINDOW + FIELD.frm) : i32Const(rm));
      return numberIn(call(helper, ...args), result);
    });
  }

  #get(
    name: string,
    params: readonly ValueType[],
    results: readonly ValueType[],
    value: (operands: Expr[]) => Expr,
  ): FunctionReference {
    let made = this.#made.get(name);
    if (made === undefined) {
      made = this.#module.function(name, [...params], [...results], (f) => {
        f.return(value(params.map((_, index) => f.param(index))));
      });
      this.#made.set(name, made);
    }
    return made;
  }
}

/** The register that holds a number. */
function registerOf(number: Expr): Expr {
  if (number.type === "f64") return unary("i64.reinterpret_f64", number);
  return number.type === "f32" ? singleValue(number).expr : number;
}

/** The number in a register. */
export function numberIn(register: Expr, type: ValueType): Expr {
  if (type === "f64") return unary("f64.reinterpret_i64", register);
  return type === "f32" ? unary("f32.reinterpret_i32", unary("i32.wrap_i64", register)) : register;
}
