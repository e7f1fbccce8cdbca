/** Tests of the empty virtio slot and of the description that all slots share. @module */
import assert from "node:assert/strict";
import { UNCONNECTED } from "../../core/irq.ts";
import plugin from "../../plugins/virtio_empty.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("virtio_empty brings a slot that reads device ID 0", async () => {
  const { devices: [spec] } = await setUp(plugin, new FakePluginContext({ slot: 7 }));
  assert.deepEqual([spec.name, spec.base, spec.irq], ["virtio7", 0x1000_8000, 8]);
  assert.deepEqual(spec.fdt, {
    node: "virtio_mmio",
    properties: { compatible: "virtio,mmio", "dma-coherent": true },
  });
  const device = spec.create({ irq: UNCONNECTED });
  assert.deepEqual([device.read(0, 4), device.read(8, 4)], [0x74726976, 0]);
});

Deno.test("virtio_empty refuses a slot that the board does not have", async () => {
  for (const slot of [-1, 8, 1.5, "0"]) {
    await assert.rejects(setUp(plugin, new FakePluginContext({ slot })), /0 to 7/);
  }
});
