/**
 * Which registers hold sign-extended words (Unprivileged ISA, "RV64I Base Integer Instruction Set") at the start of each block of a region.
 *
 * @module
 */
import type { ControlFlowGraph, Flow } from "../../../core/engine/flow.ts";
import { registerWritten, writesWord } from "./footprint.ts";
import { type BasicBlock, endsInCall } from "./region.ts";

/**
 * Forward data flow: what holds on every way to a block.
 *
 * @returns sets of registers by block, one bit each
 */
export function findWords(blocks: readonly BasicBlock[], graph: ControlFlowGraph, { order }: Flow): number[] {
  const atStart = blocks.map((_, block): number => block === 0 ? 0 : -1);
  const sequence = [...order.keys()].sort((a, b) => order[a] - order[b]);
  for (let changed = true; changed;) {
    changed = false;
    for (const block of sequence) {
      const atEnd = wordsAfter(blocks[block], atStart[block]);
      for (const next of graph[block]) {
        const both = atStart[next] & atEnd;
        changed ||= both !== atStart[next];
        atStart[next] = both;
      }
    }
  }
  return atStart;
}

/** What a block makes of the set. */
function wordsAfter(block: BasicBlock, before: number): number {
  let words = before & ~1;
  for (const { decoded, isSelected } of block.instructions) {
    const written = registerWritten(decoded);
    if (!writesWord(decoded, words)) words &= ~written;
    else if (!isSelected) words |= written;
  }
  // Registers come from memory behind a call.
  return endsInCall(block) ? 0 : words;
}
