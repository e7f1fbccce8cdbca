/**
 * Zicond: integer conditional operations (Unprivileged ISA, "Zicond Extension for Integer Conditional Operations").
 *
 * @module
 */
import type { Instruction } from "./instruction.ts";
import { op } from "./row.ts";

const EXTENSION = "zicond";

/** Rows in the order of the specification. */
export const ZICOND: readonly Instruction[] = [
  op(EXTENSION, "czero.eqz", "0000111 101", (o, x, y) => o.select(y, x, o.constant(0n))),
  op(EXTENSION, "czero.nez", "0000111 111", (o, x, y) => o.select(y, o.constant(0n), x)),
];
