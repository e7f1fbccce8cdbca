/** Tests of the CLINT plugin. @module */
import assert from "node:assert/strict";
import { UNCONNECTED } from "../../core/irq.ts";
import plugin from "../../plugins/clint.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("clint drives every CPU's machine software and timer interrupt", async () => {
  const context = await setUp(plugin, new FakePluginContext({}, 2, "machine"));
  assert.deepEqual(context.spec("clint").fdt?.properties["interrupts-extended"], [
    { ref: "cpu0_intc" },
    3,
    { ref: "cpu0_intc" },
    7,
    { ref: "cpu1_intc" },
    3,
    { ref: "cpu1_intc" },
    7,
  ]);
  const clint = context.spec("clint").create({ irq: UNCONNECTED });
  clint.write(4, 1, 4);
  assert.ok(context.irq("cpu1/machine-software")?.level);
  clint.write(0x4000, 50, 4);
  clint.write(0x4004, 0, 4);
  context.clock.advance(50);
  assert.ok(context.irq("cpu0/machine-timer")?.level);
});

Deno.test("clint adds nothing where CPUs have no machine-level inputs", async () => {
  assert.deepEqual((await setUp(plugin, new FakePluginContext({}, 2, "guest"))).devices, []);
});
