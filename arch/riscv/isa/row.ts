/**
 * Short ways to write rows of the instruction table, one for each shape that several extensions share (Unprivileged ISA, "Base
 * Instruction Formats" and the opcode map).
 *
 * @module
 */
import type { Format, Instruction, Operands, Ops } from "./instruction.ts";

/** What `run` of a row is. */
export type Meaning = <V>(o: Ops<V>, a: Operands<V>) => void;

/** A pure value of one operand. */
export type Unary = <V>(o: Ops<V>, x: V) => V;

/** A pure value of two operands. */
export type Binary = <V>(o: Ops<V>, x: V, y: V) => V;

/**
 * A row whose meaning all engines share.
 *
 * @param pattern 32 characters; spaces between fields are dropped
 * @param syntax How its operands are written in assembly where the format does not say
 */
export function row(
  extension: string,
  name: string,
  format: Format,
  pattern: string,
  run: Meaning,
  syntax?: string,
): Instruction {
  return { extension, name, format, pattern: pattern.replaceAll(" ", ""), run, syntax };
}

function registers(extension: string, name: string, fields: string, opcode: string, value: Binary): Instruction {
  const [funct7, funct3] = fields.split(" ");
  return row(extension, name, "R", `${funct7} ..... ..... ${funct3} ..... ${opcode}`, (o, a) => {
    o.setX(a.rd, value(o, o.x(a.rs1), o.x(a.rs2)));
  });
}

/** A row of major opcode OP: `rd = value(rs1, rs2)`; `fields` is funct7 and funct3. */
export function op(extension: string, name: string, fields: string, value: Binary): Instruction {
  return registers(extension, name, fields, "0110011", value);
}

/** A row of major opcode OP-32. */
export function op32(extension: string, name: string, fields: string, value: Binary): Instruction {
  return registers(extension, name, fields, "0111011", value);
}

function immediate(extension: string, name: string, format: Format, pattern: string, value: Binary): Instruction {
  return row(extension, name, format, pattern, (o, a) => o.setX(a.rd, value(o, o.x(a.rs1), a.imm)));
}

/** A row of major opcode OP-IMM: `rd = value(rs1, imm)`. */
export function opImm(extension: string, name: string, funct3: string, value: Binary): Instruction {
  return immediate(extension, name, "I", `............ ..... ${funct3} ..... 0010011`, value);
}

/** A row with a 6-bit shift amount, of OP-IMM unless told otherwise; `fields` is the upper 6 bits and funct3. */
export function shiftImm(
  extension: string,
  name: string,
  fields: string,
  value: Binary,
  opcode = "0010011",
): Instruction {
  const [upper, funct3] = fields.split(" ");
  return immediate(extension, name, "shift", `${upper} ...... ..... ${funct3} ..... ${opcode}`, value);
}

/** A row of OP-IMM-32 with a 5-bit shift amount; `fields` is the upper 7 bits and funct3. */
export function shiftImm32(extension: string, name: string, fields: string, value: Binary): Instruction {
  const [upper, funct3] = fields.split(" ");
  return immediate(extension, name, "shiftw", `${upper} ..... ..... ${funct3} ..... 0011011`, value);
}

/** A row with one source: `rd = value(rs1)`; `fields` is the upper 12 bits, funct3 and the major opcode. */
export function unary(extension: string, name: string, fields: string, value: Unary): Instruction {
  const [upper, funct3, opcode] = fields.split(" ");
  return row(extension, name, "R", `${upper} ..... ${funct3} ..... ${opcode}`, (o, a) => {
    o.setX(a.rd, value(o, o.x(a.rs1)));
  }, "rd,rs1");
}

/** All bits inverted. */
export function not<V>(o: Ops<V>, value: V): V {
  return o.xor(value, o.constant(-1n));
}
