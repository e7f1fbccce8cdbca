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

/**
 * Finds the region of an address; undefined if nothing there can be translated.
 *
 * @param startsAt Whether another region starts at an address. One that must end somewhere ends there: otherwise the regions of a large
 *   loop, each beginning where another one was cut, would never meet
 */
export function planRegion(
  u16: Uint16Array,
  entry: HostPhysAddr,
  mode: Mode,
  startsAt: (host: HostPhysAddr) => boolean,
  isCold?: (host: HostPhysAddr) => boolean,
  isExecuted?: (host: HostPhysAddr) => boolean,
): PlannedRegion | undefined {
  let region = discoverRegion(u16, entry, mode, isCold, isExecuted);
  if (region?.isCut) {
    const endsAt = (host: HostPhysAddr): boolean => host !== entry && startsAt(host) || (isCold?.(host) ?? false);
    region = discoverRegion(u16, entry, mode, endsAt, isExecuted);
  }
  return region && { entry, ranges: rangesOf(region), region };
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
