/**
 * Zba: address generation (Unprivileged ISA, "B Extension for Bit Manipulation", Zba).
 *
 * @module
 */
import type { Instruction } from "./instruction.ts";
import { type Binary, op, op32, shiftImm } from "./row.ts";

const EXTENSION = "zba";

function shiftAdd(amount: bigint): Binary {
  return (o, x, y) => o.add(o.shl(x, o.constant(amount)), y);
}

function shiftAddWord(amount: bigint): Binary {
  return (o, x, y) => o.add(o.shl(o.zext(x, 32), o.constant(amount)), y);
}

/** Rows in the order of the specification. */
export const ZBA: readonly Instruction[] = [
  op32(EXTENSION, "add.uw", "0000100 000", (o, x, y) => o.add(o.zext(x, 32), y)),
  op(EXTENSION, "sh1add", "0010000 010", shiftAdd(1n)),
  op32(EXTENSION, "sh1add.uw", "0010000 010", shiftAddWord(1n)),
  op(EXTENSION, "sh2add", "0010000 100", shiftAdd(2n)),
  op32(EXTENSION, "sh2add.uw", "0010000 100", shiftAddWord(2n)),
  op(EXTENSION, "sh3add", "0010000 110", shiftAdd(3n)),
  op32(EXTENSION, "sh3add.uw", "0010000 110", shiftAddWord(3n)),
  shiftImm(EXTENSION, "slli.uw", "000010 001", (o, x, y) => o.shl(o.zext(x, 32), y), "0011011"),
];
