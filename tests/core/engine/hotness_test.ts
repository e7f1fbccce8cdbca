/** Hotness: a line is hot when it was sampled often enough. @module */
import assert from "node:assert/strict";
import { Hotness } from "../../../core/engine/hotness.ts";

/** Samples at addresses; the lines' samples where they were hot, else 0. */
function sample(hotness: Hotness, ...addresses: number[]): number[] {
  return addresses.map((address) => hotness.sample(address)?.samples ?? 0);
}

Deno.test("Hotness.sample says so once a line has its samples, and from then on until it is forgotten", () => {
  const hotness = new Hotness(3);
  assert.deepEqual(sample(hotness, 0x1000, 0x1004, 0x103e, 0x1000), [0, 0, 3, 4]);
  hotness.forget(0x1020);
  assert.deepEqual(sample(hotness, 0x1002, 0x103c, 0x1000), [0, 0, 3]);
});

Deno.test("Hotness.sample tells a line's part of all samples since its first one", () => {
  const hotness = new Hotness(2);
  sample(hotness, 0x2000, 0x3000, 0x1000, 0x2000, 0x3000);
  assert.deepEqual(hotness.sample(0x1000), { samples: 2, share: 2 / 4, all: 6 });
  hotness.forget(0x1000);
  sample(hotness, 0x1000);
  assert.deepEqual(hotness.sample(0x1000), { samples: 2, share: 1, all: 8 });
});

Deno.test("Hotness.wait puts a line off until it has more", () => {
  const hotness = new Hotness(1);
  assert.deepEqual(sample(hotness, 0x1000), [1]);
  hotness.wait(0x1000, 2.5);
  assert.deepEqual(sample(hotness, 0x1000, 0x1040, 0x1000), [0, 1, 3]);
  hotness.forget(0x1000);
  assert.deepEqual(sample(hotness, 0x1000), [1], "what it waited for is forgotten too");
  hotness.wait(0x2000, 5);
  assert.deepEqual(sample(hotness, 0x2000), [1], "a line without samples does not wait");
});

Deno.test("Hotness counts lines apart, and forgets", () => {
  const hotness = new Hotness(2);
  assert.deepEqual(sample(hotness, 0x1000, 0x1040), [0, 0]);
  hotness.clear();
  assert.equal(hotness.sample(0x1000), undefined);
  assert.deepEqual(hotness.sample(0x1001), { samples: 2, share: 1, all: 2 }, "how long it has been counting, too");
});

Deno.test("Hotness keeps a bounded number of lines", () => {
  const hotness = new Hotness(2);
  for (let line = 0; line <= 65536; line++) hotness.sample(line * 64);
  assert.deepEqual(sample(hotness, 0), [0]);
});
