/**
 * D: double-precision floating point (Unprivileged ISA, "D Extension for Double-Precision Floating-Point").
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
  row("d", "fld", "I", "............ ..... 011 ..... 0000111", (o, a) => {
    o.requireFloat();
    o.setF(a.rd, o.load(o.add(o.x(a.rs1), a.imm), 8, false));
  }, "fd,imm(rs1)"),
  row("d", "fsd", "S", "....... ..... ..... 011 ..... 0100111", (o, a) => {
    o.requireFloat();
    o.store(o.add(o.x(a.rs1), a.imm), o.f(a.rs2), 8);
  }, "fs2,imm(rs1)"),
];

/** Rows in the order of the specification. */
export const D: readonly Instruction[] = [
  ...MEMORY,
  fused("fmadd.d", "01 1000011"),
  fused("fmsub.d", "01 1000111"),
  fused("fnmsub.d", "01 1001011"),
  fused("fnmadd.d", "01 1001111"),
  rounded2("fadd.d", "0000001"),
  rounded2("fsub.d", "0000101"),
  rounded2("fmul.d", "0001001"),
  rounded2("fdiv.d", "0001101"),
  rounded1("fsqrt.d", "0101101 00000"),
  selected("fsgnj.d", "0010001 000"),
  selected("fsgnjn.d", "0010001 001"),
  selected("fsgnjx.d", "0010001 010"),
  selected("fmin.d", "0010101 000"),
  selected("fmax.d", "0010101 001"),
  rounded1("fcvt.s.d", "0100000 00001"),
  // Exact conversions have a rounding mode too, which must be valid but is not written.
  rounded1("fcvt.d.s", "0100001 00000", "fd,fs1"),
  compared("feq.d", "1010001 010"),
  compared("flt.d", "1010001 001"),
  compared("fle.d", "1010001 000"),
  classified("fclass.d", "1110001 00000 001"),
  toInteger("fcvt.w.d", "1100001 00000"),
  toInteger("fcvt.wu.d", "1100001 00001"),
  fromInteger("fcvt.d.w", "1101001 00000", "fd,rs1"),
  fromInteger("fcvt.d.wu", "1101001 00001", "fd,rs1"),
  toInteger("fcvt.l.d", "1100001 00010"),
  toInteger("fcvt.lu.d", "1100001 00011"),
  floatRow("fmv.x.d", "1110001 00000 000", "rd,fs1", (o, a) => o.setX(a.rd, o.f(a.rs1))),
  fromInteger("fcvt.d.l", "1101001 00010"),
  fromInteger("fcvt.d.lu", "1101001 00011"),
  floatRow("fmv.d.x", "1111001 00000 000", "fd,rs1", (o, a) => o.setF(a.rd, o.x(a.rs1))),
];
