/** Tests of the HTIF plugin. @module */
import assert from "node:assert/strict";
import { UNCONNECTED } from "../../core/irq.ts";
import plugin from "../../plugins/htif.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("htif looks at tohost after every exit of a CPU", async () => {
  const context = new FakePluginContext({}, 1, "machine");
  await setUp(plugin, context);
  context.vm.symbols.set("tohost", 0x8000_0000);
  context.spec("htif").create({ irq: UNCONNECTED });
  context.memory.write(0x8000_0000, Uint8Array.of(11));
  assert.deepEqual(context.vm.powerOffs, []);
  for (const hook of context.exitHooks) hook(0, { kind: "Nothing" });
  assert.deepEqual(context.vm.powerOffs, [5]);
  assert.equal(context.spec("htif").fdt, undefined);
});

Deno.test("htif adds nothing in guest mode", async () => {
  const context = await setUp(plugin, new FakePluginContext());
  assert.deepEqual(context.devices, []);
  assert.deepEqual(context.exitHooks, []);
});
