/** Tests of the random number plugin. @module */
import assert from "node:assert/strict";
import { UNCONNECTED } from "../../core/irq.ts";
import plugin from "../../plugins/virtio_rng.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("virtio_rng brings an entropy device in its slot", async () => {
  const { devices: [spec] } = await setUp(plugin, new FakePluginContext({ slot: 2 }));
  assert.deepEqual([spec.name, spec.base, spec.irq], ["rng2", 0x1000_3000, 3]);
  assert.equal(spec.create({ irq: UNCONNECTED }).read(8, 4), 4);
});
