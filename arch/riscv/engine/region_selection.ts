/**
 * If-conversion: a branch over a few instructions that only compute becomes a selection between what they compute and what was there
 * before, so that the host has nothing to guess (J. R. Allen, K. Kennedy, C. Porterfield, J. Warren, "Conversion of Control Dependence
 * to Data Dependence", POPL 1983). The base set has no instruction that selects, so compilers write such branches.
 *
 * @module
 */
import { isSelectable } from "./footprint.ts";
import { type BasicBlock, type PlacedInstruction, type Region, successorsOf } from "./region.ts";

/** Instructions that a selection does in vain at most. */
const MOST_SELECTED = 3;

/** How many instructions behind the one at `index` are only done if that one, a branch, is not taken. */
export function selectedBehind(instructions: readonly PlacedInstruction[], index: number): number {
  let count = 0;
  while (instructions[index + 1 + count]?.isSelected) count++;
  return count;
}

/** The region with what short branches skip made part of the block that the branch ends; the same one if there is none. */
export function selectBranches(region: Region): Region {
  const { blocks, switchBlock } = region;
  const bodies = bodiesOf(region);
  if (bodies.size === 0) return region;
  const absorbed = new Set(bodies.values());
  const kept = [...blocks.keys()].filter((index) => !absorbed.has(index));
  const placeOf = new Map(kept.map((index, place) => [index, place]));
  return {
    ...region,
    blocks: kept.map((index) => withBody(blocks[index], blocks[bodies.get(index) ?? -1])),
    successorAt: (from, offset) => {
      const next = region.successorAt(kept[from], offset);
      return next === undefined ? undefined : placeOf.get(next);
    },
    switchBlock: switchBlock === undefined ? undefined : placeOf.get(switchBlock),
  };
}

/** The block that each block's branch skips, if that can be selected. */
function bodiesOf(region: Region): Map<number, number> {
  const graph = region.blocks.map((_, index) => successorsOf(region, index));
  const comeFrom = graph.map(() => 0);
  for (const next of graph.flat()) comeFrom[next]++;
  const bodies = new Map<number, number>();
  graph.forEach((successors, index) => {
    if (successors.length !== 2 || !endsInBranch(region.blocks[index])) return;
    const [behind, body] = successors;
    const { instructions } = region.blocks[body];
    // Entered by the branch alone, and nowhere to go but to where the branch goes.
    if (body === 0 || comeFrom[body] !== 1 || graph[body][0] !== behind) return;
    const isShort = instructions.length <= MOST_SELECTED;
    if (isShort && instructions.every(({ decoded }) => isSelectable(decoded))) bodies.set(index, body);
  });
  return bodies;
}

function endsInBranch({ instructions }: BasicBlock): boolean {
  return instructions.at(-1)?.decoded.instruction.format === "B";
}

function withBody(block: BasicBlock, body: BasicBlock | undefined): BasicBlock {
  if (body === undefined) return block;
  const selected = body.instructions.map((placed) => ({ ...placed, isSelected: true }));
  return { ...block, instructions: [...block.instructions, ...selected], end: body.end };
}
