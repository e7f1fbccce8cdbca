/**
 * F: single-precision floating point (Unprivileged ISA, "F Extension for Single-Precision Floating-Point").
 *
 * @module
 */
import type { Instruction } from "./instruction.ts";
import {
  classified,
  compared,
  floatRow,
  fromInteger,
  fused,
  rounded1,
  rounded2,
  selected,
  toInteger,
} from "./float_row.ts";
import { row } from "./row.ts";

const MEMORY: readonly Instruction[] = [
  row("f", "flw", "I", "............ ..... 010 ..... 0000111", (o, a) => {
    o.requireFloat();
    o.setF(a.rd, o.boxSingle(o.load(o.add(o.x(a.rs1), a.imm), 4, false)));
  }, "fd,imm(rs1)"),
  row("f", "fsw", "S", "....... ..... ..... 010 ..... 0100111", (o, a) => {
    o.requireFloat();
    o.store(o.add(o.x(a.rs1), a.imm), o.f(a.rs2), 4);
  }, "fs2,imm(rs1)"),
];

/** Rows in the order of the specification. */
export const F: readonly Instruction[] = [
  ...MEMORY,
  fused("fmadd.s", "00 1000011"),
  fused("fmsub.s", "00 1000111"),
  fused("fnmsub.s", "00 1001011"),
  fused("fnmadd.s", "00 1001111"),
  rounded2("fadd.s", "0000000"),
  rounded2("fsub.s", "0000100"),
  rounded2("fmul.s", "0001000"),
  rounded2("fdiv.s", "0001100"),
  rounded1("fsqrt.s", "0101100 00000"),
  selected("fsgnj.s", "0010000 000"),
  selected("fsgnjn.s", "0010000 001"),
  selected("fsgnjx.s", "0010000 010"),
  selected("fmin.s", "0010100 000"),
  selected("fmax.s", "0010100 001"),
  toInteger("fcvt.w.s", "1100000 00000"),
  toInteger("fcvt.wu.s", "1100000 00001"),
  floatRow("fmv.x.w", "1110000 00000 000", "rd,fs1", (o, a) => o.setX(a.rd, o.sext(o.f(a.rs1), 32))),
  compared("feq.s", "1010000 010"),
  compared("flt.s", "1010000 001"),
  compared("fle.s", "1010000 000"),
  classified("fclass.s", "1110000 00000 001"),
  fromInteger("fcvt.s.w", "1101000 00000"),
  fromInteger("fcvt.s.wu", "1101000 00001"),
  floatRow("fmv.w.x", "1111000 00000 000", "fd,rs1", (o, a) => o.setF(a.rd, o.boxSingle(o.x(a.rs1)))),
  toInteger("fcvt.l.s", "1100000 00010"),
  toInteger("fcvt.lu.s", "1100000 00011"),
  fromInteger("fcvt.s.l", "1101000 00010"),
  fromInteger("fcvt.s.lu", "1101000 00011"),
];
