/** Tests of the disk plugin: where its bytes come from, and what it refuses. @module */
import assert from "node:assert/strict";
import { UNCONNECTED } from "../../core/irq.ts";
import { MemoryBlock } from "../../devices/virtio/block_memory.ts";
import plugin from "../../plugins/virtio_blk.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

async function refusal(options: Record<string, unknown>): Promise<string> {
  let message = "";
  await assert.rejects(setUp(plugin, new FakePluginContext(options)), (error: Error) => {
    message = error.message;
    return error.name === "HypervisorError";
  });
  return message;
}

/** Features that the disk of a set-up context offers: read-only, flush, discard. */
function features(context: FakePluginContext): { readOnly: boolean; discard: boolean } {
  const word = context.devices[0].create({ irq: UNCONNECTED }).read(0x10, 4);
  return { readOnly: (word & (1 << 5)) !== 0, discard: (word & (1 << 13)) !== 0 };
}

Deno.test("virtio_blk opens an image in the mode that it is given, in the slot that it is given", async () => {
  const context = new FakePluginContext({ path: "disk.img", mode: "overlay", slot: 3 });
  context.vm.disks.set("disk.img", new MemoryBlock(1024));
  await setUp(plugin, context);
  assert.deepEqual(context.vm.opened, ["disk.img overlay"]);
  const [{ base, irq, name }] = context.devices;
  assert.deepEqual([base, irq, name], [0x1000_4000, 4, "disk3"]);
});

Deno.test("virtio_blk takes storage as an object, read-only or under an overlay when asked", async () => {
  const backend = new MemoryBlock(1024);
  assert.deepEqual(features(await setUp(plugin, new FakePluginContext({ backend }))), {
    readOnly: false,
    discard: true,
  });
  const readOnly = await setUp(plugin, new FakePluginContext({ backend, mode: "ro" }));
  assert.deepEqual(features(readOnly), { readOnly: true, discard: false });
  const below = new MemoryBlock(new Uint8Array(1024), true);
  const overlay = await setUp(plugin, new FakePluginContext({ backend: below, mode: "overlay" }));
  assert.deepEqual(features(overlay), { readOnly: false, discard: true });
});

Deno.test("virtio_blk tells the owner about bytes that are no whole sector", async () => {
  const context = await setUp(plugin, new FakePluginContext({ backend: new MemoryBlock(1000) }));
  assert.match(context.vm.messages[0], /disk0: its last 488 bytes/);
});

Deno.test("virtio_blk refuses options that it cannot obey, with a sentence", async () => {
  const backend = new MemoryBlock(512);
  assert.match(await refusal({}), /either "path" or "backend"/);
  assert.match(await refusal({ backend, path: "x" }), /either "path" or "backend"/);
  assert.match(await refusal({ path: 5 }), /"path" must be/);
  assert.match(await refusal({ backend: {} }), /size, readOnly, read, write and flush/);
  assert.match(await refusal({ backend, mode: "rwx" }), /rw, ro, overlay, not "rwx"/);
  assert.match(await refusal({ backend, slot: 8 }), /0 to 7, not 8/);
  assert.match(await refusal({ backend, size: 8 }), /no option "size"/);
});
