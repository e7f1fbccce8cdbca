/**
 * What a region's control flow says before code is made of it: successors, which registers are needed where, and where the budget must
 * be looked at.
 *
 * @module
 */
import { analyseFlow, type ControlFlowGraph, type Flow, heaviestPaths } from "../../../core/engine/flow.ts";
import { registersRead, registerWritten } from "./footprint.ts";
import { findWords } from "./region_words.ts";
import { type BasicBlock, endsFlow, followed, isCall, type Region } from "./region.ts";

/** The analysis of a region; blocks are named by their index. */
export interface RegionFlow {
  /** Successors of each block. */
  readonly graph: ControlFlowGraph;
  /** Order, dominators, loops. */
  readonly flow: Flow;
  /** x registers whose value each block, or what follows it before the next call, reads before it is written: one bit each. */
  readonly needed: readonly number[];
  /** x registers that hold sign-extended words wherever control comes from: one bit each. */
  readonly words: readonly number[];
  /** Steps of the longest way from a block to the next one that looks at the budget; undefined for blocks that do not look. */
  readonly stepsToCheck: readonly (number | undefined)[];
}

/** Analyses a region. */
export function analyseRegion(region: Region): RegionFlow {
  const { blocks } = region;
  const graph = blocks.map((block) => successorsOf(region, block));
  const flow = analyseFlow(graph);
  const checks = new Set<number>([0, ...flow.headers]);
  for (const { instructions, end } of blocks) {
    const behind = region.blockAt.get(end);
    if (behind !== undefined && isCall(instructions.at(-1)!.decoded)) checks.add(behind);
  }
  const steps = heaviestPaths(graph, flow, blocks.map(({ instructions }) => instructions.length), checks);
  return {
    graph,
    flow,
    needed: neededRegisters(blocks, graph, flow),
    words: findWords(blocks, graph, flow),
    stepsToCheck: steps.map((count, block) => checks.has(block) ? count : undefined),
  };
}

/** Blocks that a block leads to, by its last instruction. */
function successorsOf({ blockAt }: Region, { instructions, end }: BasicBlock): number[] {
  const last = instructions.at(-1)!;
  const offsets = endsFlow(last.decoded) ? [followed(last)] : [followed(last), end];
  return offsets.map((offset) => blockAt.get(offset ?? -1)).filter((block) => block !== undefined);
}

/** Backward data flow. Outside of the region, and in what it calls, registers are read from memory. */
function neededRegisters(blocks: readonly BasicBlock[], graph: ControlFlowGraph, { order }: Flow): number[] {
  const reads = blocks.map(() => 0);
  const writes = blocks.map(() => 0);
  blocks.forEach(({ instructions }, block) => {
    for (const { decoded } of instructions) {
      reads[block] |= registersRead(decoded) & ~writes[block];
      writes[block] |= registerWritten(decoded);
    }
    if (isCall(instructions.at(-1)!.decoded)) writes[block] = -1;
  });
  const needed = [...reads];
  const backwards = [...order.keys()].sort((a, b) => order[b] - order[a]);
  for (let changed = true; changed;) {
    changed = false;
    for (const block of backwards) {
      const after = graph[block].reduce((registers, next) => registers | needed[next], 0);
      const now = reads[block] | after & ~writes[block];
      changed ||= now !== needed[block];
      needed[block] = now;
    }
  }
  return needed;
}
