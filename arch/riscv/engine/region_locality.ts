/**
 * Which accesses of a region are likely to stay in the page of the access before: those are worth remembering the page for.
 *
 * @module
 */
import { findLoops, type Loop } from "../../../core/engine/flow.ts";
import type { Decoded } from "../isa/instruction.ts";
import { accessOf, registerWritten } from "./footprint.ts";
import { type BasicBlock, endsInCall, type PlacedInstruction, type Region } from "./region.ts";
import type { RegionFlow } from "./region_flow.ts";

/** How likely an access goes to the remembered page. */
export const Locality = {
  /** Likely: if not, the page is found in the translation table. */
  LIKELY: 0,
  /** Almost surely: if not, a shared function finds it. */
  SURE: 1,
  /** Hardly ever: the page is found in the translation table, and remembered for accesses that follow. */
  NEW: 2,
} as const;

/** Remembered pages at most: each takes two locals. */
const MOST_PAGES = 8;

/** Bytes by which a base register may move between two accesses that almost surely lie in one page. */
const SHORT_STEP = 64;

/** Accesses by one unchanged register in straight code that make its page worth remembering. */
const WORTH_A_GROUP = 2;

/** Where an access looks first. */
export interface PageChoice {
  /** Name of the remembered page. */
  readonly key: number;
  /** A {@link Locality}. */
  readonly locality: number;
}

/** What {@link planLocality} finds. */
export interface LocalityPlan {
  /** The pages to remember. */
  readonly keys: readonly number[];
  /** The page that an instruction's access looks at; undefined: none. */
  pageOf(placed: PlacedInstruction): PageChoice | undefined;
}

/** Decides about the accesses of a region. */
export function planLocality({ blocks }: Region, { graph, flow }: RegionFlow): LocalityPlan {
  const choices = new Map<PlacedInstruction, PageChoice>();
  const weights = new Map<number, number>();
  const note = (placed: PlacedInstruction, choice: PageChoice, weight: number): void => {
    choices.set(placed, choice);
    weights.set(choice.key, (weights.get(choice.key) ?? 0) + weight);
  };
  const loops = findLoops(graph, flow).filter(({ body }) => ![...body].some((block) => forgets(blocks[block])));
  blocks.forEach((block, index) => {
    const around = loops.filter(({ body }) => body.has(index));
    if (around.length === 0) {
      for (const [key, group] of groupsOf(block)) {
        for (const placed of group) note(placed, { key, locality: Locality.SURE }, 1);
      }
    } else {
      const weight = 8 ** Math.min(around.length, 4);
      for (const placed of block.instructions) {
        const choice = choiceInLoop(blocks, around[0], block, placed);
        if (choice !== undefined) note(placed, choice, weight);
      }
      for (const [, group] of groupsOf(block)) {
        if (choices.has(group[0])) continue;
        const key = keyOfPlace(accessOf(group[0].decoded)!, group[0].offset);
        group.forEach((placed, index) => {
          note(placed, { key, locality: index === 0 ? Locality.NEW : Locality.SURE }, weight);
        });
      }
    }
  });
  const keys = [...weights.keys()].sort((a, b) => weights.get(b)! - weights.get(a)!).slice(0, MOST_PAGES);
  return {
    keys,
    pageOf: (placed) => {
      const choice = choices.get(placed);
      return choice !== undefined && keys.includes(choice.key) ? choice : undefined;
    },
  };
}

/** Names of pages by what decides about them: the kind of access, and a base register, or the place where one is computed. */
const KINDS = { load: 0, store: 1 } as const;

function keyOfBase(kind: "load" | "store", base: number): number {
  return base * 2 + KINDS[kind];
}

function keyOfPlace(kind: "load" | "store", offset: number): number {
  return keyOfBase(kind, 32 + offset);
}

/** By what happens to the base register in the loop: kept or moved in short steps, moved far or computed, or itself loaded. */
function choiceInLoop(
  blocks: readonly BasicBlock[],
  { body }: Loop,
  block: BasicBlock,
  placed: PlacedInstruction,
): PageChoice | undefined {
  const kind = accessOf(placed.decoded);
  if (kind === undefined) return undefined;
  const { rs1 } = placed.decoded;
  const base = 1 << rs1;
  const computes = ({ instruction: { name }, imm, ...other }: Decoded): boolean => {
    return name !== "addi" || other.rs1 !== rs1 || Math.abs(imm) > SHORT_STEP;
  };
  // A register may be computed at several places, for several things.
  const before = block.instructions.slice(0, block.instructions.indexOf(placed));
  const place = before.findLast(({ decoded }) => registerWritten(decoded) === base);
  if (place !== undefined && computes(place.decoded)) {
    if (accessOf(place.decoded) === "load") return undefined;
    return { key: keyOfPlace(kind, place.offset), locality: Locality.LIKELY };
  }
  let isComputed = false;
  for (const index of body) {
    for (const { decoded: other } of blocks[index].instructions) {
      if (registerWritten(other) !== base) continue;
      if (accessOf(other) === "load") return undefined;
      isComputed ||= computes(other);
    }
  }
  if (!isComputed) return { key: keyOfBase(kind, rs1), locality: Locality.SURE };
  const key = place === undefined ? keyOfBase(kind, rs1) : keyOfPlace(kind, place.offset);
  return { key, locality: Locality.LIKELY };
}

/** Runs of accesses by one register that nothing changes in between, long enough to be worth it, with the names of their pages. */
function groupsOf({ instructions }: BasicBlock): [number, PlacedInstruction[]][] {
  const open = new Map<number, PlacedInstruction[]>();
  const groups: [number, PlacedInstruction[]][] = [];
  for (const placed of instructions) {
    const kind = accessOf(placed.decoded);
    if (kind !== undefined) {
      const key = keyOfBase(kind, placed.decoded.rs1);
      if (!open.has(key)) {
        const group: PlacedInstruction[] = [];
        open.set(key, group);
        groups.push([key, group]);
      }
      open.get(key)!.push(placed);
    }
    const written = registerWritten(placed.decoded);
    for (const key of open.keys()) if (1 << (key >> 1) === written) open.delete(key);
  }
  return groups.filter(([, group]) => group.length >= WORTH_A_GROUP);
}

/** Whether no page is remembered behind a block: it calls, or executes what is TypeScript. */
function forgets(block: BasicBlock): boolean {
  return endsInCall(block) || block.instructions.some(({ decoded }) => decoded.instruction.run === undefined);
}
