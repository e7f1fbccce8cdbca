/**
 * Pairs of instructions that are simpler to do as one: a shift to the left and back, by which code for the base set extends bytes,
 * halfwords and words (Unprivileged ISA, "RV64I Base Integer Instruction Set", "B" Extension, `zext.w` and `sext.b`).
 *
 * @module
 */
import type { Decoded, Instruction } from "../isa/instruction.ts";

const XLEN = 64;

/**
 * What two instructions that follow each other do, if there is a simpler way. Neither of them can trap, and what is between them nobody
 * sees. The operands are those of the first one.
 */
export function fuse(first: Decoded, second: Decoded): Instruction["run"] {
  const { name } = second.instruction;
  if (first.instruction.name !== "slli" || name !== "srli" && name !== "srai") return undefined;
  if (second.rs1 !== first.rd || second.rd !== first.rd || first.rd === 0) return undefined;
  const bits = XLEN - first.imm;
  if (bits !== 8 && bits !== 16 && bits !== 32) return undefined;
  const by = second.imm - first.imm;
  return (o, a) => {
    const value = o.x(a.rs1);
    const extended = name === "srli" ? o.zext(value, bits) : o.sext(value, bits);
    const distance = o.constant(BigInt(Math.abs(by)));
    const shiftBack = name === "srli" ? o.shrU : o.shrS;
    o.setX(a.rd, by < 0 ? o.shl(extended, distance) : shiftBack.call(o, extended, distance));
  };
}
