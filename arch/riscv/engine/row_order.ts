/**
 * The rows of the instruction table that generated code executes, in the order of their operation numbers in records, and which of them
 * the interpreter's loop executes itself.
 *
 * @module
 */
import type { Instruction } from "../isa/instruction.ts";
import { COMPRESSED, INSTRUCTIONS, type TableRow } from "../isa/mod.ts";
import { Operation } from "./record.ts";

/** A row with a meaning in the vocabulary. */
export type RunRow = TableRow & Required<Pick<Instruction, "run">>;

/** Rows beside those of the base set that compilers use all the time. */
const COMMON = new Set(["mul", "mulw"]);

function isCommon({ extension, name }: RunRow): boolean {
  return extension === "i" || COMMON.has(name);
}

const ALL = INSTRUCTIONS.filter((row): row is RunRow => row.run !== undefined);

/** A case of the interpreter's loop: a row, in one of its lengths, so that the host need not guess which. */
export interface RowCase {
  /** The row. */
  readonly row: RunRow;
  /** Bytes of its instruction. */
  readonly length: 2 | 4;
}

const SHORT = new Set(COMPRESSED.map(({ standsFor }) => standsFor));

const COMMON_ROWS = ALL.filter(isCommon);

/** Rows with cases in the interpreter's loop, from operation `FIRST_ROW` on. */
export const ROW_CASES: readonly RowCase[] = [
  ...COMMON_ROWS.map((row): RowCase => ({ row, length: 4 })),
  ...COMMON_ROWS.filter(({ name }) => SHORT.has(name)).map((row): RowCase => ({ row, length: 2 })),
];

/** Rows with a function of their own, from {@link FIRST_RARE} on: the loop is compiled in every run, these where they are used. */
export const RARE_ROWS: readonly RunRow[] = ALL.filter((row) => !isCommon(row));

/** Number of the first operation that is not in the interpreter's loop. */
export const FIRST_RARE: number = Operation.FIRST_ROW + ROW_CASES.length;

function placeOperations(length: 2 | 4): Uint16Array {
  const operations = new Uint16Array(INSTRUCTIONS.length).fill(Operation.SYSTEM);
  RARE_ROWS.forEach((row, place) => operations[row.index] = FIRST_RARE + place);
  ROW_CASES.forEach((it, place) => {
    if (it.length === length) operations[it.row.index] = Operation.FIRST_ROW + place;
  });
  return operations;
}

/** Operation of each row, by its index in the table, where its instruction has 4 bytes. */
export const OPERATIONS: Uint16Array = placeOperations(4);

/** The same where it has 2. */
export const SHORT_OPERATIONS: Uint16Array = placeOperations(2);

/** Whether a row's rd is an f register, which has no number that stands for nothing. */
export function writesFloat({ syntax }: Instruction): boolean {
  return syntax !== undefined && syntax.startsWith("fd");
}
