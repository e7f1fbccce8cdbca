/**
 * What differs between single and double in generated code: how a register is read and written, which hardware operations and limits
 * apply (Unprivileged ISA, "NaN Boxing of Narrower Values").
 *
 * @module
 */
import {
  binary,
  type BinaryOp,
  call,
  type Expr,
  f32Const,
  f64Const,
  type FunctionReference,
  unary,
  type UnaryOp,
} from "../../../core/wasm/mod.ts";
import type { FloatFormat } from "./helpers.ts";
import { unboxSingle } from "./soft.ts";
import { both, BOX, extend, or } from "./words.ts";

type Suffix<Op, Prefix extends string> = Op extends `${Prefix}.${infer Name}` ? Name : never;

/** A format as generated code sees it. */
export interface FormatEmitter {
  /** Suffix of its instructions. */
  readonly suffix: FloatFormat;
  /** 1 for single: the flag of the soft operations. */
  readonly single: 0 | 1;
  /** The sign bit in a register. */
  readonly sign: bigint;
  /** The number in a register, as a hardware float. */
  read(register: Expr): Expr;
  /** A hardware float as a register. */
  write(value: Expr): Expr;
  /** The number in a register, as the bits of a double: an operand of the soft operations. */
  wide(register: Expr): Expr;
  /** A hardware operation with two operands. */
  binary(op: Suffix<BinaryOp, "f64">, a: Expr, b: Expr): Expr;
  /** A hardware operation with one operand. */
  unary(op: Suffix<UnaryOp, "f64"> & Suffix<UnaryOp, "f32">, a: Expr): Expr;
  /** A constant. */
  constant(value: number): Expr;
  /** Smallest normal number. */
  readonly minNormal: number;
}

/** The single format; `widen` is the soft function of that name. */
export function singleFormat(widen: FunctionReference): FormatEmitter {
  return {
    suffix: "s",
    single: 1,
    sign: 1n << 31n,
    read: (register) => unary("f32.reinterpret_i32", unboxSingle(register)),
    write: (value) => or(extend(unary("i32.reinterpret_f32", value)), BOX),
    wide: (register) => call(widen, register),
    binary: (op, a, b) => binary(`f32.${op}`, a, b),
    unary: (op, a) => unary(`f32.${op}`, a),
    constant: f32Const,
    minNormal: 2 ** -126,
  };
}

/** The double format. */
export function doubleFormat(): FormatEmitter {
  return {
    suffix: "d",
    single: 0,
    sign: 1n << 63n,
    read: (register) => unary("f64.reinterpret_i64", register),
    write: (value) => unary("i64.reinterpret_f64", value),
    wide: (register) => register,
    binary: (op, a, b) => binary(`f64.${op}`, a, b),
    unary: (op, a) => unary(`f64.${op}`, a),
    constant: f64Const,
    minNormal: 2 ** -1022,
  };
}

/** |value| is above the smallest normal number (so no result was tiny) and finite (i32). */
export function isPlainNormal(format: FormatEmitter, value: Expr): Expr {
  const magnitude = format.unary("abs", value);
  return both(
    format.binary("gt", magnitude, format.constant(format.minNormal)),
    format.binary("lt", magnitude, format.constant(Infinity)),
  );
}

/** The value is 0 of either sign (i32). */
export function isZero(format: FormatEmitter, value: Expr): Expr {
  return format.binary("eq", value, format.constant(0));
}
