/**
 * What the region of an address would be made from.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import type { CodeRange } from "../../../core/engine/region_pages.ts";
import type { RegionPlan } from "../../../core/engine/regions.ts";
import type { Mode } from "../csr/plain.ts";
import { discoverRegion, type Region } from "./region.ts";

/** A region that can be translated. */
export interface PlannedRegion extends RegionPlan {
  /** Its blocks. */
  readonly region: Region;
}

/** Finds the region of an address; undefined if nothing there can be translated. */
export function planRegion(
  u16: Uint16Array,
  entry: HostPhysAddr,
  mode: Mode,
  isCold?: (host: HostPhysAddr) => boolean,
  isExecuted?: (host: HostPhysAddr) => boolean,
): PlannedRegion | undefined {
  const region = discoverRegion(u16, entry, mode, isCold, isExecuted);
  if (region === undefined) return undefined;
  return { entry, ranges: rangesOf(region), region };
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
