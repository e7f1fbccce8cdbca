/** AddrSpace against a Map of pages over random operations, dirty log and frame count included. @module */
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
  setup,
  USER,
  WRITE,
} from "./model.ts";

const PAGES = 80;
/** The window lies across a border of 2 MiB and many of 64 KiB. */
const BASE = 0x8020_0000 - 40 * PAGE;
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
  host: number[] = new Array(PAGES).fill(0);
  dirty: Set<number> | undefined;

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

function address(page: number): number {
  return BASE + page * PAGE;
}

/** One random operation, on both. */
function step(made: Setup, model: Model, next: (bound: number) => number, hostBase: number): void {
  const first = next(PAGES);
  const count = Math.min(1 + next(24), PAGES - first);
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
          ? made.space.mapLinear(address(first), hostBase + first * PAGE, size, flags)
          : made.space.mapAlloc(address(first), size, flags, next(2) === 0);
      if (model.overlaps(first, count)) return void assert.throws(map, /overlaps/);
      map();
      for (const page of range(first, count)) {
        model.pages.set(page, { kind: linear ? "linear" : "alloc", flags, value: linear ? model.host[page] : 0 });
      }
      return;
    }
    case 3:
      made.space.unmap(address(first), size);
      for (const page of range(first, count)) {
        model.pages.delete(page);
        model.dirty?.delete(page);
      }
      return;
    case 4: {
      const act = () => made.space.protect(address(first), size, flags);
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
      assert.equal(guestStore(made, address(first) + 7, value), allowed);
      if (allowed) model.store(first, value);
      return;
    }
    case 8:
    case 9: {
      const allowed = range(first, count).every((page) => ((model.pages.get(page)?.flags ?? 0) & WRITE) !== 0);
      assert.equal(made.dma.write(address(first), new Uint8Array(size).fill(value)), allowed);
      if (allowed) { for (const page of range(first, count)) model.store(page, value); }
      return;
    }
    case 10:
      made.space.startDirtyLog();
      model.dirty ??= new Set();
      return;
    case 11:
      if (model.dirty === undefined) return;
      assert.deepEqual(made.space.takeDirtyLog(), [...model.dirty].sort((a, b) => a - b).map(address));
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
  assert.equal(made.space.contains(address(page), PAGE), entry !== undefined);
  assert.equal(made.dma.readU8(address(page) + 7), readable ? entry.value : undefined);
  assert.equal(guestLoad(made, address(page) + 7), readable ? entry.value : undefined);
  const executable = entry !== undefined && (entry.flags & EXECUTE) !== 0;
  assert.equal(access(made, address(page), "execute") >= 0, executable);
}

for (let seed = 1; seed <= 12; seed++) {
  Deno.test(`AddrSpace agrees with a Map of pages over random operations, seed ${seed}`, () => {
    const next = random(seed);
    const made = setup(8 * MIB);
    const hostBase = made.memory.allocContiguous(PAGES)!;
    const baseline = made.memory.framesInUse;
    const model = new Model();
    for (let i = 0; i < 400; i++) {
      step(made, model, next, hostBase);
      for (let probe = 0; probe < 8; probe++) compare(made, model, next(PAGES));
    }
    for (let page = 0; page < PAGES; page++) compare(made, model, page);
    made.space.clear();
    assert.equal(made.memory.framesInUse, baseline, "frames leaked");
    assert.equal(made.table.length, 0);
  });
}
