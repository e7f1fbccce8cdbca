/**
 * RV64I, Zifencei and Zihintpause (Unprivileged ISA, "RV32I Base Integer Instruction Set", "RV64I", "Zifencei", "Zihintpause").
 *
 * @module
 */
import type { AccessSize, Instruction } from "./instruction.ts";
import { type Binary, op, op32, opImm, row, shiftImm, shiftImm32 } from "./row.ts";

const EXTENSION = "i";

function branch(name: string, funct3: string, condition: Binary): Instruction {
  return row(EXTENSION, name, "B", `....... ..... ..... ${funct3} ..... 1100011`, (o, a) => {
    o.branchIf(condition(o, o.x(a.rs1), o.x(a.rs2)));
  });
}

function load(name: string, funct3: string, size: AccessSize, signed: boolean): Instruction {
  return row(EXTENSION, name, "I", `............ ..... ${funct3} ..... 0000011`, (o, a) => {
    o.setX(a.rd, o.load(o.add(o.x(a.rs1), a.imm), size, signed));
  }, "rd,imm(rs1)");
}

function store(name: string, funct3: string, size: AccessSize): Instruction {
  return row(EXTENSION, name, "S", `....... ..... ..... ${funct3} ..... 0100011`, (o, a) => {
    o.store(o.add(o.x(a.rs1), a.imm), o.x(a.rs2), size);
  });
}

/** RV32I as RV64 has it. */
const BASE: readonly Instruction[] = [
  row(EXTENSION, "lui", "U", ".................... ..... 0110111", (o, a) => o.setX(a.rd, a.imm)),
  row(EXTENSION, "auipc", "U", ".................... ..... 0010111", (o, a) => o.setX(a.rd, o.add(o.pc(), a.imm))),
  row(EXTENSION, "jal", "J", ".................... ..... 1101111", (o, a) => {
    o.setX(a.rd, o.nextPc());
    o.jumpRelative();
  }),
  row(EXTENSION, "jalr", "I", "............ ..... 000 ..... 1100111", (o, a) => {
    // rd may be rs1: the target is read before the link is written.
    const target = o.bind(o.add(o.x(a.rs1), a.imm));
    o.setX(a.rd, o.nextPc());
    o.jump(target);
  }, "rd,imm(rs1)"),
  branch("beq", "000", (o, x, y) => o.eq(x, y)),
  branch("bne", "001", (o, x, y) => o.ne(x, y)),
  branch("blt", "100", (o, x, y) => o.ltS(x, y)),
  branch("bge", "101", (o, x, y) => o.eq(o.ltS(x, y), o.constant(0n))),
  branch("bltu", "110", (o, x, y) => o.ltU(x, y)),
  branch("bgeu", "111", (o, x, y) => o.eq(o.ltU(x, y), o.constant(0n))),
  load("lb", "000", 1, true),
  load("lh", "001", 2, true),
  load("lw", "010", 4, true),
  load("lbu", "100", 1, false),
  load("lhu", "101", 2, false),
  store("sb", "000", 1),
  store("sh", "001", 2),
  store("sw", "010", 4),
  opImm(EXTENSION, "addi", "000", (o, x, y) => o.add(x, y)),
  opImm(EXTENSION, "slti", "010", (o, x, y) => o.ltS(x, y)),
  opImm(EXTENSION, "sltiu", "011", (o, x, y) => o.ltU(x, y)),
  opImm(EXTENSION, "xori", "100", (o, x, y) => o.xor(x, y)),
  opImm(EXTENSION, "ori", "110", (o, x, y) => o.or(x, y)),
  opImm(EXTENSION, "andi", "111", (o, x, y) => o.and(x, y)),
  op(EXTENSION, "add", "0000000 000", (o, x, y) => o.add(x, y)),
  op(EXTENSION, "sub", "0100000 000", (o, x, y) => o.sub(x, y)),
  op(EXTENSION, "sll", "0000000 001", (o, x, y) => o.shl(x, y)),
  op(EXTENSION, "slt", "0000000 010", (o, x, y) => o.ltS(x, y)),
  op(EXTENSION, "sltu", "0000000 011", (o, x, y) => o.ltU(x, y)),
  op(EXTENSION, "xor", "0000000 100", (o, x, y) => o.xor(x, y)),
  op(EXTENSION, "srl", "0000000 101", (o, x, y) => o.shrU(x, y)),
  op(EXTENSION, "sra", "0100000 101", (o, x, y) => o.shrS(x, y)),
  op(EXTENSION, "or", "0000000 110", (o, x, y) => o.or(x, y)),
  op(EXTENSION, "and", "0000000 111", (o, x, y) => o.and(x, y)),
];

/** Memory ordering. Harts take turns on one thread, so accesses are already sequentially consistent. */
const FENCES: readonly Instruction[] = [
  // The reserved fields (fm, rd, rs1) are ignored, as the specification asks for forward compatibility.
  row(EXTENSION, "fence", "none", "---- .... .... ----- 000 ----- 0001111", () => {}, "pred,succ"),
  row(EXTENSION, "fence.tso", "none", "1000 0011 0011 00000 000 00000 0001111", () => {}, ""),
  row("zihintpause", "pause", "none", "0000 0001 0000 00000 000 00000 0001111", () => {}, ""),
  // Stores to pages that hold decoded code already drop what was decoded.
  row("zifencei", "fence.i", "none", "------------ ----- 001 ----- 0001111", () => {}, ""),
];

/** What RV64I adds. */
const WIDE: readonly Instruction[] = [
  load("lwu", "110", 4, false),
  load("ld", "011", 8, true),
  store("sd", "011", 8),
  shiftImm(EXTENSION, "slli", "000000 001", (o, x, y) => o.shl(x, y)),
  shiftImm(EXTENSION, "srli", "000000 101", (o, x, y) => o.shrU(x, y)),
  shiftImm(EXTENSION, "srai", "010000 101", (o, x, y) => o.shrS(x, y)),
  row(EXTENSION, "addiw", "I", "............ ..... 000 ..... 0011011", (o, a) => {
    o.setX(a.rd, o.sext(o.add(o.x(a.rs1), a.imm), 32));
  }),
  shiftImm32(EXTENSION, "slliw", "0000000 001", (o, x, y) => o.sext(o.shl(x, y), 32)),
  shiftImm32(EXTENSION, "srliw", "0000000 101", (o, x, y) => o.sext(o.shrU(o.zext(x, 32), y), 32)),
  shiftImm32(EXTENSION, "sraiw", "0100000 101", (o, x, y) => o.shrS(o.sext(x, 32), y)),
  op32(EXTENSION, "addw", "0000000 000", (o, x, y) => o.sext(o.add(x, y), 32)),
  op32(EXTENSION, "subw", "0100000 000", (o, x, y) => o.sext(o.sub(x, y), 32)),
  op32(EXTENSION, "sllw", "0000000 001", (o, x, y) => o.sext(o.shl(x, o.and(y, o.constant(31n))), 32)),
  op32(EXTENSION, "srlw", "0000000 101", (o, x, y) => o.sext(o.shrU(o.zext(x, 32), o.and(y, o.constant(31n))), 32)),
  op32(EXTENSION, "sraw", "0100000 101", (o, x, y) => o.shrS(o.sext(x, 32), o.and(y, o.constant(31n)))),
];

/** Rows in the order of the specification. ecall and ebreak are with the traps that they raise, in `privileged.ts`. */
export const I: readonly Instruction[] = [...BASE, ...FENCES, ...WIDE];
