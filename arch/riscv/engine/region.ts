/**
 * Regions: the code around a hot address, within one page, as basic blocks with their edges.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "../../../core/address.ts";
import type { Mode } from "../csr/plain.ts";
import { decode } from "../isa/decode.ts";
import type { Decoded } from "../isa/instruction.ts";

/** Instructions of a region at most: V8's optimising compiler takes more than linear time. */
const MOST_INSTRUCTIONS = 200;

/** An instruction at its place. */
export interface PlacedInstruction {
  /** Offset in the page. */
  readonly offset: number;
  /** The instruction. */
  readonly decoded: Decoded;
}

/** A run of instructions that is entered at its start and left at its end. */
export interface BasicBlock {
  /** Its instructions, at least one. */
  readonly instructions: readonly PlacedInstruction[];
  /** Offset in the page of the instruction behind the last one. */
  readonly end: number;
}

/** The blocks that a hot address leads to. */
export interface Region {
  /** Host-physical address of the page. */
  readonly page: HostPhysAddr;
  /** Blocks; the first one is the entry. All can be reached from it. */
  readonly blocks: readonly BasicBlock[];
  /** Block that starts at an offset in the page. */
  readonly blockAt: ReadonlyMap<number, number>;
  /** Mode that it is expected to run in. It is right in all others too. */
  readonly mode: Mode;
}

/** Where a branch or jump of known target goes, as an offset in the page; may lie outside of it. */
export function targetOf({ offset, decoded }: PlacedInstruction): number | undefined {
  const { format } = decoded.instruction;
  return format === "B" || format === "J" ? offset + decoded.imm : undefined;
}

function isJump({ instruction: { format, name } }: Decoded): boolean {
  return format === "J" || name === "jalr";
}

/** Whether an instruction leaves a return address behind: the region does not follow it, but goes on where it returns to. */
export function isCall(decoded: Decoded): boolean {
  return isJump(decoded) && decoded.rd !== 0;
}

/** Offset in the page of the code that a region goes on with at the target of a branch or jump. */
export function followed(placed: PlacedInstruction): number | undefined {
  return isCall(placed.decoded) ? undefined : targetOf(placed);
}

/** Offset in the page of the function that an instruction calls, if it lies in the same one. */
export function calleeOf(placed: PlacedInstruction): number | undefined {
  const target = isCall(placed.decoded) ? targetOf(placed) : undefined;
  return target !== undefined && target >= 0 && target < PAGE_SIZE ? target : undefined;
}

/** Whether an instruction may go anywhere, or change what is relied on about the code behind it: the region is left after it. */
export function leavesRegion({ instruction: { call, steady }, bits }: Decoded): boolean {
  return call !== undefined && steady?.(bits) !== true;
}

/** Whether a region never comes to what lies behind an instruction. */
export function endsFlow(decoded: Decoded): boolean {
  return isJump(decoded) && !isCall(decoded) || leavesRegion(decoded);
}

/**
 * Finds the region of an address; undefined if nothing there can be translated.
 *
 * @param mode Mode that it is expected to run in
 * @param isCold Whether the instruction at a host-physical address should be left out
 */
export function discoverRegion(
  u16: Uint16Array,
  entry: HostPhysAddr,
  mode: Mode,
  isCold: (host: HostPhysAddr) => boolean = () => false,
): Region | undefined {
  const page = entry - entry % PAGE_SIZE;
  const { found, leaders } = explore(u16, page, entry % PAGE_SIZE, isCold);
  if (!found.has(entry % PAGE_SIZE)) return undefined;
  const blocks: BasicBlock[] = [];
  const blockAt = new Map<number, number>();
  const add = (offset: number): void => {
    if (!found.has(offset) || blockAt.has(offset)) return;
    blockAt.set(offset, blocks.length);
    const instructions: PlacedInstruction[] = [];
    let at = offset;
    do {
      const decoded = found.get(at)!;
      instructions.push({ offset: at, decoded });
      at += decoded.length;
    } while (found.has(at) && !leaders.has(at) && !isTerminator(instructions.at(-1)!.decoded));
    blocks.push({ instructions, end: at });
    const last = instructions.at(-1)!;
    const target = followed(last);
    if (target !== undefined) add(target);
    if (!endsFlow(last.decoded)) add(at);
  };
  add(entry % PAGE_SIZE);
  return { page, blocks, blockAt, mode };
}

/** Whether an instruction ends a block. */
export function isTerminator(decoded: Decoded): boolean {
  return decoded.instruction.format === "B" || isJump(decoded) || leavesRegion(decoded);
}

/** Collects the instructions that can be reached, and where blocks must start. */
function explore(
  u16: Uint16Array,
  page: HostPhysAddr,
  entry: number,
  isCold: (host: HostPhysAddr) => boolean,
): { found: Map<number, Decoded>; leaders: Set<number> } {
  const found = new Map<number, Decoded>();
  const leaders = new Set<number>([entry]);
  const work = [entry];
  for (let start = work.shift(); start !== undefined; start = work.shift()) {
    for (let at = start; !found.has(at) && found.size < MOST_INSTRUCTIONS;) {
      const decoded = decodeAt(u16, page, at);
      if (decoded === undefined || isCold(page + at)) break;
      found.set(at, decoded);
      const target = followed({ offset: at, decoded });
      if (target !== undefined && target >= 0 && target < PAGE_SIZE) {
        leaders.add(target);
        work.push(target);
      }
      at += decoded.length;
      if (endsFlow(decoded)) break;
      if (isTerminator(decoded)) leaders.add(at);
    }
  }
  return { found, leaders };
}

/** The instruction at an offset, if it lies in the page as a whole. */
function decodeAt(u16: Uint16Array, page: HostPhysAddr, offset: number): Decoded | undefined {
  if (offset < 0 || offset >= PAGE_SIZE) return undefined;
  const first = u16[(page + offset) >>> 1];
  if ((first & 3) !== 3) return decode(first);
  return offset + 4 > PAGE_SIZE ? undefined : decode(first | u16[(page + offset + 2) >>> 1] << 16);
}
