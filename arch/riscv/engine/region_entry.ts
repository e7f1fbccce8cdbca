/**
 * Where a region should start, for an address that was found hot: where execution came in, or comes back to, as far as decoded records tell.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "../../../core/address.ts";
import type { HostMemory } from "../../../core/memory.ts";
import type { Mode } from "../csr/plain.ts";
import { decode } from "../isa/decode.ts";
import type { Decoded } from "../isa/instruction.ts";
import type { CodePages } from "./code_pages.ts";
import { isRow, LENGTH_SHIFT, Operation, OPERATION_MASK } from "./record.ts";
import { discoverRegion, followed, isCall, isTerminator, type Region } from "./region.ts";

/** Instructions to go back at most. */
const MOST_STEPS_BACK = 64;

/** What is known of the regions of a guest. */
export interface KnownRegions {
  /** Whether one starts at an address. */
  startsAt(place: HostPhysAddr): boolean;
  /** Whether the one that starts at an address covers another one. */
  covers(start: HostPhysAddr, place: HostPhysAddr): boolean;
}

/**
 * Where the region of a hot place should start; undefined if one that starts there covers the place already.
 *
 * In a loop, that is the loop's head: execution comes back to it by itself, and of a loop that is entered in its middle worse code is
 * made. Where a call returns to in a loop is an entry nevertheless: when calls nest too deep, their returns come in there.
 */
export function entryFor(
  memory: HostMemory,
  codePages: CodePages,
  regions: KnownRegions,
  host: HostPhysAddr,
  mode: Mode,
): HostPhysAddr | undefined {
  const start = straightStart(memory, codePages, host);
  const isExecuted = (place: HostPhysAddr): boolean => codePages.isDecoded(place);
  const region = discoverRegion(memory.u16, start, mode, (place) => !isExecuted(place), isExecuted);
  if (region === undefined) return undefined;
  const head = isBehindCall(memory, codePages, start) ? undefined : loopAround(region, host - region.page);
  const entry = head === undefined ? start : region.page + head;
  if (!regions.startsAt(entry)) return entry;
  const mayComeBackElsewhere = head === undefined && leavesPage(region);
  if (regions.covers(entry, host) && !mayComeBackElsewhere) return undefined;
  // The hart stops behind what it interpreted: where that is a region's start, the instruction before it is what is left.
  const places = [start, host, instructionBefore(memory, codePages, host)];
  return places.find((place) => place !== undefined && !regions.startsAt(place));
}

/** Where the innermost loop around an offset begins, as far as a region shows: the nearest place that a branch behind it goes back to. */
export function loopAround(region: Region, offset: number): number | undefined {
  const around = branchesOf(region).filter(({ from, to }) => to >= 0 && to <= offset && offset <= from);
  return around.length === 0 ? undefined : Math.max(...around.map(({ to }) => to));
}

/** Whether a region goes on in another page: it may be in a loop that nothing of shows here. */
function leavesPage(region: Region): boolean {
  return region.blocks.some(({ end }) => end >= PAGE_SIZE - 2) ||
    branchesOf(region).some(({ to }) => to < 0 || to >= PAGE_SIZE);
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
function straightStart(memory: HostMemory, codePages: CodePages, host: HostPhysAddr): HostPhysAddr {
  let start = host;
  for (let steps = 0; steps < MOST_STEPS_BACK; steps++) {
    const before = instructionBefore(memory, codePages, start);
    if (before === undefined) return start;
    start = before;
  }
  return start;
}

/** The instruction that leads to `host` by itself, if it was executed and lies in the same page. */
function instructionBefore(
  memory: HostMemory,
  codePages: CodePages,
  host: HostPhysAddr,
): HostPhysAddr | undefined {
  const before = decodedBefore(memory, codePages, host);
  return before === undefined || isTerminator(before) ? undefined : host - before.length;
}

/** Whether what was executed before a place is a call. */
function isBehindCall(memory: HostMemory, codePages: CodePages, host: HostPhysAddr): boolean {
  const before = decodedBefore(memory, codePages, host);
  return before !== undefined && isCall(before);
}

/** The instruction that stands before a place, if it was executed and lies in the same page. */
function decodedBefore({ u16 }: HostMemory, codePages: CodePages, host: HostPhysAddr): Decoded | undefined {
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
