/** Tests of the disk in memory. @module */
import assert from "node:assert/strict";
import { MemoryBlock } from "../../../devices/virtio/block_memory.ts";

Deno.test("MemoryBlock reads back what was written, as a copy, and zeroes what is discarded", () => {
  const disk = new MemoryBlock(1024);
  disk.write(510, Uint8Array.of(1, 2, 3));
  const read = disk.read(510, 3);
  assert.deepEqual([...read], [1, 2, 3]);
  read[0] = 9;
  assert.equal(disk.read(510, 1)[0], 1);
  disk.discard(511, 1);
  assert.deepEqual([...disk.read(510, 3)], [1, 0, 3]);
});

Deno.test("MemoryBlock begins with the content that it is given", () => {
  const disk = new MemoryBlock(Uint8Array.of(1, 2, 3, 4), true);
  assert.equal(disk.size, 4);
  assert.ok(disk.readOnly);
  assert.deepEqual([...disk.read(1, 2)], [2, 3]);
});
