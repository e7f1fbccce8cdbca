/**
 * The value that an atomic instruction writes, taken from its row: for atomics on devices, which are a read, this, and a write.
 *
 * @module
 */
import { decode } from "../isa/decode.ts";
import type { Ops } from "../isa/instruction.ts";
import { BigintArithmetic } from "./bigint_arithmetic.ts";

/**
 * Evaluates the change that an AMO makes.
 *
 * @param bits Encoding of the instruction
 * @param old What memory holds, sign-extended from the access's width
 * @param operand Value of rs2
 */
export function evaluateAmo(bits: number, old: bigint, operand: bigint): bigint {
  let written = 0n;
  const probe = Object.assign(new BigintArithmetic(), {
    x: () => operand,
    setX: () => {},
    amo: (_address: bigint, _size: 4 | 8, change: (old: bigint) => bigint) => {
      written = change(BigInt.asUintN(64, old));
      return old;
    },
  }) as unknown as Ops<bigint>;
  const operands = {
    rd: { field: "rd" },
    rs1: { field: "rs1" },
    rs2: { field: "rs2" },
    rs3: { field: "rs3" },
    imm: 0n,
  } as const;
  decode(bits)?.instruction.run?.(probe, operands);
  return written;
}
