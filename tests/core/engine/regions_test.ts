/** Regions: they come, are found, and go when code changes or room runs out. @module */
import assert from "node:assert/strict";
import { memoryOf } from "../../../core/engine/code_cache.ts";
import { type RegionPlan, Regions, type RegionSource } from "../../../core/engine/regions.ts";
import { makeVacancy } from "../../../core/engine/slot_table.ts";
import { i32Const, ModuleBuilder } from "../../../core/wasm/mod.ts";

/** Bytes of code that a region of the test covers. */
const SIZE = 32;

/** An architecture whose regions give their entry; nothing can be translated at odd addresses. */
class ScriptedSource implements RegionSource<RegionPlan> {
  /** Slot by entry, as execution is led. */
  readonly connected = new Map<number, number>();
  /** Times that regions were dropped. */
  drops = 0;
  /** Bytes of the last module. */
  length = 0;

  plan(entry: number): RegionPlan | undefined {
    return entry % 2 === 1 ? undefined : { entry, ranges: [{ start: entry, end: entry + SIZE }] };
  }

  encode(plans: readonly RegionPlan[]): Uint8Array<ArrayBuffer> {
    const module = new ModuleBuilder();
    plans.forEach(({ entry }, index) => {
      module.function(`r${index}`, ["i32", "i32"], ["i32"], (f) => f.return(i32Const(entry)), { export: true });
    });
    const bytes = module.build();
    this.length = bytes.length;
    return bytes;
  }

  instantiate(module: WebAssembly.Module): WebAssembly.Instance {
    return new WebAssembly.Instance(module);
  }

  connect(entry: number, slot: number): void {
    this.connected.set(entry, slot);
  }

  disconnect(entry: number): void {
    this.connected.delete(entry);
  }

  dropped(): void {
    this.drops++;
  }
}

function make(options: { cacheBytes?: number; slots?: number } = {}): {
  source: ScriptedSource;
  regions: Regions<RegionPlan>;
  run: (slot: number) => number;
} {
  const source = new ScriptedSource();
  let now = 0;
  const vacancy = makeVacancy(["i32", "i32"]);
  const regions = new Regions(source, vacancy, { cacheBytes: 1e6, slots: 100, nowMs: () => now++, ...options });
  const run = (slot: number) => (regions.table.get(slot) as (budget: number, depth: number) => number)(-1, 0);
  return { source, regions, run };
}

Deno.test("Regions.compile makes one module of a batch, without what exists, comes twice or cannot be translated", () => {
  const { source, regions, run } = make();
  assert.equal(regions.compile([0x100, 0x200, 0x101, 0x100]), 2);
  assert.equal(regions.compile([0x200, 0x201]), 0);
  assert.equal(regions.compile([0x200, 0x300]), 1);
  for (const entry of [0x100, 0x200, 0x300]) {
    const { slot } = regions.at(entry)!;
    assert.deepEqual([run(slot), source.connected.get(entry)], [entry, slot]);
  }
  const { compiled, batches, dropped, evictions, compileMs } = regions.counts;
  assert.deepEqual([compiled, batches, dropped, evictions, compileMs], [3, 2, 0, 0, 3]);
});

Deno.test("Regions.recompile makes a region anew in its slot, or for the first time", () => {
  const { source, regions, run } = make();
  regions.compile([0x1000]);
  const { slot } = regions.at(0x1000)!;
  regions.recompile(0x1000);
  assert.equal(regions.at(0x1000)?.slot, slot);
  assert.equal(run(slot), 0x1000);
  assert.equal(regions.covering(0x1000).length, 1);
  regions.recompile(0x2000);
  assert.equal(run(regions.at(0x2000)!.slot), 0x2000);
  assert.deepEqual([source.drops, regions.counts.compiled, regions.counts.dropped], [1, 3, 1]);
});

Deno.test("Regions.invalidate drops what covers the bytes, whose slots give the budget back then", () => {
  const { source, regions, run } = make();
  regions.compile([0x1000, 0x1010, 0x1040]);
  const slots = [0x1000, 0x1010, 0x1040].map((entry) => regions.at(entry)!.slot);
  regions.invalidate(0x1030, 16);
  assert.deepEqual([source.drops, regions.counts.dropped], [0, 0]);
  regions.invalidate(0x101f, 1);
  assert.deepEqual(slots.map(run), [-1, -1, 0x1040]);
  assert.deepEqual([...source.connected.keys()], [0x1040]);
  assert.deepEqual([regions.at(0x1000), regions.covering(0x1018), source.drops, regions.counts.dropped], [
    ...[undefined, [], 1, 2],
  ]);
  regions.compile([0x1010]);
  assert.deepEqual([regions.at(0x1010)!.slot, run(slots[1])], [slots[1], 0x1010], "a place keeps its slot");
});

Deno.test("Regions stay within their bytes: half goes, first what was not touched for longest", () => {
  const entry = (index: number) => 0x10000 + index * 64; // all encoded in as many bytes
  const probe = make();
  probe.regions.compile([entry(0)]);
  const each = memoryOf(probe.source.length);
  const { source, regions } = make({ cacheBytes: 8 * each });
  for (let i = 0; i < 8; i++) regions.compile([entry(i)]);
  regions.touch(regions.at(entry(0))!);
  assert.deepEqual([source.drops, regions.bytes], [0, 8 * each]);
  regions.compile([entry(8)]);
  assert.deepEqual([...source.connected.keys()], [0, 5, 6, 7, 8].map(entry));
  assert.deepEqual([regions.counts.evictions, regions.counts.dropped], [1, 4]);
  for (let i = 0; i < 90; i++) {
    regions.compile([entry(i)]);
    assert.ok(regions.bytes <= 8 * each);
  }
  assert.ok(regions.counts.evictions > 15);
});

Deno.test("Regions drop everything where slots run out, and a batch larger than the table is cut", () => {
  const { regions, source, run } = make({ slots: 3 });
  regions.compile([0x100, 0x200]);
  regions.compile([0x300, 0x400]);
  assert.deepEqual([...source.connected.keys()], [0x300, 0x400]);
  assert.equal(regions.counts.evictions, 1);
  assert.equal(regions.compile([1, 2, 3, 4, 5, 6, 8, 10].map((n) => n * 0x100)), 3);
  for (const [entry, slot] of source.connected) assert.equal(run(slot), entry);
  regions.clear();
  assert.deepEqual([source.connected.size, regions.bytes], [0, 0]);
});
