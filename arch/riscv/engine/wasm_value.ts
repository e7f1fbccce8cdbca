/**
 * Values of the vocabulary of meanings as WebAssembly: 64 bits, and what is known of their low 32, so that arithmetic on words (Unprivileged
 * ISA, "RV64I Base Integer Instruction Set", instructions with the suffix W) need not be widened at every step.
 *
 * @module
 */
import { binary, type Expr, i32Const, i64Const, select, unary } from "../../../core/wasm/mod.ts";

/** How 64 bits follow from their low 32, as bits: a value of 31 bits follows both ways. */
export const Extension = {
  /** They do not. */
  NONE: 0,
  /** By the sign. */
  SIGN: 1,
  /** By zeros. */
  ZERO: 2,
  /** Bit 31 is zero, and so are those above. */
  BOTH: 3,
} as const;

/** A value. */
export interface WasmValue {
  /** The value as i64. */
  readonly expr: Expr;
  /** The same as i32, if the value is a comparison's result. */
  readonly flag?: Expr;
  /** Makes its low 32 bits as i32, if they can be had without the others: then arithmetic on them is the cheaper one. */
  readonly word?: () => Expr;
  /** An {@link Extension}; left out: none. */
  readonly extension?: number;
  /** The same bits as f64, if they are there as such. */
  readonly double?: Expr;
  /** What an instruction on singles reads from the bits, as f32, if it is there as such. */
  readonly single?: Expr;
  /** The low 32 bits as f32, if they are there as such. */
  readonly low?: Expr;
  /** The number that it always is. */
  readonly constant?: bigint;
  /** Whether it is known to be one of 0..31. */
  readonly isBelow32?: boolean;
}

/** A constant of 64 bits, signed. */
export function constantValue(value: bigint): WasmValue {
  const isWord = BigInt.asIntN(32, value) === value;
  return {
    expr: i64Const(value),
    word: () => i32Const(Number(BigInt.asIntN(32, value))),
    extension: isWord ? (value < 0n ? Extension.SIGN : Extension.BOTH) : Extension.NONE,
    constant: value,
    isBelow32: value >= 0n && value < 32n,
  };
}

/** The value that a word stands for. */
export function extended(word: Expr, extension: number): WasmValue {
  const op = extension === Extension.ZERO ? "i64.extend_i32_u" : "i64.extend_i32_s";
  return { expr: unary(op, word), word: () => word, extension };
}

/** The upper half of a register that holds a single (Unprivileged ISA, "NaN Boxing of Narrower Values"). */
const BOX = 0xffffffff_00000000n;

/** The value of a register that holds a double. */
export function doubleValue(double: Expr): WasmValue {
  return { expr: unary("i64.reinterpret_f64", double), double };
}

/** The value of a register that holds a single. */
export function singleValue(single: Expr): WasmValue {
  const word = unary("i32.reinterpret_f32", single);
  const expr = binary("i64.or", unary("i64.extend_i32_u", word), i64Const(BOX));
  return { expr, word: () => word, single, low: single };
}

/** The low 32 bits of a value as i32. */
export function wordOf(value: WasmValue): Expr {
  return value.word?.() ?? unary("i32.wrap_i64", value.expr);
}

/** Whether 64 bits of a value follow from its word in the way of an {@link Extension}. */
export function isExtended(value: WasmValue, extension: number): boolean {
  return ((value.extension ?? Extension.NONE) & extension) !== 0;
}

/** Whether operations should work on the words of their operands: all have one, and not just because they are constants. */
export function areWords(...values: WasmValue[]): boolean {
  return values.every(({ word }) => word !== undefined) && values.some(({ constant }) => constant === undefined);
}

/** Whether a register that is set to a value should be kept as its word. */
export function isKeptAsWord(value: WasmValue): boolean {
  return value.word !== undefined && isExtended(value, Extension.SIGN);
}

/** One of two values that registers are set to: a word, if both may be kept as one. */
export function selected(flag: Expr, whenTrue: WasmValue, whenFalse: WasmValue): WasmValue {
  if (!isKeptAsWord(whenTrue) || !isKeptAsWord(whenFalse)) return { expr: select(flag, whenTrue.expr, whenFalse.expr) };
  return extended(select(flag, wordOf(whenTrue), wordOf(whenFalse)), Extension.SIGN);
}

/** How what is loaded follows from its word. */
export function loadedExtension(size: 1 | 2 | 4, signed: boolean): number {
  if (signed) return Extension.SIGN;
  return size === 4 ? Extension.ZERO : Extension.BOTH;
}
