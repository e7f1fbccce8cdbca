/** What the property tests share: an AddrSpace against a Map of pages over random operations, dirty log and frame count included. @module */
import assert from "node:assert/strict";
import {
  access,
  EXECUTE,
  guestLoad,
  guestStore,
  MIB,
  PAGE,
  random,
  READ,
  RW,
  RWX,
  type Setup,
  USER,
  WRITE,
} from "./model.ts";

const FLAGS = [RW, RWX, READ | USER, READ | EXECUTE | USER, EXECUTE | USER, USER];

interface ModelPage {
  kind: "linear" | "alloc";
  flags: number;
  /** Byte at offset 7 of the page; a linear page keeps its host memory's. */
  value: number;
}

/** What AddrSpace should be. */
class Model {
  pages = new Map<number, ModelPage>();
  /** Bytes of host memory behind linear pages: they outlive the mapping. */
  host: number[];
  dirty: Set<number> | undefined;

  constructor(readonly count: number, readonly base: number) {
    this.host = new Array(count).fill(0);
  }

  address(page: number): number {
    return this.base + page * PAGE;
  }

  /** Whether [first, first + count) shares a page with a mapping. */
  overlaps(first: number, count: number): boolean {
    return range(first, count).some((page) => this.pages.has(page));
  }

  store(page: number, value: number): void {
    const entry = this.pages.get(page)!;
    entry.value = value;
    if (entry.kind === "linear") this.host[page] = value;
    this.dirty?.add(page);
  }
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** One random operation, on both. */
function step(made: Setup, model: Model, next: (bound: number) => number, hostBase: number): void {
  const first = next(model.count);
  const count = Math.min(1 + next(next(2) === 0 ? 24 : model.count), model.count - first);
  const size = count * PAGE;
  const flags = FLAGS[next(FLAGS.length)];
  const value = 1 + next(255);
  switch (next(14)) {
    case 0:
    case 1:
    case 2: {
      const linear = next(2) === 0;
      const map = () =>
        linear
          ? made.space.mapLinear(model.address(first), hostBase + first * PAGE, size, flags)
          : made.space.mapAlloc(model.address(first), size, flags, next(2) === 0);
      if (model.overlaps(first, count)) return void assert.throws(map, /overlaps/);
      map();
      for (const page of range(first, count)) {
        model.pages.set(page, { kind: linear ? "linear" : "alloc", flags, value: linear ? model.host[page] : 0 });
      }
      return;
    }
    case 3:
      made.space.unmap(model.address(first), size);
      for (const page of range(first, count)) {
        model.pages.delete(page);
        model.dirty?.delete(page);
      }
      return;
    case 4: {
      const act = () => made.space.protect(model.address(first), size, flags);
      if (range(first, count).some((page) => !model.pages.has(page))) {
        return void assert.throws(act, /nothing is mapped/);
      }
      act();
      for (const page of range(first, count)) model.pages.get(page)!.flags = flags;
      return;
    }
    case 5:
    case 6:
    case 7: {
      const allowed = ((model.pages.get(first)?.flags ?? 0) & WRITE) !== 0;
      assert.equal(guestStore(made, model.address(first) + 7, value), allowed);
      if (allowed) model.store(first, value);
      return;
    }
    case 8:
    case 9: {
      const allowed = range(first, count).every((page) => ((model.pages.get(page)?.flags ?? 0) & WRITE) !== 0);
      assert.equal(made.dma.write(model.address(first), new Uint8Array(size).fill(value)), allowed);
      if (allowed) { for (const page of range(first, count)) model.store(page, value); }
      return;
    }
    case 10:
      made.space.startDirtyLog();
      model.dirty ??= new Set();
      return;
    case 11:
      if (model.dirty === undefined) return;
      assert.deepEqual(
        made.space.takeDirtyLog(),
        [...model.dirty].sort((a, b) => a - b).map((page) => model.address(page)),
      );
      model.dirty.clear();
      return;
    case 12:
      if (next(3) > 0) return;
      made.space.stopDirtyLog();
      model.dirty = undefined;
      return;
    case 13:
      if (next(4) > 0) return;
      made.space.resetRam();
      for (const [page, entry] of model.pages) if (entry.value !== 0) model.store(page, 0);
      return;
  }
}

/** Compares what the guest and a device see. */
function compare(made: Setup, model: Model, page: number): void {
  const entry = model.pages.get(page);
  const readable = entry !== undefined && (entry.flags & READ) !== 0;
  assert.equal(made.space.contains(model.address(page), PAGE), entry !== undefined);
  assert.equal(made.dma.readU8(model.address(page) + 7), readable ? entry.value : undefined);
  assert.equal(guestLoad(made, model.address(page) + 7), readable ? entry.value : undefined);
  const executable = entry !== undefined && (entry.flags & EXECUTE) !== 0;
  assert.equal(access(made, model.address(page), "execute") >= 0, executable);
}

/**
 * Runs random operations and compares all along.
 *
 * @param pages Pages of the window that is mapped and unmapped
 * @param base Guest address of the window
 */
export function checkAgainstModel(made: Setup, seed: number, steps: number, pages: number, base: number): void {
  const next = random(seed);
  const hostBase = made.memory.allocContiguous(pages, 2 * MIB)!;
  const baseline = made.memory.framesInUse;
  const model = new Model(pages, base);
  for (let i = 0; i < steps; i++) {
    step(made, model, next, hostBase);
    for (let probe = 0; probe < 8; probe++) compare(made, model, next(pages));
  }
  for (let page = 0; page < pages; page++) compare(made, model, page);
  made.space.clear();
  assert.equal(made.memory.framesInUse, baseline, "frames leaked");
}
