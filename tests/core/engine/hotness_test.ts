/** Hotness: a line is hot when it was sampled often enough. @module */
import assert from "node:assert/strict";
import { Hotness } from "../../../core/engine/hotness.ts";

Deno.test("Hotness.sample says so once a line has its samples, then begins anew", () => {
  const hotness = new Hotness(3);
  assert.deepEqual([0, 4, 62, 0, 2, 60].map((offset) => hotness.sample(0x1000 + offset)), [
    ...[false, false, true],
    ...[false, false, true],
  ]);
});

Deno.test("Hotness.sample counts parts of samples", () => {
  const hotness = new Hotness(2);
  assert.deepEqual([1, 0.5, 0.25, 0.25, 1].map((weight) => hotness.sample(0x1000, weight)), [
    ...[false, false, false, true],
    false,
  ]);
});

Deno.test("Hotness counts lines apart, and forgets", () => {
  const hotness = new Hotness(2);
  assert.equal(hotness.sample(0x1000), false);
  assert.equal(hotness.sample(0x1040), false);
  assert.deepEqual([hotness.samplesOf(0x1010), hotness.samplesOf(0x1080)], [1, 0]);
  hotness.clear();
  assert.equal(hotness.sample(0x1000), false);
  assert.equal(hotness.sample(0x1001), true);
});

Deno.test("Hotness keeps a bounded number of lines", () => {
  const hotness = new Hotness(2);
  hotness.sample(0);
  for (let line = 1; line <= 65536; line++) hotness.sample(line * 64);
  assert.equal(hotness.samplesOf(0), 0);
});
