/**
 * Zbs: single-bit instructions (Unprivileged ISA, "B Extension for Bit Manipulation", Zbs).
 *
 * @module
 */
import type { Instruction, Ops } from "./instruction.ts";
import { type Binary, not, op, shiftImm } from "./row.ts";

const EXTENSION = "zbs";

function bit<V>(o: Ops<V>, index: V): V {
  return o.shl(o.constant(1n), index);
}

const clear: Binary = (o, x, index) => o.and(x, not(o, bit(o, index)));
const extract: Binary = (o, x, index) => o.and(o.shrU(x, index), o.constant(1n));
const invert: Binary = (o, x, index) => o.xor(x, bit(o, index));
const set: Binary = (o, x, index) => o.or(x, bit(o, index));

/** Rows in the order of the specification. */
export const ZBS: readonly Instruction[] = [
  op(EXTENSION, "bclr", "0100100 001", clear),
  shiftImm(EXTENSION, "bclri", "010010 001", clear),
  op(EXTENSION, "bext", "0100100 101", extract),
  shiftImm(EXTENSION, "bexti", "010010 101", extract),
  op(EXTENSION, "binv", "0110100 001", invert),
  shiftImm(EXTENSION, "binvi", "011010 001", invert),
  op(EXTENSION, "bset", "0010100 001", set),
  shiftImm(EXTENSION, "bseti", "001010 001", set),
];
