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

  constructor(readonly count: number, readonly base: number, readonly hostBase: number) {
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

/** What the next operation is about. */
interface Target {
  readonly first: number;
  readonly pages: readonly number[];
  readonly address: number;
  readonly size: number;
  readonly flags: number;
  readonly value: number;
}

/** An operation on the address space and on the model. */
type Operation = (made: Setup, model: Model, target: Target, next: (bound: number) => number) => void;

function writable(model: Model, page: number): boolean {
  return ((model.pages.get(page)?.flags ?? 0) & WRITE) !== 0;
}

const map: Operation = (made, model, { first, pages, address, size, flags }, next) => {
  const linear = next(2) === 0;
  const act = () =>
    linear
      ? made.space.mapLinear(address, model.hostBase + first * PAGE, size, flags)
      : made.space.mapAlloc(address, size, flags, next(2) === 0);
  if (model.overlaps(first, pages.length)) return void assert.throws(act, /overlaps/);
  act();
  for (const page of pages) {
    model.pages.set(page, { kind: linear ? "linear" : "alloc", flags, value: linear ? model.host[page] : 0 });
  }
};

const unmap: Operation = (made, model, { pages, address, size }) => {
  made.space.unmap(address, size);
  for (const page of pages) {
    model.pages.delete(page);
    model.dirty?.delete(page);
  }
};

const protect: Operation = (made, model, { pages, address, size, flags }) => {
  const act = () => made.space.protect(address, size, flags);
  if (pages.some((page) => !model.pages.has(page))) return void assert.throws(act, /nothing is mapped/);
  act();
  for (const page of pages) model.pages.get(page)!.flags = flags;
};

const storeAsGuest: Operation = (made, model, { first, address, value }) => {
  const allowed = writable(model, first);
  assert.equal(guestStore(made, address + 7, value), allowed);
  if (allowed) model.store(first, value);
};

const writeAsDevice: Operation = (made, model, { pages, address, size, value }) => {
  const allowed = pages.every((page) => writable(model, page));
  assert.equal(made.dma.write(address, new Uint8Array(size).fill(value)), allowed);
  if (allowed) { for (const page of pages) model.store(page, value); }
};

const startLog: Operation = (made, model) => {
  made.space.startDirtyLog();
  model.dirty ??= new Set();
};

const takeLog: Operation = (made, model) => {
  if (model.dirty === undefined) return;
  const expected = [...model.dirty].sort((a, b) => a - b).map((page) => model.address(page));
  assert.deepEqual(made.space.takeDirtyLog(), expected);
  model.dirty.clear();
};

const stopLog: Operation = (made, model, _target, next) => {
  if (next(3) > 0) return;
  made.space.stopDirtyLog();
  model.dirty = undefined;
};

const resetRam: Operation = (made, model, _target, next) => {
  if (next(4) > 0) return;
  made.space.resetRam();
  for (const [page, entry] of model.pages) if (entry.value !== 0) model.store(page, 0);
};

/** As often as they shall happen. */
const OPERATIONS: readonly Operation[] = [
  ...[map, map, map, unmap, protect, storeAsGuest, storeAsGuest, storeAsGuest, writeAsDevice, writeAsDevice],
  ...[startLog, takeLog, stopLog, resetRam],
];

/** One random operation, on both. */
function step(made: Setup, model: Model, next: (bound: number) => number): void {
  const first = next(model.count);
  const count = Math.min(1 + next(next(2) === 0 ? 24 : model.count), model.count - first);
  const target: Target = {
    first,
    pages: range(first, count),
    address: model.address(first),
    size: count * PAGE,
    flags: FLAGS[next(FLAGS.length)],
    value: 1 + next(255),
  };
  OPERATIONS[next(OPERATIONS.length)](made, model, target, next);
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
  const model = new Model(pages, base, hostBase);
  for (let i = 0; i < steps; i++) {
    step(made, model, next);
    for (let probe = 0; probe < 8; probe++) compare(made, model, next(pages));
  }
  for (let page = 0; page < pages; page++) compare(made, model, page);
  made.space.clear();
  assert.equal(made.memory.framesInUse, baseline, "frames leaked");
}
