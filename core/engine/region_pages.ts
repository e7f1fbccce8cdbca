/**
 * Which regions were translated from which bytes, by page, so that a write to code finds exactly what it makes stale.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "../address.ts";

/** Bytes of code. */
export interface CodeRange {
  /** Host-physical address of the first one. */
  readonly start: HostPhysAddr;
  /** Host-physical address behind the last one. */
  readonly end: HostPhysAddr;
}

/** What was translated from some bytes. */
export interface Covering {
  /** The bytes; none is empty. */
  readonly ranges: readonly CodeRange[];
}

/** Bytes of a line, the unit in which a write is recognised as harmless. */
const LINE_SIZE = 64;

const LINES_PER_PAGE = PAGE_SIZE / LINE_SIZE;

/** What covers bytes of one page. */
interface CoveredPage<R> {
  readonly regions: Set<R>;
  /** Ranges of regions that meet each line. */
  readonly lines: Uint16Array;
}

/** An index of regions by the bytes that they cover. */
export class RegionPages<R extends Covering> {
  readonly #pages = new Map<number, CoveredPage<R>>();

  /** Adds a region. */
  add(region: R): void {
    this.#count(region, 1);
    for (const page of pagesOf(region)) this.#page(page).regions.add(region);
  }

  /** Takes a region out that was added. */
  delete(region: R): void {
    this.#count(region, -1);
    for (const page of pagesOf(region)) {
      const { regions } = this.#page(page);
      regions.delete(region);
      if (regions.size === 0) this.#pages.delete(page);
    }
  }

  /** The regions that cover any of `length` bytes at `start`. */
  overlapping(start: HostPhysAddr, length: number): readonly R[] {
    let found: Set<R> | undefined;
    const end = start + length;
    for (let page = Math.floor(start / PAGE_SIZE); page * PAGE_SIZE < end; page++) {
      const covered = this.#pages.get(page);
      if (covered === undefined || !meetsLine(covered.lines, start - page * PAGE_SIZE, end - page * PAGE_SIZE)) {
        continue;
      }
      for (const region of covered.regions) {
        if (region.ranges.some((range) => range.start < end && start < range.end)) (found ??= new Set()).add(region);
      }
    }
    return found === undefined ? [] : [...found];
  }

  #count({ ranges }: R, difference: 1 | -1): void {
    for (const { start, end } of ranges) {
      for (let line = Math.floor(start / LINE_SIZE); line * LINE_SIZE < end; line++) {
        this.#page(Math.floor(line / LINES_PER_PAGE)).lines[line % LINES_PER_PAGE] += difference;
      }
    }
  }

  #page(page: number): CoveredPage<R> {
    let covered = this.#pages.get(page);
    if (covered === undefined) {
      covered = { regions: new Set(), lines: new Uint16Array(LINES_PER_PAGE) };
      this.#pages.set(page, covered);
    }
    return covered;
  }
}

/** Numbers of the pages that a region covers bytes of. */
function pagesOf({ ranges }: Covering): Set<number> {
  const pages = new Set<number>();
  for (const { start, end } of ranges) {
    for (let page = Math.floor(start / PAGE_SIZE); page * PAGE_SIZE < end; page++) pages.add(page);
  }
  return pages;
}

/** Whether a line between two offsets, which may lie outside of the page, is covered. */
function meetsLine(lines: Uint16Array, start: number, end: number): boolean {
  const last = Math.min(PAGE_SIZE, end) - 1;
  for (let line = Math.floor(Math.max(0, start) / LINE_SIZE); line * LINE_SIZE <= last; line++) {
    if (lines[line] !== 0) return true;
  }
  return false;
}
