/**
 * C: compressed instructions (Unprivileged ISA, "C Extension for Compressed Instructions") of RV64GC, as the 32-bit instructions
 * that they stand for. Hints need no rows of their own: what they stand for writes x0 or changes nothing.
 *
 * @module
 */
import { encode, type OperandValues } from "./encoding.ts";
import type { CompressedInstruction, Instruction } from "./instruction.ts";
import { INSTRUCTIONS } from "./table.ts";

/** Takes the operands out of 16 bits; undefined if they are reserved. */
type TakeOperands = (bits: number) => OperandValues | undefined;

/** `syntax` is how the operands of the instruction that it stands for are written. */
function row(
  name: string,
  pattern: string,
  standsFor: string,
  syntax: string,
  operands: TakeOperands,
): CompressedInstruction {
  const base = baseInstruction(standsFor);
  return {
    name,
    pattern: pattern.replaceAll(" ", ""),
    standsFor,
    syntax,
    expand: (bits) => {
      const values = operands(bits);
      return values && encode(base, values);
    },
  };
}

const BASE_INSTRUCTIONS = new Map<string, Instruction>(INSTRUCTIONS.map((row) => [row.name, row]));

function baseInstruction(name: string): Instruction {
  const found = BASE_INSTRUCTIONS.get(name);
  if (found === undefined) throw new TypeError(`Cannot expand to "${name}": the instruction table has no such row`);
  return found;
}

/** `width` bits from `low` up, put at `position`. */
function field(bits: number, low: number, width: number, position: number): number {
  return ((bits >>> low) & ((1 << width) - 1)) << position;
}

function signExtend(value: number, width: number): number {
  return (value << (32 - width)) >> (32 - width);
}

/** Register in bits 11:7. */
function full(bits: number): number {
  return field(bits, 7, 5, 0);
}

/** Register in bits 6:2. */
function second(bits: number): number {
  return field(bits, 2, 5, 0);
}

/** One of x8..x15 in bits 4:2. */
function lowPrime(bits: number): number {
  return 8 + field(bits, 2, 3, 0);
}

/** One of x8..x15 in bits 9:7. */
function highPrime(bits: number): number {
  return 8 + field(bits, 7, 3, 0);
}

/** imm[5] in bit 12, imm[4:0] in 6:2, as shift amounts have it. */
function shiftAmount(bits: number): number {
  return field(bits, 12, 1, 5) | field(bits, 2, 5, 0);
}

/** The same, signed. */
function imm6(bits: number): number {
  return signExtend(shiftAmount(bits), 6);
}

/** Offset of word loads and stores. */
function wordOffset(bits: number): number {
  return field(bits, 10, 3, 3) | field(bits, 6, 1, 2) | field(bits, 5, 1, 6);
}

/** Offset of doubleword loads and stores. */
function doubleOffset(bits: number): number {
  return field(bits, 10, 3, 3) | field(bits, 5, 2, 6);
}

/** Offset of word loads from the stack. */
function wordStackLoad(bits: number): number {
  return field(bits, 12, 1, 5) | field(bits, 4, 3, 2) | field(bits, 2, 2, 6);
}

/** Offset of doubleword loads from the stack. */
function doubleStackLoad(bits: number): number {
  return field(bits, 12, 1, 5) | field(bits, 5, 2, 3) | field(bits, 2, 3, 6);
}

/** Offset of word stores to the stack. */
function wordStackStore(bits: number): number {
  return field(bits, 9, 4, 2) | field(bits, 7, 2, 6);
}

/** Offset of doubleword stores to the stack. */
function doubleStackStore(bits: number): number {
  return field(bits, 10, 3, 3) | field(bits, 7, 3, 6);
}

function jumpOffset(bits: number): number {
  const low = field(bits, 3, 3, 1) | field(bits, 11, 1, 4) | field(bits, 2, 1, 5) | field(bits, 7, 1, 6);
  const high = field(bits, 6, 1, 7) | field(bits, 9, 2, 8) | field(bits, 8, 1, 10) | field(bits, 12, 1, 11);
  return signExtend(low | high, 12);
}

function branchOffset(bits: number): number {
  const low = field(bits, 3, 2, 1) | field(bits, 10, 2, 3) | field(bits, 2, 1, 5);
  return signExtend(low | field(bits, 5, 2, 6) | field(bits, 12, 1, 8), 9);
}

function stackAdjustment(bits: number): number {
  const low = field(bits, 6, 1, 4) | field(bits, 2, 1, 5) | field(bits, 5, 1, 6) | field(bits, 3, 2, 7);
  return signExtend(low | field(bits, 12, 1, 9), 10);
}

function stackAddress(bits: number): number {
  return field(bits, 11, 2, 4) | field(bits, 7, 4, 6) | field(bits, 6, 1, 2) | field(bits, 5, 1, 3);
}

/** The operands unless `value` is 0, which these encodings reserve. */
function unlessZero(value: number, operands: OperandValues): OperandValues | undefined {
  return value === 0 ? undefined : operands;
}

/** Loads and stores of f registers stand for instructions whose names begin with f. */
function memorySyntax(standsFor: string, register: "d" | "s2"): string {
  return `${standsFor.startsWith("f") ? "f" : "r"}${register},imm(rs1)`;
}

function loadRow(name: string, pattern: string, standsFor: string, offset: (bits: number) => number) {
  return row(
    name,
    pattern,
    standsFor,
    memorySyntax(standsFor, "d"),
    (bits) => ({ rd: lowPrime(bits), rs1: highPrime(bits), imm: offset(bits) }),
  );
}

function storeRow(name: string, pattern: string, standsFor: string, offset: (bits: number) => number) {
  return row(
    name,
    pattern,
    standsFor,
    memorySyntax(standsFor, "s2"),
    (bits) => ({ rs1: highPrime(bits), rs2: lowPrime(bits), imm: offset(bits) }),
  );
}

/** rd' = rd' op rs2'. */
function arithmeticRow(name: string, pattern: string, standsFor: string) {
  return row(name, pattern, standsFor, "rd,rs2", (bits) => {
    return { rd: highPrime(bits), rs1: highPrime(bits), rs2: lowPrime(bits) };
  });
}

/** rd' = rd' op imm. */
function immediateRow(name: string, pattern: string, standsFor: string, syntax: string, imm: (bits: number) => number) {
  return row(
    name,
    pattern,
    standsFor,
    syntax,
    (bits) => ({ rd: highPrime(bits), rs1: highPrime(bits), imm: imm(bits) }),
  );
}

function branchRow(name: string, pattern: string, standsFor: string) {
  return row(
    name,
    pattern,
    standsFor,
    "rs1,target",
    (bits) => ({ rs1: highPrime(bits), rs2: 0, imm: branchOffset(bits) }),
  );
}

const QUADRANT_0: readonly CompressedInstruction[] = [
  row("c.addi4spn", "000 ........ ... 00", "addi", "rd,rs1,imm", (bits) => {
    return unlessZero(stackAddress(bits), { rd: lowPrime(bits), rs1: 2, imm: stackAddress(bits) });
  }),
  loadRow("c.fld", "001 ... ... .. ... 00", "fld", doubleOffset),
  loadRow("c.lw", "010 ... ... .. ... 00", "lw", wordOffset),
  loadRow("c.ld", "011 ... ... .. ... 00", "ld", doubleOffset),
  storeRow("c.fsd", "101 ... ... .. ... 00", "fsd", doubleOffset),
  storeRow("c.sw", "110 ... ... .. ... 00", "sw", wordOffset),
  storeRow("c.sd", "111 ... ... .. ... 00", "sd", doubleOffset),
];

const QUADRANT_1: readonly CompressedInstruction[] = [
  row("c.nop", "000 0 00000 00000 01", "addi", "", () => ({ rd: 0, rs1: 0, imm: 0 })),
  row(
    "c.addi",
    "000 . ..... ..... 01",
    "addi",
    "rd,imm",
    (bits) => ({ rd: full(bits), rs1: full(bits), imm: imm6(bits) }),
  ),
  row("c.addiw", "001 . ..... ..... 01", "addiw", "rd,imm", (bits) => {
    return unlessZero(full(bits), { rd: full(bits), rs1: full(bits), imm: imm6(bits) });
  }),
  row("c.li", "010 . ..... ..... 01", "addi", "rd,imm", (bits) => ({ rd: full(bits), rs1: 0, imm: imm6(bits) })),
  row("c.addi16sp", "011 . 00010 ..... 01", "addi", "rd,imm", (bits) => {
    return unlessZero(stackAdjustment(bits), { rd: 2, rs1: 2, imm: stackAdjustment(bits) });
  }),
  row("c.lui", "011 . ..... ..... 01", "lui", "rd,upper", (bits) => {
    return unlessZero(imm6(bits), { rd: full(bits), imm: imm6(bits) << 12 });
  }),
  immediateRow("c.srli", "100 . 00 ... ..... 01", "srli", "rd,shamt", shiftAmount),
  immediateRow("c.srai", "100 . 01 ... ..... 01", "srai", "rd,shamt", shiftAmount),
  immediateRow("c.andi", "100 . 10 ... ..... 01", "andi", "rd,imm", imm6),
  arithmeticRow("c.sub", "100 0 11 ... 00 ... 01", "sub"),
  arithmeticRow("c.xor", "100 0 11 ... 01 ... 01", "xor"),
  arithmeticRow("c.or", "100 0 11 ... 10 ... 01", "or"),
  arithmeticRow("c.and", "100 0 11 ... 11 ... 01", "and"),
  arithmeticRow("c.subw", "100 1 11 ... 00 ... 01", "subw"),
  arithmeticRow("c.addw", "100 1 11 ... 01 ... 01", "addw"),
  row("c.j", "101 ........... 01", "jal", "target", (bits) => ({ rd: 0, imm: jumpOffset(bits) })),
  branchRow("c.beqz", "110 ... ... ..... 01", "beq"),
  branchRow("c.bnez", "111 ... ... ..... 01", "bne"),
];

const QUADRANT_2: readonly CompressedInstruction[] = [
  row("c.slli", "000 . ..... ..... 10", "slli", "rd,shamt", (bits) => {
    return { rd: full(bits), rs1: full(bits), imm: shiftAmount(bits) };
  }),
  row(
    "c.fldsp",
    "001 . ..... ..... 10",
    "fld",
    "fd,imm(rs1)",
    (bits) => ({ rd: full(bits), rs1: 2, imm: doubleStackLoad(bits) }),
  ),
  row("c.lwsp", "010 . ..... ..... 10", "lw", "rd,imm(rs1)", (bits) => {
    return unlessZero(full(bits), { rd: full(bits), rs1: 2, imm: wordStackLoad(bits) });
  }),
  row("c.ldsp", "011 . ..... ..... 10", "ld", "rd,imm(rs1)", (bits) => {
    return unlessZero(full(bits), { rd: full(bits), rs1: 2, imm: doubleStackLoad(bits) });
  }),
  row(
    "c.jr",
    "100 0 ..... 00000 10",
    "jalr",
    "rs1",
    (bits) => unlessZero(full(bits), { rd: 0, rs1: full(bits), imm: 0 }),
  ),
  row("c.mv", "100 0 ..... ..... 10", "add", "rd,rs2", (bits) => ({ rd: full(bits), rs1: 0, rs2: second(bits) })),
  row("c.ebreak", "100 1 00000 00000 10", "ebreak", "", () => ({})),
  row("c.jalr", "100 1 ..... 00000 10", "jalr", "rs1", (bits) => ({ rd: 1, rs1: full(bits), imm: 0 })),
  row(
    "c.add",
    "100 1 ..... ..... 10",
    "add",
    "rd,rs2",
    (bits) => ({ rd: full(bits), rs1: full(bits), rs2: second(bits) }),
  ),
  row(
    "c.fsdsp",
    "101 ...... ..... 10",
    "fsd",
    "fs2,imm(rs1)",
    (bits) => ({ rs1: 2, rs2: second(bits), imm: doubleStackStore(bits) }),
  ),
  row(
    "c.swsp",
    "110 ...... ..... 10",
    "sw",
    "rs2,imm(rs1)",
    (bits) => ({ rs1: 2, rs2: second(bits), imm: wordStackStore(bits) }),
  ),
  row(
    "c.sdsp",
    "111 ...... ..... 10",
    "sd",
    "rs2,imm(rs1)",
    (bits) => ({ rs1: 2, rs2: second(bits), imm: doubleStackStore(bits) }),
  ),
];

/** Rows in the order of the specification's listing. */
export const COMPRESSED: readonly CompressedInstruction[] = [...QUADRANT_0, ...QUADRANT_1, ...QUADRANT_2];
