/** Hotness: a line is hot when it was sampled often enough. @module */
import assert from "node:assert/strict";
import { Hotness } from "../../../core/engine/hotness.ts";

Deno.test("Hotness.sample says so once a line has its samples, and from then on until it is forgotten", () => {
  const hotness = new Hotness(3);
  const samples = [0, 4, 62, 0].map((offset) => hotness.sample(0x1000 + offset));
  assert.deepEqual(samples, [0, 0, 3, 4]);
  hotness.forget(0x1020);
  assert.deepEqual([2, 60, 0].map((offset) => hotness.sample(0x1000 + offset)), [0, 0, 3]);
});

Deno.test("Hotness.wait puts a line off until it has more", () => {
  const hotness = new Hotness(1);
  assert.equal(hotness.sample(0x1000), 1);
  hotness.wait(0x1000, 2.5);
  assert.deepEqual([0x1000, 0x1040, 0x1000].map((address) => hotness.sample(address)), [0, 1, 3]);
  hotness.forget(0x1000);
  assert.equal(hotness.sample(0x1000), 1, "what it waited for is forgotten too");
  hotness.wait(0x2000, 5);
  assert.equal(hotness.sample(0x2000), 1, "a line without samples does not wait");
});

Deno.test("Hotness counts lines apart, and forgets", () => {
  const hotness = new Hotness(2);
  assert.deepEqual([hotness.sample(0x1000), hotness.sample(0x1040)], [0, 0]);
  hotness.clear();
  assert.deepEqual([hotness.sample(0x1000), hotness.sample(0x1001)], [0, 2]);
});

Deno.test("Hotness keeps a bounded number of lines", () => {
  const hotness = new Hotness(2);
  hotness.sample(0);
  for (let line = 1; line <= 65536; line++) hotness.sample(line * 64);
  assert.equal(hotness.sample(0), 0);
});
