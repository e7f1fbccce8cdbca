/**
 * A: atomic instructions (Unprivileged ISA, "A Extension for Atomic Instructions": Zalrsc and Zaamo).
 *
 * The aq and rl bits are ignored: every atomic is sequentially consistent here.
 *
 * @module
 */
import type { Instruction } from "./instruction.ts";
import { type Binary, row } from "./row.ts";

const EXTENSION = "a";

function loadReserved(name: string, width: string, size: 4 | 8): Instruction {
  return row(EXTENSION, name, "R", `00010 - - 00000 ..... ${width} ..... 0101111`, (o, a) => {
    o.setX(a.rd, o.loadReserved(o.x(a.rs1), size));
  }, "rd,(rs1)");
}

function storeConditional(name: string, width: string, size: 4 | 8): Instruction {
  return row(EXTENSION, name, "R", `00011 - - ..... ..... ${width} ..... 0101111`, (o, a) => {
    o.setX(a.rd, o.storeConditional(o.x(a.rs1), o.x(a.rs2), size));
  }, "rd,rs2,(rs1)");
}

/** A 32-bit atomic. Both operands are sign-extended, which keeps the order of unsigned words too. */
function amoWord(name: string, funct5: string, change: Binary): Instruction {
  return row(EXTENSION, name, "R", `${funct5} - - ..... ..... 010 ..... 0101111`, (o, a) => {
    const operand = o.bind(o.sext(o.x(a.rs2), 32));
    o.setX(a.rd, o.amo(o.x(a.rs1), 4, (old) => change(o, old, operand)));
  }, "rd,rs2,(rs1)");
}

function amoDouble(name: string, funct5: string, change: Binary): Instruction {
  return row(EXTENSION, name, "R", `${funct5} - - ..... ..... 011 ..... 0101111`, (o, a) => {
    const operand = o.bind(o.x(a.rs2));
    o.setX(a.rd, o.amo(o.x(a.rs1), 8, (old) => change(o, old, operand)));
  }, "rd,rs2,(rs1)");
}

const swap: Binary = (_o, _old, operand) => operand;
const add: Binary = (o, old, operand) => o.add(old, operand);
const xor: Binary = (o, old, operand) => o.xor(old, operand);
const and: Binary = (o, old, operand) => o.and(old, operand);
const or: Binary = (o, old, operand) => o.or(old, operand);
const min: Binary = (o, old, operand) => o.select(o.ltS(old, operand), old, operand);
const max: Binary = (o, old, operand) => o.select(o.ltS(old, operand), operand, old);
const minUnsigned: Binary = (o, old, operand) => o.select(o.ltU(old, operand), old, operand);
const maxUnsigned: Binary = (o, old, operand) => o.select(o.ltU(old, operand), operand, old);

/** Rows in the order of the specification. */
export const A: readonly Instruction[] = [
  loadReserved("lr.w", "010", 4),
  storeConditional("sc.w", "010", 4),
  amoWord("amoswap.w", "00001", swap),
  amoWord("amoadd.w", "00000", add),
  amoWord("amoxor.w", "00100", xor),
  amoWord("amoand.w", "01100", and),
  amoWord("amoor.w", "01000", or),
  amoWord("amomin.w", "10000", min),
  amoWord("amomax.w", "10100", max),
  amoWord("amominu.w", "11000", minUnsigned),
  amoWord("amomaxu.w", "11100", maxUnsigned),
  loadReserved("lr.d", "011", 8),
  storeConditional("sc.d", "011", 8),
  amoDouble("amoswap.d", "00001", swap),
  amoDouble("amoadd.d", "00000", add),
  amoDouble("amoxor.d", "00100", xor),
  amoDouble("amoand.d", "01100", and),
  amoDouble("amoor.d", "01000", or),
  amoDouble("amomin.d", "10000", min),
  amoDouble("amomax.d", "10100", max),
  amoDouble("amominu.d", "11000", minUnsigned),
  amoDouble("amomaxu.d", "11100", maxUnsigned),
];
