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

/** Bytes around a switch where its cases are looked for, and how many are taken. */
const LABELS_BEFORE = 1024;
const LABELS_BEHIND = 2048;
const MOST_LABELS = 64;

/** Bytes of the instruction that calls a function at a known distance. */
const CALL_LENGTH = 4;

/** An instruction at its place. */
export interface PlacedInstruction {
  /** Offset in the page. */
  readonly offset: number;
  /** The instruction. */
  readonly decoded: Decoded;
  /** Whether it is only done if the branch before it in its block is not taken, see `region_selection.ts`. Left out: no. */
  readonly isSelected?: boolean;
}

/** A run of instructions that is entered at its start and left at its end. */
export interface BasicBlock {
  /** Its instructions, at least one, but for a switch. */
  readonly instructions: readonly PlacedInstruction[];
  /** Offset in the page of the instruction behind the last one. */
  readonly end: number;
  /** A region's switch: goes to one of these offsets, or leaves. All blocks that end in one come here. */
  readonly targets: readonly number[] | undefined;
}

/** The blocks that a hot address leads to. */
export interface Region {
  /** Host-physical address of the page. */
  readonly page: HostPhysAddr;
  /** Blocks; the first one is the entry. All can be reached from it. */
  readonly blocks: readonly BasicBlock[];
  /** The block at an offset in the page that a block leads to; undefined: the region is left there. */
  successorAt(from: number, offset: number): number | undefined;
  /**
   * Whether its first instruction is where a function that calls itself comes back to, so that a return may lead there: one level after
   * the other, when many are left.
   */
  readonly returnsToItself: boolean;
  /** The block that is a switch. */
  readonly switchBlock: number | undefined;
  /** Mode that it is expected to run in. It is right in all others too. */
  readonly mode: Mode;
  /** Whether its small loops are unrolled, see `region_unroll.ts`. */
  readonly unrolls: boolean;
  /** Whether it has as many instructions as a region may have, so that there is more of it, as a rule. */
  readonly isCut: boolean;
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

/** Whether a block ends in a call. */
export function endsInCall({ instructions }: BasicBlock): boolean {
  const last = instructions.at(-1);
  return last !== undefined && isCall(last.decoded);
}

/** Whether an instruction is the jump of a switch: to a sum that the one before it computed, of a table's entry and its address. */
export function isSwitch(before: Decoded | undefined, { instruction: { name }, rd, rs1 }: Decoded): boolean {
  return name === "jalr" && rd === 0 && before?.instruction.name === "add" && before.rd === rs1;
}

/** Whether a block ends in a switch. */
export function endsInSwitch({ instructions }: BasicBlock): boolean {
  return instructions.length > 1 && isSwitch(instructions.at(-2)!.decoded, instructions.at(-1)!.decoded);
}

/** x1, ra: a jump to where it points without a link is a return (Unprivileged ISA, "Unconditional Jumps"). */
const RETURN_ADDRESS = 1;

/** Whether an instruction is a return. */
export function isReturn({ instruction: { name }, rd, rs1 }: Decoded): boolean {
  return name === "jalr" && rd === 0 && rs1 === RETURN_ADDRESS;
}

/** Whether a block ends in a return. */
export function endsInReturn({ instructions }: BasicBlock): boolean {
  const last = instructions.at(-1);
  return last !== undefined && isReturn(last.decoded);
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

/** Offset in the page of a region's first instruction. */
export function entryOf({ blocks }: Region): number {
  return blocks[0].instructions[0].offset;
}

/** Blocks that a block leads to, by its last instruction. */
export function successorsOf(region: Region, index: number): number[] {
  const block = region.blocks[index];
  const { instructions, end, targets } = block;
  if (targets !== undefined) return targets.map((offset) => region.successorAt(index, offset)!);
  if (endsInSwitch(block)) return region.switchBlock === undefined ? [] : [region.switchBlock];
  const last = instructions.at(-1)!;
  if (isReturn(last.decoded)) return region.returnsToItself ? [region.successorAt(index, entryOf(region))!] : [];
  const offsets = endsFlow(last.decoded) ? [followed(last)] : [followed(last), end];
  return offsets.map((offset) => region.successorAt(index, offset ?? -1)).filter((next) => next !== undefined);
}

/**
 * Finds the region of an address; undefined if nothing there can be translated.
 *
 * @param mode Mode that it is expected to run in
 * @param isCold Whether the instruction at a host-physical address should be left out
 * @param nextExecuted The first host-physical address from one on, before an end, whose instruction was executed; else the end
 */
export function discoverRegion(
  u16: Uint16Array,
  entry: HostPhysAddr,
  mode: Mode,
  isCold: (host: HostPhysAddr) => boolean = () => false,
  nextExecuted: (from: HostPhysAddr, end: HostPhysAddr) => HostPhysAddr = (_from, end) => end,
): Region | undefined {
  const page = entry - entry % PAGE_SIZE;
  const code: Code = { u16, page, isCold, nextExecuted };
  const { found, leaders, labels } = explore(code, entry % PAGE_SIZE);
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
    blocks.push({ instructions, end: at, targets: undefined });
    const last = instructions.at(-1)!;
    const target = followed(last);
    if (target !== undefined) add(target);
    if (!endsFlow(last.decoded)) add(at);
  };
  add(entry % PAGE_SIZE);
  labels.forEach(add);
  const targets = labels.filter((label) => blockAt.has(label));
  const switchBlock = targets.length > 0 ? blocks.length : undefined;
  if (switchBlock !== undefined) blocks.push({ instructions: [], end: -1, targets });
  return {
    page,
    blocks,
    successorAt: (_from, offset) => blockAt.get(offset),
    returnsToItself: comesBackToItself(code, entry % PAGE_SIZE),
    switchBlock,
    mode,
    unrolls: true,
    isCut: found.size >= MOST_INSTRUCTIONS,
  };
}

/** Whether the call before an offset is one of the function that it stands in: what is called leads to it. */
function comesBackToItself(code: Code, entry: number): boolean {
  const offset = entry - CALL_LENGTH;
  const decoded = decodeAt(code, offset);
  const start = decoded === undefined ? undefined : calleeOf({ offset, decoded });
  return start !== undefined && start <= offset && explore(code, start).found.has(offset);
}

/** Whether an instruction ends a block. */
export function isTerminator(decoded: Decoded): boolean {
  return decoded.instruction.format === "B" || isJump(decoded) || leavesRegion(decoded);
}

/** A page of code. */
interface Code {
  readonly u16: Uint16Array;
  readonly page: HostPhysAddr;
  isCold(host: HostPhysAddr): boolean;
  nextExecuted(from: HostPhysAddr, end: HostPhysAddr): HostPhysAddr;
}

/** Collects the instructions that can be reached, where blocks must start, and where switches may go. */
function explore(
  code: Code,
  entry: number,
): { found: Map<number, Decoded>; leaders: Set<number>; labels: readonly number[] } {
  const found = new Map<number, Decoded>();
  const leaders = new Set<number>([entry]);
  const work = [entry];
  let labels: readonly number[] = [];
  for (let start = work.shift(); start !== undefined; start = work.shift()) {
    let before: Decoded | undefined;
    for (let at = start; !found.has(at) && found.size < MOST_INSTRUCTIONS;) {
      const decoded = decodeAt(code, at);
      if (decoded === undefined || code.isCold(code.page + at)) break;
      found.set(at, decoded);
      if (labels.length === 0 && isSwitch(before, decoded)) labels = findLabels(code, at);
      const target = followed({ offset: at, decoded });
      for (const offset of target === undefined ? isSwitch(before, decoded) ? labels : [] : [target]) {
        if (offset < 0 || offset >= PAGE_SIZE) continue;
        leaders.add(offset);
        work.push(offset);
      }
      at += decoded.length;
      if (endsFlow(decoded)) break;
      if (isTerminator(decoded)) leaders.add(at);
      before = decoded;
    }
  }
  return { found, leaders, labels };
}

/** Offsets near a switch where code starts that was executed but is not come to from before it, as its cases are. */
function findLabels(code: Code, jump: number): readonly number[] {
  const labels: number[] = [];
  const { page } = code;
  const end = page + Math.min(PAGE_SIZE, jump + LABELS_BEHIND);
  let behindCode: HostPhysAddr | undefined;
  for (let at = page + Math.max(0, jump - LABELS_BEFORE); (at = code.nextExecuted(at, end)) < end;) {
    const decoded = decodeAt(code, at - page);
    if (decoded !== undefined && at !== behindCode) labels.push(at - page);
    at += decoded?.length ?? 2;
    behindCode = decoded === undefined || endsFlow(decoded) ? undefined : at;
  }
  return labels.sort((a, b) => Math.abs(a - jump) - Math.abs(b - jump)).slice(0, MOST_LABELS);
}

/** The instruction at an offset, if it lies in the page as a whole. */
function decodeAt({ u16, page }: Code, offset: number): Decoded | undefined {
  if (offset < 0 || offset >= PAGE_SIZE) return undefined;
  const first = u16[(page + offset) >>> 1];
  if ((first & 3) !== 3) return decode(first);
  return offset + 4 > PAGE_SIZE ? undefined : decode(first | u16[(page + offset + 2) >>> 1] << 16);
}
