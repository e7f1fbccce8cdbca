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
import { OPERATIONS, SHORT_OPERATIONS, writesFloat } from "./row_order.ts";

/** Number that what is written to x0 has as a register. */
const SINK = (X_SINK - X_REGISTERS) / 8;

/** What the records of a row have in common. */
interface Shape {
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

/** Set in what is remembered of an encoding if straight code ends with it; no record has this bit in its first word. */
const ENDS = 1 << 26;

/** log2 of the encodings that are remembered. */
const PLACE_BITS = 14;

/** Spreads encodings over the places where they are remembered. */
const GOLDEN = 0x9e3779b1;

/** Some of the encodings that were met, each with the two words of its record; the first one is 0 in a place that none has. */
const met = new Int32Array(3 << PLACE_BITS);

/** Where a record is made that is to be remembered. */
const made = new Int32Array(2);

/**
 * Fills a record.
 *
 * @param bits The instruction, in the low half if that is all of it
 * @returns Whether execution goes on behind it unless it traps
 */
export function fillRecord(i32: Int32Array, record: HostPhysAddr, bits: number): boolean {
  const encoding = (bits & 3) === 3 ? bits | 0 : bits & 0xffff;
  const place = 3 * (Math.imul(encoding, GOLDEN) >>> (32 - PLACE_BITS));
  if (met[place] !== encoding || met[place + 1] === 0) {
    const isStraight = encodeRecord(made, encoding);
    met[place] = encoding;
    met[place + 1] = isStraight ? made[0] : made[0] | ENDS;
    met[place + 2] = made[1];
  }
  const first = met[place + 1];
  i32[record >>> 2] = first & ~ENDS;
  i32[(record >>> 2) + 1] = met[place + 2];
  return (first & ENDS) === 0;
}

/** Makes a record of two words; tells whether execution goes on behind it. */
function encodeRecord(words: Int32Array, bits: number): boolean {
  const decoded = decode(bits);
  if (decoded === undefined) {
    words[0] = Operation.ILLEGAL | lengthOf(bits) >> 1 << LENGTH_SHIFT;
    words[1] = bits;
    return false;
  }
  const { instruction, length, rd, rs1, rs2, rs3, imm, rm } = decoded;
  const { hasSink, operand, endsStraightCode } = SHAPES[instruction.index];
  const operation = (length === 2 ? SHORT_OPERATIONS : OPERATIONS)[instruction.index];
  const first = operation | length >> 1 << LENGTH_SHIFT;
  if (operation === Operation.SYSTEM) {
    words[0] = first | instruction.index << RecordShift.ROW;
    words[1] = decoded.bits;
    return false;
  }
  const target = hasSink && rd === 0 ? SINK : rd;
  const sources = rs1 << RecordShift.RS1 | rs2 << RecordShift.RS2;
  words[0] = first | target << RecordShift.RD | sources | rm << RecordShift.RM;
  words[1] = operand === "immediate" ? imm : operand === "distance" ? imm << RECORD_SHIFT : rs3 * 8;
  return !endsStraightCode;
}
