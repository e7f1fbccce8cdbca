/**
 * Zicbop: prefetches (Unprivileged ISA, "Cache-Block Prefetch Instructions").
 *
 * @module
 */
import type { Instruction } from "./instruction.ts";
import { row } from "./row.ts";

/** A prefetch is a hint. There is no cache to fill, and it must not trap, so it does nothing. */
function prefetch(name: string, kind: string): Instruction {
  return row("zicbop", name, "S", `....... ${kind} ..... 110 00000 0010011`, () => {}, "imm(rs1)");
}

/** Rows in the order of the specification. */
export const ZICBO: readonly Instruction[] = [
  prefetch("prefetch.i", "00000"),
  prefetch("prefetch.r", "00001"),
  prefetch("prefetch.w", "00011"),
];
