/**
 * Fills predecoded records (`record.ts`) from the bits of instructions.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import { decode } from "../isa/decode.ts";
import { INSTRUCTIONS, type TableRow } from "../isa/mod.ts";
import { X_REGISTERS, X_SINK } from "../layout.ts";
import { LENGTH_SHIFT, Operation, RECORD_SHIFT, RecordShift } from "./record.ts";
import { OPERATIONS, writesFloat } from "./row_order.ts";

/** Number that what is written to x0 has as a register. */
const SINK = (X_SINK - X_REGISTERS) / 8;

/** What the records of a row have in common. */
interface Shape {
  readonly operation: number;
  /** What goes to register 0 is lost. */
  readonly hasSink: boolean;
  /** The operand beside two sources and a destination is a distance to go, or a third source, or the immediate as it is. */
  readonly operand: "distance" | "register" | "immediate";
  /** Whether execution may go on elsewhere than behind it. */
  readonly endsStraightCode: boolean;
}

function shapeOf(row: TableRow): Shape {
  const { format, name, call } = row;
  const isRelative = format === "B" || format === "J";
  return {
    operation: OPERATIONS[row.index],
    hasSink: !writesFloat(row),
    operand: isRelative ? "distance" : format === "R4" ? "register" : "immediate",
    endsStraightCode: isRelative || name === "jalr" || call !== undefined,
  };
}

/** By the row's index. */
const SHAPES: readonly Shape[] = INSTRUCTIONS.map(shapeOf);

/** Bytes of the instruction that starts with these 16 bits. */
export function lengthOf(half: number): 2 | 4 {
  return (half & 3) === 3 ? 4 : 2;
}

/** Set in what is known of a 16-bit encoding if straight code ends with it; no record has this bit in its first word. */
const ENDS = 1 << 31;

/** The records of 16-bit encodings that were met, in two words each; the first one is 0 if an encoding was not. */
const firstWords = new Int32Array(1 << 16);
const secondWords = new Int32Array(1 << 16);

/**
 * Fills a record.
 *
 * @param bits The instruction, in the low half if that is all of it
 * @returns Whether execution goes on behind it unless it traps
 */
export function fillRecord(i32: Int32Array, record: HostPhysAddr, bits: number): boolean {
  if ((bits & 3) === 3) return encodeRecord(i32, record >>> 2, bits);
  const half = bits & 0xffff;
  let first = firstWords[half];
  if (first === 0) first = meetHalf(half);
  i32[record >>> 2] = first & ~ENDS;
  i32[(record >>> 2) + 1] = secondWords[half];
  return first > 0;
}

/** Encodes the record of a 16-bit encoding that is met for the first time. */
function meetHalf(half: number): number {
  const words = new Int32Array(2);
  const isStraight = encodeRecord(words, 0, half);
  secondWords[half] = words[1];
  return firstWords[half] = isStraight ? words[0] : words[0] | ENDS;
}

/** Encodes a record; tells whether execution goes on behind it. */
function encodeRecord(i32: Int32Array, word: number, bits: number): boolean {
  const decoded = decode(bits);
  if (decoded === undefined) {
    i32[word] = Operation.ILLEGAL | lengthOf(bits) >> 1 << LENGTH_SHIFT;
    i32[word + 1] = bits;
    return false;
  }
  const { instruction, length, rd, rs1, rs2, rs3, imm, rm } = decoded;
  const { operation, hasSink, operand, endsStraightCode } = SHAPES[instruction.index];
  const first = operation | length >> 1 << LENGTH_SHIFT;
  if (operation === Operation.SYSTEM) {
    i32[word] = first | instruction.index << RecordShift.ROW;
    i32[word + 1] = decoded.bits;
    return false;
  }
  const target = hasSink && rd === 0 ? SINK : rd;
  const sources = rs1 << RecordShift.RS1 | rs2 << RecordShift.RS2;
  i32[word] = first | target << RecordShift.RD | sources | rm << RecordShift.RM;
  i32[word + 1] = operand === "immediate" ? imm : operand === "distance" ? imm << RECORD_SHIFT : rs3 * 8;
  return !endsStraightCode;
}
