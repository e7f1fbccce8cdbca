/** Tests of the entropy device. @module */
import assert from "node:assert/strict";
import { VirtioMmio } from "../../../devices/virtio/mmio.ts";
import { VirtioRng } from "../../../devices/virtio/rng.ts";
import { deviceContract } from "../../contract/device.ts";
import { DATA, Driver, WRITE } from "./driver.ts";

deviceContract({
  name: "VirtioRng behind VirtioMmio",
  size: 0x1000,
  offsets: Array.from({ length: 0x44 }, (_, i) => 4 * i),
  create: (world) => new VirtioMmio(world.irq, world.memory, new VirtioRng()),
});

/** Asks for random bytes twice and returns them. */
function draw(rng: VirtioRng, length: number): number[] {
  const driver = new Driver(rng);
  driver.start();
  driver.chain([{ address: DATA, length: 3, flags: WRITE }, { address: DATA + 3, length: length - 3, flags: WRITE }]);
  assert.deepEqual(driver.submit(0), { id: 0, length });
  const first = driver.memory.read(DATA, length) ?? [];
  driver.submit(0);
  return [...first, ...driver.memory.read(DATA, length) ?? []];
}

Deno.test("VirtioRng repeats its bytes for a seed, and gives others for another", () => {
  const one = draw(new VirtioRng({ seed: 7 }), 33);
  assert.deepEqual(draw(new VirtioRng({ seed: 7 }), 33), one);
  assert.notDeepEqual(draw(new VirtioRng({ seed: 8 }), 33), one);
  assert.notDeepEqual(one.slice(0, 33), one.slice(33));
  const many = draw(new VirtioRng(), 4096);
  const ones = many.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
  assert.ok(Math.abs(ones / (8 * many.length) - 0.5) < 0.02, `${ones} ones in ${many.length} bytes`);
});

Deno.test("VirtioRng takes its bytes from `fill`", () => {
  assert.deepEqual(new Set(draw(new VirtioRng({ fill: (bytes) => bytes.fill(9) }), 10)), new Set([9]));
});

Deno.test("VirtioRng fills at most 64 KiB of a request and stops on a buffer outside RAM", () => {
  const driver = new Driver(new VirtioRng());
  driver.start();
  driver.chain([{ address: DATA, length: 0x4000_0000, flags: WRITE }]);
  assert.deepEqual(driver.submit(0), { id: 0, length: 65536 });
  driver.chain([{ address: 0, length: 8, flags: WRITE }]);
  driver.submit(0);
  assert.ok(driver.broken);
});

Deno.test("VirtioRng gives a readable chain back empty", () => {
  const driver = new Driver(new VirtioRng());
  driver.start();
  driver.chain([{ address: DATA, length: 8 }]);
  assert.deepEqual(driver.submit(0), { id: 0, length: 0 });
});
