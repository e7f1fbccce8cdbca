/**
 * Where a region should start, for an address that was found hot: where execution came in, or comes back to, as far as decoded records tell.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "../../../core/address.ts";
import { decode } from "../isa/decode.ts";
import type { Decoded } from "../isa/instruction.ts";
import { isRow, LENGTH_SHIFT, Operation, OPERATION_MASK } from "./record.ts";
import { followed, isCall, isTerminator, type Region } from "./region.ts";
import { discoverKnown, type KnownCode } from "./region_plan.ts";

/** Instructions to go back at most. */
const MOST_STEPS_BACK = 64;

/** Where a region should start. */
export interface FoundEntry {
  /** Its first instruction. */
  readonly entry: HostPhysAddr;
  /** Instructions that it has, or about as many. */
  readonly instructions: number;
}

/**
 * Where the region of a hot place should start; undefined if one starts wherever it could.
 *
 * In a loop, that is the loop's head: execution comes back to it by itself, and of a loop that is entered in its middle worse code is
 * made. Elsewhere, and in a loop that has a region, it is where execution came in: the start of a function, where a call returns to,
 * where another region ended. In the middle of a loop's region a run has ended, as a rule.
 *
 * @param cameIn Where in the page the interpreter came in last
 */
export function entryFor(code: KnownCode, host: HostPhysAddr, cameIn: HostPhysAddr): FoundEntry | undefined {
  // What lies too far behind the place where execution came in shows its loop by itself.
  for (const from of [cameIn, straightStart(code, host)]) {
    const region = discoverKnown(code, from);
    if (region === undefined || !contains(region, host - region.page)) continue;
    const offset = loopAround(region, host - region.page);
    const head = offset === undefined ? undefined : region.page + offset;
    const entry = [head, cameIn].find((place) => place !== undefined && mayStart(code, place, head));
    return entry === undefined ? undefined : { entry, instructions: instructionsOf(region) };
  }
  return undefined;
}

/**
 * Of regions that have what stands before a place, the start of one that ends there only because nothing behind it had been executed
 * when it was made. Made anew it has the place, too.
 */
export function outgrown(code: KnownCode, place: HostPhysAddr): HostPhysAddr | undefined {
  const before = decodedBefore(code, place);
  if (before === undefined) return undefined;
  const having = code.startsOver(place);
  return code.startsOver(place - before.length).find((start) => {
    const region = having.includes(start) ? undefined : discoverKnown(code, start);
    return region !== undefined && !region.isCut && contains(region, place - region.page);
  });
}

/** Whether a region may start at a place: not where one does, nor in what the region of the loop around has, unless a call returns to it. */
function mayStart(code: KnownCode, place: HostPhysAddr, head: HostPhysAddr | undefined): boolean {
  if (code.startsAt(place)) return false;
  return head === undefined || !code.startsOver(place).includes(head) || isBehindCall(code, place);
}

/** Whether an instruction of a region lies at an offset. */
function contains({ blocks }: Region, offset: number): boolean {
  return blocks.some(({ instructions, end }) => {
    return instructions.length > 0 && instructions[0].offset <= offset && offset < end;
  });
}

function instructionsOf({ blocks }: Region): number {
  return blocks.reduce((sum, { instructions }) => sum + instructions.length, 0);
}

/** Where the innermost loop around an offset begins, as far as a region shows: the nearest place that a branch behind it goes back to. */
export function loopAround(region: Region, offset: number): number | undefined {
  const around = branchesOf(region).filter(({ from, to }) => to >= 0 && to <= offset && offset <= from);
  return around.length === 0 ? undefined : Math.max(...around.map(({ to }) => to));
}

/** The branches and jumps that a region follows, by their offsets in the page. */
function branchesOf({ blocks }: Region): { from: number; to: number }[] {
  return blocks.flatMap(({ instructions }) => {
    const last = instructions.at(-1);
    const to = last === undefined ? undefined : followed(last);
    return to === undefined ? [] : [{ from: last!.offset, to }];
  });
}

/** The start of the straight code that was executed up to `host`: behind a call, jump or branch, or code that was never reached. */
function straightStart(code: KnownCode, host: HostPhysAddr): HostPhysAddr {
  let start = host;
  for (let steps = 0; steps < MOST_STEPS_BACK; steps++) {
    const before = instructionBefore(code, start);
    if (before === undefined) return start;
    start = before;
  }
  return start;
}

/** The instruction that leads to `host` by itself, if it was executed and lies in the same page. */
function instructionBefore(code: KnownCode, host: HostPhysAddr): HostPhysAddr | undefined {
  const before = decodedBefore(code, host);
  return before === undefined || isTerminator(before) ? undefined : host - before.length;
}

/** Whether what was executed before a place is a call. */
function isBehindCall(code: KnownCode, place: HostPhysAddr): boolean {
  const before = decodedBefore(code, place);
  return before !== undefined && isCall(before);
}

/** The instruction that stands before a place, if it was executed and lies in the same page. */
function decodedBefore({ memory: { u16 }, codePages }: KnownCode, host: HostPhysAddr): Decoded | undefined {
  for (const length of [2, 4]) {
    if (host % PAGE_SIZE < length) return undefined;
    const record = codePages.recordAt(host - length);
    if (record === -1) return undefined;
    const word = u16[record >>> 1];
    const operation = word & OPERATION_MASK;
    // A region is where an instruction was executed, too.
    if (!isRow(operation) && operation !== Operation.REGION) continue;
    if ((word >> LENGTH_SHIFT & 3) * 2 !== length) continue;
    const at = (host - length) >>> 1;
    return decode(length === 2 ? u16[at] : u16[at] | u16[at + 1] << 16);
  }
  return undefined;
}
