/**
 * Which accesses of a region are likely to stay in the page of the access before: those are worth remembering the page for.
 *
 * @module
 */
import { findLoops, type Loop } from "../../../core/engine/flow.ts";
import { accessOf, registersRead, registerWritten } from "./footprint.ts";
import { type BasicBlock, isCall, type PlacedInstruction, type Region } from "./region.ts";
import type { RegionFlow } from "./region_flow.ts";

/** How the page of an access is found. */
export const Locality = {
  /** In the translation table. */
  NONE: 0,
  /** Likely the page of the last access: if not, in the table. */
  LIKELY: 1,
  /** Almost surely the page of the last access: if not, in a shared function. */
  SURE: 2,
} as const;

/** Remembered pages at most: each takes two locals. */
const MOST_PAGES = 8;

/** Accesses by one unchanged register in straight code that make its page worth remembering. */
const WORTH_A_GROUP = 3;

/** What {@link planLocality} finds. */
export interface LocalityPlan {
  /** The pages to remember, by {@link pageKey}. */
  readonly keys: readonly number[];
  /** The locality of an instruction's access. */
  localityOf(placed: PlacedInstruction): number;
}

/** Names the page that loads, or stores, by one base register go to. */
export function pageKey(kind: "load" | "store", base: number): number {
  return kind === "load" ? base : 32 + base;
}

/** Decides about the accesses of a region. */
export function planLocality({ blocks }: Region, { graph, flow }: RegionFlow): LocalityPlan {
  const localities = new Map<PlacedInstruction, number>();
  const weights = new Map<number, number>();
  const note = (placed: PlacedInstruction, locality: number, weight: number): void => {
    const { kind, key } = keyOf(placed);
    if (kind === undefined || locality === Locality.NONE) return;
    localities.set(placed, locality);
    weights.set(key, (weights.get(key) ?? 0) + weight);
  };
  const loops = findLoops(graph, flow).filter(({ body }) => ![...body].some((block) => forgets(blocks[block])));
  blocks.forEach((block, index) => {
    const around = loops.filter(({ body }) => body.has(index));
    if (around.length === 0) {
      for (const group of groupsOf(block)) group.forEach((placed) => note(placed, Locality.SURE, 1));
    } else {
      for (const placed of block.instructions) {
        note(placed, localityInLoop(blocks, around[0], placed), 8 ** Math.min(around.length, 4));
      }
    }
  });
  const keys = [...weights.keys()].sort((a, b) => weights.get(b)! - weights.get(a)!).slice(0, MOST_PAGES);
  return {
    keys,
    localityOf: (placed) => keys.includes(keyOf(placed).key) ? localities.get(placed) ?? Locality.NONE : Locality.NONE,
  };
}

function keyOf({ decoded }: PlacedInstruction): { kind: "load" | "store" | undefined; key: number } {
  const kind = accessOf(decoded);
  return { kind, key: kind === undefined ? -1 : pageKey(kind, decoded.rs1) };
}

/** Whether no page is remembered behind a block: it calls, or executes what is TypeScript. */
function forgets({ instructions }: BasicBlock): boolean {
  return isCall(instructions.at(-1)!.decoded) ||
    instructions.some(({ decoded }) => decoded.instruction.run === undefined);
}

/** By what happens to the base register in the loop: kept or moved by constants, computed, or itself loaded. */
function localityInLoop(blocks: readonly BasicBlock[], { body }: Loop, { decoded }: PlacedInstruction): number {
  const base = 1 << decoded.rs1;
  let locality: number = Locality.SURE;
  for (const block of body) {
    for (const { decoded: other } of blocks[block].instructions) {
      if (registerWritten(other) !== base) continue;
      if (accessOf(other) === "load") return Locality.NONE;
      const moves = other.instruction.name === "addi" && registersRead(other) === base;
      if (!moves) locality = Locality.LIKELY;
    }
  }
  return locality;
}

/** Runs of accesses by one register that nothing changes in between, long enough to be worth it. */
function groupsOf({ instructions }: BasicBlock): PlacedInstruction[][] {
  const open = new Map<number, PlacedInstruction[]>();
  const groups: PlacedInstruction[][] = [];
  for (const placed of instructions) {
    const { kind, key } = keyOf(placed);
    if (kind !== undefined) {
      if (!open.has(key)) {
        const group: PlacedInstruction[] = [];
        open.set(key, group);
        groups.push(group);
      }
      open.get(key)!.push(placed);
    }
    const written = registerWritten(placed.decoded);
    for (const other of open.keys()) if (1 << other % 32 === written) open.delete(other);
  }
  return groups.filter(({ length }) => length >= WORTH_A_GROUP);
}
