/**
 * From bits to assembly: syntax and names as GNU objdump prints them with `-M no-aliases` (RISC-V Assembly Programmer's Manual; psABI,
 * "Register Convention").
 *
 * A row's syntax is a text in which words stand for operands: `rd rs1 rs2` x registers, `fd fs1 fs2 fs3` f registers, `imm` decimal,
 * `shamt` hexadecimal, `upper` the upper 20 bits, `target` an address, `rm csr uimm pred succ` fields of the same names.
 *
 * @module
 */
import { findCsr } from "./csr/csr_file.ts";
import { compressedRow, decode } from "./isa/decode.ts";
import { Opcode } from "./isa/encoding.ts";
import type { Decoded, Format } from "./isa/instruction.ts";

/** ABI names of x0..x31. */
export const X_NAMES: readonly string[] = (
  "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"
).split(" ");

/** ABI names of f0..f31. */
export const F_NAMES: readonly string[] = (
  "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 " +
  "fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11"
).split(" ");

const ROUNDING_MODES = ["rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"];
const DYNAMIC = 7;

/** How operands are written where a row does not say it, by format. */
export const FORMAT_SYNTAX: Readonly<Record<Format, string>> = {
  R: "rd,rs1,rs2",
  R4: "rd,rs1,rs2,rs3",
  I: "rd,rs1,imm",
  shift: "rd,rs1,shamt",
  shiftw: "rd,rs1,shamt",
  S: "rs2,imm(rs1)",
  B: "rs1,rs2,target",
  U: "rd,upper",
  J: "rd,target",
  none: "",
};

/** Endings of atomics' mnemonics by their ordering bits. */
const ORDERINGS = ["", ".rl", ".aq", ".aqrl"];

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/** A set of i, o, r, w as FENCE has it. */
function fenceSet(bits: number): string {
  const set = [..."iorw"].filter((_, index) => (bits & (8 >> index)) !== 0).join("");
  return set === "" ? "unknown" : set;
}

/** How each word of a syntax is printed. */
const WORDS: Readonly<Record<string, (d: Decoded, address: bigint) => string>> = {
  rd: (d) => X_NAMES[(d.bits >>> 7) & 31],
  rs1: (d) => X_NAMES[(d.bits >>> 15) & 31],
  rs2: (d) => X_NAMES[(d.bits >>> 20) & 31],
  fd: (d) => F_NAMES[d.rd],
  fs1: (d) => F_NAMES[d.rs1],
  fs2: (d) => F_NAMES[d.rs2],
  fs3: (d) => F_NAMES[d.rs3],
  imm: (d) => String(d.imm),
  shamt: (d) => hex(d.imm),
  upper: (d) => hex(d.imm >>> 12),
  target: (d, address) => hex(BigInt.asUintN(64, address + BigInt(d.imm))),
  rm: (d) => ROUNDING_MODES[d.rm],
  csr: (d) => findCsr(d.bits >>> 20)?.name ?? hex(d.bits >>> 20),
  uimm: (d) => String((d.bits >>> 15) & 31),
  pred: (d) => fenceSet(d.bits >>> 24),
  succ: (d) => fenceSet(d.bits >>> 20),
};

function operands(syntax: string, decoded: Decoded, address: bigint): string {
  const written = decoded.rm === DYNAMIC ? syntax.replace(/,rm$/, "") : syntax;
  return written.replaceAll(/[a-z]+[1-3]?/g, (word) => WORDS[word](decoded, address));
}

function mnemonic({ instruction, bits }: Decoded): string {
  const ordering = (bits & 0x7f) === Opcode.AMO ? ORDERINGS[(bits >>> 25) & 3] : "";
  return instruction.name + ordering;
}

/**
 * Writes an instruction as assembly: mnemonic, a space, operands. What is no instruction becomes `.4byte` or `.2byte` data.
 *
 * @param bits 32 bits; only the low 16 count if they are a compressed instruction
 * @param address Where it lies, for the targets of branches and jumps
 */
export function disassemble(bits: number, address = 0n): string {
  const decoded = decode(bits);
  if (decoded === undefined) {
    return (bits & 3) === 3 ? `.4byte ${hex(bits >>> 0)}` : `.2byte ${hex(bits & 0xffff)}`;
  }
  const { instruction, length } = decoded;
  if (length === 2) {
    const { name, syntax } = compressedRow(bits)!;
    return `${name} ${operands(syntax, decoded, address)}`.trimEnd();
  }
  const syntax = instruction.syntax ?? FORMAT_SYNTAX[instruction.format];
  return `${mnemonic(decoded)} ${operands(syntax, decoded, address)}`.trimEnd();
}
