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
  create: (world) => new VirtioMmio(world.irq, world.memory, new VirtioRng(world.vm)),
});

/** A driver of a device whose bytes count up. */
function make(): Driver {
  let next = 1;
  const driver = new Driver(new VirtioRng({ random: (length) => Uint8Array.from({ length }, () => next++) }));
  driver.start();
  return driver;
}

Deno.test("VirtioRng fills all buffers of a request from its source", () => {
  const driver = make();
  driver.chain([{ address: DATA, length: 3, flags: WRITE }, { address: DATA + 16, length: 2, flags: WRITE }]);
  assert.deepEqual(driver.submit(0), { id: 0, length: 5 });
  assert.deepEqual([...driver.memory.read(DATA, 4) ?? []], [1, 2, 3, 0]);
  assert.deepEqual([...driver.memory.read(DATA + 16, 3) ?? []], [4, 5, 0]);
  assert.ok(driver.irq.level);
});

Deno.test("VirtioRng fills at most 64 KiB of a request and stops on a buffer outside RAM", () => {
  const driver = make();
  driver.chain([{ address: DATA, length: 0x4000_0000, flags: WRITE }]);
  assert.deepEqual(driver.submit(0), { id: 0, length: 65536 });
  driver.chain([{ address: 0, length: 8, flags: WRITE }]);
  driver.submit(0);
  assert.ok(driver.broken);
});

Deno.test("VirtioRng gives a readable chain back empty", () => {
  const driver = make();
  driver.chain([{ address: DATA, length: 8 }]);
  assert.deepEqual(driver.submit(0), { id: 0, length: 0 });
});
