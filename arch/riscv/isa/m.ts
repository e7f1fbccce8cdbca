/**
 * M: integer multiplication and division (Unprivileged ISA, "M Extension for Integer Multiplication and Division").
 *
 * @module
 */
import type { Instruction } from "./instruction.ts";
import { op, op32 } from "./row.ts";

const EXTENSION = "m";

/** Rows in the order of the specification. */
export const M: readonly Instruction[] = [
  op(EXTENSION, "mul", "0000001 000", (o, x, y) => o.mul(x, y)),
  op(EXTENSION, "mulh", "0000001 001", (o, x, y) => o.mulHighS(x, y)),
  op(EXTENSION, "mulhsu", "0000001 010", (o, x, y) => o.mulHighSU(x, y)),
  op(EXTENSION, "mulhu", "0000001 011", (o, x, y) => o.mulHighU(x, y)),
  op(EXTENSION, "div", "0000001 100", (o, x, y) => o.divS(x, y)),
  op(EXTENSION, "divu", "0000001 101", (o, x, y) => o.divU(x, y)),
  op(EXTENSION, "rem", "0000001 110", (o, x, y) => o.remS(x, y)),
  op(EXTENSION, "remu", "0000001 111", (o, x, y) => o.remU(x, y)),
  op32(EXTENSION, "mulw", "0000001 000", (o, x, y) => o.sext(o.mul(x, y), 32)),
  // The quotient of the 64-bit division is right for words too: -2^31 / -1 is 2^31, which the sign extension wraps.
  op32(EXTENSION, "divw", "0000001 100", (o, x, y) => o.sext(o.divS(o.sext(x, 32), o.sext(y, 32)), 32)),
  op32(EXTENSION, "divuw", "0000001 101", (o, x, y) => o.sext(o.divU(o.zext(x, 32), o.zext(y, 32)), 32)),
  op32(EXTENSION, "remw", "0000001 110", (o, x, y) => o.sext(o.remS(o.sext(x, 32), o.sext(y, 32)), 32)),
  op32(EXTENSION, "remuw", "0000001 111", (o, x, y) => o.sext(o.remU(o.zext(x, 32), o.zext(y, 32)), 32)),
];
