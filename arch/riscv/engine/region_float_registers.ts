/**
 * The f registers of a region: in locals as doubles, as singles, or both, as the region computes with them, and always in memory
 * (Unprivileged ISA, "NaN Boxing of Narrower Values").
 *
 * @module
 */
import {
  binary,
  type Expr,
  type FunctionBuilder,
  i32Const,
  i64Const,
  load,
  type Local,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import { F_REGISTERS, WINDOW } from "../layout.ts";
import type { AccessSize } from "../isa/instruction.ts";
import { floatOperands } from "./footprint.ts";
import type { Region } from "./region.ts";
import { doubleValue, extended, Extension, singleValue, type WasmValue } from "./wasm_value.ts";

/** The canonical NaN of singles. */
const CANONICAL_NAN = 0x7fc0_0000;

/** Address of an f register. */
function fRegister(number: number): number {
  return WINDOW + F_REGISTERS + number * 8;
}

/** What an instruction on singles reads from two halves: the canonical NaN if they are no boxed single. */
function unboxed(low: Expr, high: Expr): Expr {
  const bits = select(binary("i32.eq", high, i32Const(-1)), low, i32Const(CANONICAL_NAN));
  return unary("f32.reinterpret_i32", bits);
}

/** Reads host memory as a number: a double, or the low half of a register. */
export function floatFrom(host: Expr, size: AccessSize, f: FunctionBuilder): WasmValue {
  if (size === 8) {
    const double = f.let(load("f64.load", host));
    return doubleValue(double);
  }
  const low = f.let(load("f32.load", host));
  return { ...extended(unary("i32.reinterpret_f32", low), Extension.ZERO), low };
}

/** Copies of f registers in locals: each holds what memory holds at any time. */
export class RegionFloatRegisters {
  readonly #code: FunctionBuilder;
  readonly #doubles = new Map<number, Local>();
  readonly #singles = new Map<number, Local>();
  /** Registers that are known to hold a boxed single at this place in the block. */
  readonly #boxed = new Set<number>();

  /** Makes locals for what a region computes with; {@link reload} fills them. */
  constructor(code: FunctionBuilder, { blocks }: Region) {
    this.#code = code;
    for (const { decoded } of blocks.flatMap(({ instructions }) => instructions)) {
      const isSingle = decoded.instruction.name.endsWith(".s");
      const [locals, type] = isSingle ? [this.#singles, "f32"] as const : [this.#doubles, "f64"] as const;
      for (const number of floatOperands(decoded)) if (!locals.has(number)) locals.set(number, code.local(type));
    }
  }

  /** Reads all locals from memory. */
  reload(): void {
    for (const [number, local] of this.#doubles) {
      this.#code.set(local, load("f64.load", i32Const(0), fRegister(number)));
    }
    for (const [number, local] of this.#singles) {
      const [low, high] = [0, 4].map((half) => fRegister(number) + half);
      this.#code.set(local, unboxed(load("i32.load", i32Const(0), low), load("i32.load", i32Const(0), high)));
    }
  }

  /** Nothing is known of registers at the start of a block. */
  startBlock(): void {
    this.#boxed.clear();
  }

  /** The value of a register. */
  read(number: number): WasmValue {
    const single = this.#singles.get(number);
    if (single !== undefined && this.#boxed.has(number)) {
      return { ...singleValue(single), double: this.#doubles.get(number) };
    }
    const place = fRegister(number);
    const double = this.#doubles.get(number);
    return {
      expr: double === undefined ? load("i64.load", i32Const(0), place) : unary("i64.reinterpret_f64", double),
      word: () => load("i32.load", i32Const(0), place),
      double,
      single,
      low: load("f32.load", i32Const(0), place),
    };
  }

  /** Writes a register. */
  write(number: number, value: WasmValue): void {
    if (value.double !== undefined) this.#writeDouble(number, value.double);
    else if (value.single !== undefined) this.#writeSingle(number, value.single);
    else this.#writeDouble(number, unary("f64.reinterpret_i64", value.expr));
  }

  #writeDouble(number: number, value: Expr): void {
    const f = this.#code;
    const single = this.#singles.get(number);
    this.#boxed.delete(number);
    const bits = this.#doubles.get(number) ?? f.local("f64");
    f.set(bits, value);
    f.store("f64.store", i32Const(0), bits, fRegister(number));
    if (single === undefined) return;
    const integer = f.let(unary("i64.reinterpret_f64", bits));
    const [low, high] = [integer, binary("i64.shr_u", integer, i64Const(32))].map((half) =>
      unary("i32.wrap_i64", half)
    );
    f.set(single, unboxed(low, high));
  }

  /** The halves are stored apart: the upper one need not be again, and the lower one is right as it comes. */
  #writeSingle(number: number, value: Expr): void {
    const f = this.#code;
    const single = this.#singles.get(number) ?? f.local("f32");
    const double = this.#doubles.get(number);
    f.set(single, value);
    f.store("f32.store", i32Const(0), single, fRegister(number));
    if (!this.#boxed.has(number)) f.store("i32.store", i32Const(0), i32Const(-1), fRegister(number) + 4);
    this.#boxed.add(number);
    if (double !== undefined) f.set(double, unary("f64.reinterpret_i64", singleValue(single).expr));
  }
}
