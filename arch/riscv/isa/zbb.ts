/**
 * Zbb: basic bit manipulation (Unprivileged ISA, "B Extension for Bit Manipulation", Zbb).
 *
 * @module
 */
import type { Instruction, Ops } from "./instruction.ts";
import { type Binary, not, op, op32, shiftImm, shiftImm32, unary } from "./row.ts";

const EXTENSION = "zbb";
const OP_IMM = "0010011";
const OP_IMM_32 = "0011011";

/** The low word twice: rotating that by n modulo 64 leaves the word rotated by n modulo 32 in the low half. */
function twice<V>(o: Ops<V>, x: V): V {
  const word = o.bind(o.zext(x, 32));
  return o.or(word, o.shl(word, o.constant(32n)));
}

/** Ones in every byte that is not zero. */
function fillBytes<V>(o: Ops<V>, x: V): V {
  const value = o.bind(x);
  const low = o.constant(0x7f7f7f7f_7f7f7f7fn);
  // Bit 7 of each byte: set if the byte's low seven bits carry into it or it was set.
  const carried = o.or(o.add(o.and(value, low), low), value);
  const top = o.bind(o.and(carried, o.constant(0x80808080_80808080n)));
  return o.or(top, o.sub(top, o.shrU(top, o.constant(7n))));
}

/** Swaps neighbouring groups of `amount` bits; `mask` covers the lower group of each pair. */
function swapGroups<V>(o: Ops<V>, x: V, amount: bigint, mask: bigint): V {
  const value = o.bind(x);
  const down = o.and(o.shrU(value, o.constant(amount)), o.constant(mask));
  return o.or(down, o.shl(o.and(value, o.constant(mask)), o.constant(amount)));
}

function reverseBytes<V>(o: Ops<V>, x: V): V {
  const halves = swapGroups(o, x, 8n, 0x00ff00ff_00ff00ffn);
  return o.rotl(swapGroups(o, halves, 16n, 0x0000ffff_0000ffffn), o.constant(32n));
}

const signed: Binary = (o, x, y) => o.ltS(x, y);
const unsigned: Binary = (o, x, y) => o.ltU(x, y);

function smaller(before: Binary): Binary {
  return (o, x, y) => {
    const left = o.bind(x);
    const right = o.bind(y);
    return o.select(before(o, left, right), left, right);
  };
}

function larger(before: Binary): Binary {
  return (o, x, y) => {
    const left = o.bind(x);
    const right = o.bind(y);
    return o.select(before(o, left, right), right, left);
  };
}

/** Rows in the order of the specification. */
export const ZBB: readonly Instruction[] = [
  op(EXTENSION, "andn", "0100000 111", (o, x, y) => o.and(x, not(o, y))),
  op(EXTENSION, "orn", "0100000 110", (o, x, y) => o.or(x, not(o, y))),
  op(EXTENSION, "xnor", "0100000 100", (o, x, y) => not(o, o.xor(x, y))),
  unary(EXTENSION, "clz", `011000000000 001 ${OP_IMM}`, (o, x) => o.clz(x)),
  unary(EXTENSION, "clzw", `011000000000 001 ${OP_IMM_32}`, (o, x) => o.sub(o.clz(o.zext(x, 32)), o.constant(32n))),
  unary(EXTENSION, "ctz", `011000000001 001 ${OP_IMM}`, (o, x) => o.ctz(x)),
  unary(EXTENSION, "ctzw", `011000000001 001 ${OP_IMM_32}`, (o, x) => o.ctz(o.or(x, o.constant(1n << 32n)))),
  unary(EXTENSION, "cpop", `011000000010 001 ${OP_IMM}`, (o, x) => o.popcount(x)),
  unary(EXTENSION, "cpopw", `011000000010 001 ${OP_IMM_32}`, (o, x) => o.popcount(o.zext(x, 32))),
  op(EXTENSION, "max", "0000101 110", larger(signed)),
  op(EXTENSION, "maxu", "0000101 111", larger(unsigned)),
  op(EXTENSION, "min", "0000101 100", smaller(signed)),
  op(EXTENSION, "minu", "0000101 101", smaller(unsigned)),
  unary(EXTENSION, "sext.b", `011000000100 001 ${OP_IMM}`, (o, x) => o.sext(x, 8)),
  unary(EXTENSION, "sext.h", `011000000101 001 ${OP_IMM}`, (o, x) => o.sext(x, 16)),
  unary(EXTENSION, "zext.h", "000010000000 100 0111011", (o, x) => o.zext(x, 16)),
  op(EXTENSION, "rol", "0110000 001", (o, x, y) => o.rotl(x, y)),
  op32(EXTENSION, "rolw", "0110000 001", (o, x, y) => o.sext(o.rotl(twice(o, x), y), 32)),
  op(EXTENSION, "ror", "0110000 101", (o, x, y) => o.rotr(x, y)),
  shiftImm(EXTENSION, "rori", "011000 101", (o, x, y) => o.rotr(x, y)),
  shiftImm32(EXTENSION, "roriw", "0110000 101", (o, x, y) => o.sext(o.rotr(twice(o, x), y), 32)),
  op32(EXTENSION, "rorw", "0110000 101", (o, x, y) => o.sext(o.rotr(twice(o, x), y), 32)),
  unary(EXTENSION, "orc.b", `001010000111 101 ${OP_IMM}`, (o, x) => fillBytes(o, x)),
  unary(EXTENSION, "rev8", `011010111000 101 ${OP_IMM}`, (o, x) => reverseBytes(o, x)),
];
