/**
 * Small loops without forks, several rounds in a row: what has to be done once a round (a look at the budget, telling memory of registers
 * that are overwritten in the next one) is done once in several. Loops that fork gain less than their code costs to compile.
 *
 * @module
 */
import { analyseFlow, findLoops, isInnermost, type Loop } from "../../../core/engine/flow.ts";
import { type BasicBlock, isCall, type Region, successorsOf } from "./region.ts";

/** Instructions of all rounds together, at most. */
export const MOST_UNROLLED = 128;

/** Rounds at most. */
const MOST_ROUNDS = 4;

/** Whether a loop has neither loops, nor calls, nor instructions that are TypeScript, nor a switch: its registers may wait for its end. */
export function isPlainLoop(blocks: readonly BasicBlock[], loop: Loop, loops: readonly Loop[]): boolean {
  return isInnermost(loop, loops) &&
    [...loop.body].every((index) => {
      const { instructions, targets } = blocks[index];
      return targets === undefined &&
        instructions.every(({ decoded }) => decoded.instruction.run !== undefined && !isCall(decoded));
    });
}

/** The region with its small loops unrolled that no branch forks; the same one if there is none. */
export function unrollLoops(region: Region): Region {
  if (!region.unrolls) return region;
  const graph = region.blocks.map((_, index) => successorsOf(region, index));
  const flow = analyseFlow(graph);
  if (flow.headers.size === 0) return region;
  const loops = findLoops(graph, flow);
  return loops.reduce((result, loop) => {
    const isFork = (index: number): boolean => graph[index].filter((next) => loop.body.has(next)).length > 1;
    if (!isPlainLoop(region.blocks, loop, loops) || [...loop.body].some(isFork)) return result;
    const size = [...loop.body].reduce((sum, index) => sum + region.blocks[index].instructions.length, 0);
    const rounds = Math.min(MOST_ROUNDS, Math.floor(MOST_UNROLLED / size));
    return rounds < 2 ? result : repeat(result, loop, rounds);
  }, region);
}

/** Adds copies of a loop's blocks for further rounds: each round goes on in the next one, the last one in the first. */
function repeat(region: Region, { header, body }: Loop, rounds: number): Region {
  const originals = [...body];
  const first = region.blocks.length;
  const copies: BasicBlock[] = [];
  for (let round = 1; round < rounds; round++) copies.push(...originals.map((index) => ({ ...region.blocks[index] })));
  const inRound = (index: number, round: number): number => {
    return round % rounds === 0 ? index : first + (round - 1) * originals.length + originals.indexOf(index);
  };
  return {
    ...region,
    blocks: [...region.blocks, ...copies],
    successorAt: (from, offset) => {
      const isCopy = from >= first && from < first + copies.length;
      const of = isCopy ? originals[(from - first) % originals.length] : from;
      const next = region.successorAt(of, offset);
      if (next === undefined || !body.has(of) || !body.has(next)) return next;
      const round = isCopy ? Math.floor((from - first) / originals.length) + 1 : 0;
      return inRound(next, next === header ? round + 1 : round);
    },
  };
}
