/**
 * Short ways to write rows of F and D (Unprivileged ISA, "F Extension for Single-Precision Floating-Point").
 *
 * Operands go to `Ops.float` as raw register bits; it unboxes, computes, boxes and accrues flags.
 *
 * @module
 */
import type { Instruction } from "./instruction.ts";
import { type Meaning, row } from "./row.ts";

/** A row of F or D. `fields` is funct7, rs2 and funct3, where `...` as funct3 is the rounding mode. */
export function floatRow(name: string, fields: string, syntax: string, run: Meaning): Instruction {
  const [funct7, rs2, funct3] = fields.split(" ");
  const pattern = `${funct7} ${rs2} ..... ${funct3} ..... 1010011`;
  return row(extensionOf(name), name, "R", pattern, (o, a) => {
    o.requireFloat();
    run(o, a);
  }, syntax);
}

/** What works on doubles alone, or converts to or from them, is D. */
function extensionOf(name: string): string {
  return name.split(".").includes("d") ? "d" : "f";
}

/** `fd = name(fs1, fs2)`, rounded. */
export function rounded2(name: string, funct7: string): Instruction {
  return floatRow(name, `${funct7} ..... ...`, "fd,fs1,fs2,rm", (o, a) => {
    o.setF(a.rd, o.float(name, o.f(a.rs1), o.f(a.rs2)));
  });
}

/** `fd = name(fs1)`, rounded; `fields` is funct7 and rs2. */
export function rounded1(name: string, fields: string, syntax = "fd,fs1,rm"): Instruction {
  return floatRow(name, `${fields} ...`, syntax, (o, a) => o.setF(a.rd, o.float(name, o.f(a.rs1))));
}

/** `fd = name(fs1, fs2)`, never rounded: minimum, maximum, sign injection; `fields` is funct7 and funct3. */
export function selected(name: string, fields: string): Instruction {
  const [funct7, funct3] = fields.split(" ");
  return floatRow(name, `${funct7} ..... ${funct3}`, "fd,fs1,fs2", (o, a) => {
    o.setF(a.rd, o.float(name, o.f(a.rs1), o.f(a.rs2)));
  });
}

/** `rd = name(fs1, fs2)`, a comparison; `fields` is funct7 and funct3. */
export function compared(name: string, fields: string): Instruction {
  const [funct7, funct3] = fields.split(" ");
  return floatRow(name, `${funct7} ..... ${funct3}`, "rd,fs1,fs2", (o, a) => {
    o.setX(a.rd, o.float(name, o.f(a.rs1), o.f(a.rs2)));
  });
}

/** `rd = name(fs1)`, a classification; `fields` is funct7, rs2 and funct3. */
export function classified(name: string, fields: string): Instruction {
  return floatRow(name, fields, "rd,fs1", (o, a) => o.setX(a.rd, o.float(name, o.f(a.rs1))));
}

/** `rd = name(fs1)`, rounded to an integer; `fields` is funct7 and rs2. */
export function toInteger(name: string, fields: string): Instruction {
  return floatRow(name, `${fields} ...`, "rd,fs1,rm", (o, a) => o.setX(a.rd, o.float(name, o.f(a.rs1))));
}

/** `fd = name(rs1)`, rounded from an integer; `fields` is funct7 and rs2. */
export function fromInteger(name: string, fields: string, syntax = "fd,rs1,rm"): Instruction {
  return floatRow(name, `${fields} ...`, syntax, (o, a) => o.setF(a.rd, o.float(name, o.x(a.rs1))));
}

/** `fd = ±(fs1 * fs2) ± fs3`, rounded once; `fields` is fmt and the major opcode. */
export function fused(name: string, fields: string): Instruction {
  const [format, opcode] = fields.split(" ");
  const pattern = `..... ${format} ..... ..... ... ..... ${opcode}`;
  return row(extensionOf(name), name, "R4", pattern, (o, a) => {
    o.requireFloat();
    o.setF(a.rd, o.float(name, o.f(a.rs1), o.f(a.rs2), o.f(a.rs3)));
  }, "fd,fs1,fs2,fs3,rm");
}
