/**
 * What a region's control flow says before code is made of it: successors, which registers are needed where, and where the budget must
 * be looked at.
 *
 * @module
 */
import {
  analyseFlow,
  type ControlFlowGraph,
  findLoops,
  type Flow,
  heaviestPaths,
  type Loop,
} from "../../../core/engine/flow.ts";
import { registersRead, registerWritten } from "./footprint.ts";
import { findWords } from "./region_words.ts";
import { type BasicBlock, endsInCall, type Region, successorsOf } from "./region.ts";
import { isPlainLoop, MOST_UNROLLED } from "./region_unroll.ts";

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
  /** x registers of which memory need not be told at the start of a block, if control joins there: one bit each. */
  readonly kept: readonly number[];
  /** Steps of the longest way from a block to the next one that looks at the budget; undefined for blocks that do not look. */
  readonly stepsToCheck: readonly (number | undefined)[];
}

/** Analyses a region. */
export function analyseRegion(region: Region): RegionFlow {
  const { blocks } = region;
  const graph = blocks.map((_, index) => successorsOf(region, index));
  const flow = analyseFlow(graph);
  const checks = new Set<number>([0, ...flow.headers]);
  blocks.forEach((block, index) => {
    const behind = region.successorAt(index, block.end);
    if (behind !== undefined && endsInCall(block)) checks.add(behind);
  });
  const uses = blocks.map(usesOf);
  const needed = neededRegisters(uses, graph, flow);
  const kept = keptInLoops(blocks, findLoops(graph, flow), needed);
  const steps = heaviestPaths(graph, flow, blocks.map(({ instructions }) => instructions.length), checks);
  return {
    graph,
    flow,
    needed: neededRegisters(uses, graph, flow, kept),
    words: findWords(blocks, graph, flow),
    kept,
    stepsToCheck: steps.map((count, block) => checks.has(block) ? count : undefined),
  };
}

/**
 * Small inner loops do not tell memory what they carry from round to round until they are left: every way out has to store it.
 */
function keptInLoops(blocks: readonly BasicBlock[], loops: readonly Loop[], needed: readonly number[]): number[] {
  const kept = blocks.map(() => 0);
  for (const loop of loops) {
    const { header, body } = loop;
    const instructions = [...body].flatMap((block) => blocks[block].instructions);
    if (!isPlainLoop(blocks, loop, loops) || instructions.length > MOST_UNROLLED) continue;
    const written = instructions.reduce((registers, { decoded }) => registers | registerWritten(decoded), 0);
    for (const block of body) kept[block] = written & needed[header];
  }
  return kept;
}

/** What a block does to x registers, one bit each. */
interface Uses {
  /** Read before they are written. */
  readonly reads: number;
  /** Written; all, if it ends in a call. */
  readonly writes: number;
}

/** Outside of the region, and in what it calls, registers are read from memory. */
function usesOf(block: BasicBlock): Uses {
  let reads = 0;
  let writes = 0;
  for (const { decoded, isSelected } of block.instructions) {
    const written = registerWritten(decoded);
    reads |= (registersRead(decoded) | (isSelected ? written : 0)) & ~writes;
    writes |= written;
  }
  return { reads, writes: endsInCall(block) ? -1 : writes };
}

/** Backward data flow. */
function neededRegisters(
  uses: readonly Uses[],
  graph: ControlFlowGraph,
  { order }: Flow,
  kept?: readonly number[],
): number[] {
  const needed = uses.map(({ reads }, block) => kept === undefined ? reads : reads | kept[block]);
  const backwards = [...order.keys()].sort((a, b) => order[b] - order[a]);
  for (let changed = true; changed;) {
    changed = false;
    for (const block of backwards) {
      let after = 0;
      for (const next of graph[block]) after |= needed[next];
      const now = needed[block] | after & ~uses[block].writes;
      changed ||= now !== needed[block];
      needed[block] = now;
    }
  }
  return needed;
}
