/**
 * The rows of the instruction table that generated code executes, in the order of their operation numbers in records, and which of them
 * the interpreter's loop executes itself.
 *
 * @module
 */
import type { Instruction } from "../isa/instruction.ts";
import { INSTRUCTIONS, type TableRow } from "../isa/mod.ts";
import { Operation } from "./record.ts";

/** A row with a meaning in the vocabulary. */
export type RunRow = TableRow & Required<Pick<Instruction, "run">>;

/** Rows beside those of the base set that compilers use all the time. */
const COMMON = new Set(["mul", "mulw"]);

function isCommon({ extension, name }: RunRow): boolean {
  return extension === "i" || COMMON.has(name);
}

const ALL = INSTRUCTIONS.filter((row): row is RunRow => row.run !== undefined);

/** Rows with a case in the interpreter's loop, from operation `FIRST_ROW` on. */
export const COMMON_ROWS: readonly RunRow[] = ALL.filter(isCommon);

/** Rows with a function of their own, from {@link FIRST_RARE} on: the loop is compiled in every run, these where they are used. */
export const RARE_ROWS: readonly RunRow[] = ALL.filter((row) => !isCommon(row));

/** Number of the first operation that is not in the interpreter's loop. */
export const FIRST_RARE: number = Operation.FIRST_ROW + COMMON_ROWS.length;

/** Operation of each row, by its index in the table. */
export const OPERATIONS: Uint16Array = new Uint16Array(INSTRUCTIONS.length).fill(Operation.SYSTEM);
[...COMMON_ROWS, ...RARE_ROWS].forEach((row, place) => OPERATIONS[row.index] = Operation.FIRST_ROW + place);

/** Whether a row's rd is an f register, which has no number that stands for nothing. */
export function writesFloat({ syntax }: Instruction): boolean {
  return syntax !== undefined && syntax.startsWith("fd");
}
