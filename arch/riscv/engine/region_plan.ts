/**
 * What the region of an address would be made from.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import type { CodeRange } from "../../../core/engine/region_pages.ts";
import type { RegionPlan } from "../../../core/engine/regions.ts";
import type { HostMemory } from "../../../core/memory.ts";
import type { Mode } from "../csr/plain.ts";
import type { CodePages } from "./code_pages.ts";
import { discoverRegion, type Region } from "./region.ts";

/** A region that can be translated. */
export interface PlannedRegion extends RegionPlan {
  /** Its blocks. */
  readonly region: Region;
}

/** What is known of a guest's code. */
export interface KnownCode {
  /** Memory that it lies in. */
  readonly memory: HostMemory;
  /** What of it was executed. */
  readonly codePages: CodePages;
  /** Whether regions take what was never executed, too. */
  readonly takesAll: boolean;
  /** Mode that it runs in. */
  readonly mode: Mode;
  /** Whether what is translated runs for so long that it may be larger for it. */
  readonly isBusy: boolean;
  /** Whether a region starts at an address. */
  startsAt(place: HostPhysAddr): boolean;
  /** Where the regions start that cover an address. */
  startsOver(place: HostPhysAddr): readonly HostPhysAddr[];
}

/**
 * The region of an address; undefined if nothing there can be translated.
 *
 * @param endsAt Whether it ends before an address
 */
export function discoverKnown(
  { memory, codePages, takesAll, mode }: KnownCode,
  entry: HostPhysAddr,
  endsAt: (place: HostPhysAddr) => boolean = () => false,
): Region | undefined {
  const isLeftOut = (place: HostPhysAddr): boolean => endsAt(place) || !takesAll && !codePages.isDecoded(place);
  return discoverRegion(memory.u16, entry, mode, isLeftOut, (from, end) => codePages.nextDecoded(from, end));
}

/**
 * Finds the region of an address; undefined if nothing there can be translated.
 *
 * One that must end somewhere ends where another one starts: otherwise the regions of a large loop, each beginning where another one was
 * cut, would never meet.
 */
export function planRegion(code: KnownCode, entry: HostPhysAddr): PlannedRegion | undefined {
  let region = discoverKnown(code, entry);
  if (region?.isCut) region = discoverKnown(code, entry, (place) => place !== entry && code.startsAt(place));
  return region && { entry, ranges: rangesOf(region), region: { ...region, unrolls: code.isBusy } };
}

/** The bytes of a region's blocks, as few ranges. */
function rangesOf({ page, blocks }: Region): CodeRange[] {
  const code = blocks.filter(({ instructions }) => instructions.length > 0);
  const sorted = code.map(({ instructions, end }) => ({ start: page + instructions[0].offset, end: page + end }));
  sorted.sort((a, b) => a.start - b.start);
  const ranges: { start: HostPhysAddr; end: HostPhysAddr }[] = [];
  for (const block of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last.end >= block.start) last.end = Math.max(last.end, block.end);
    else ranges.push(block);
  }
  return ranges;
}
