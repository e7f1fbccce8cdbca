/** Tests of the copy-on-write overlay, over bases that answer at once and late. @module */
import assert from "node:assert/strict";
import type { BlockBackend } from "../../../core/block.ts";
import { MemoryBlock } from "../../../devices/virtio/block_memory.ts";
import { OverlayBlock } from "../../../devices/virtio/block_overlay.ts";
import { seeded } from "../../contract/device.ts";

const SIZE = 40_000; // the last cluster is a part of one

function base(): Uint8Array {
  return Uint8Array.from({ length: SIZE }, (_, i) => i % 251);
}

/** A read-only base that answers with a Promise and must never be written. */
function late(): BlockBackend {
  const bytes = base();
  const refuse = (): never => assert.fail("the base was written");
  return {
    size: SIZE,
    readOnly: true,
    read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
    write: refuse,
    flush: refuse,
  };
}

Deno.test("OverlayBlock equals a plain disk after random writes, and leaves its base alone", async () => {
  for (const make of [late, (): BlockBackend => new MemoryBlock(base(), true)]) {
    const random = seeded(11);
    const overlay = new OverlayBlock(make());
    const plain = new MemoryBlock(base());
    for (let i = 0; i < 200; i++) {
      const offset = random() % SIZE;
      const length = random() % Math.min(SIZE - offset, i % 3 ? 700 : 10_000);
      const bytes = Uint8Array.from({ length }, () => random());
      await overlay.write(offset, bytes);
      plain.write(offset, bytes);
      const from = random() % SIZE;
      const count = random() % (SIZE - from);
      assert.deepEqual(await overlay.read(from, count), plain.read(from, count));
    }
    overlay.flush();
  }
});

Deno.test("OverlayBlock keeps both of two writes that wait for the same cluster", async () => {
  const overlay = new OverlayBlock(late());
  await Promise.all([overlay.write(512, Uint8Array.of(1)), overlay.write(1024, Uint8Array.of(2))]);
  const read = await overlay.read(512, 513);
  assert.deepEqual([read[0], read[512]], [1, 2]);
});

Deno.test("OverlayBlock does not write into an array that its base hands out", async () => {
  const shared = base();
  const overlay = new OverlayBlock({ ...late(), read: (offset, length) => shared.subarray(offset, offset + length) });
  await overlay.write(0, Uint8Array.of(99));
  await overlay.read(0, 8192);
  assert.equal(shared[0], 0);
});

Deno.test("OverlayBlock gives back whole clusters that are discarded", async () => {
  const overlay = new OverlayBlock(late());
  await overlay.write(0, new Uint8Array(SIZE).fill(1));
  assert.equal(Object.keys(overlay.state.clusters).length, 10);
  overlay.discard(100, SIZE - 100);
  assert.deepEqual(Object.keys(overlay.state.clusters), ["0"]);
  assert.equal((await overlay.read(4096, 1))[0], 4096 % 251);
});

Deno.test("OverlayBlock goes on from its state", async () => {
  const first = new OverlayBlock(late());
  await first.write(5000, Uint8Array.of(200));
  const second = new OverlayBlock(late());
  Object.assign(second.state, structuredClone(first.state));
  assert.deepEqual([...await second.read(4999, 3)], [4999 % 251, 200, 5001 % 251]);
});
