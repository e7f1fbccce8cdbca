/** Tests of the finisher plugin: the VM is powered off and reset, and a kernel finds out how. @module */
import assert from "node:assert/strict";
import type { FdtNode } from "../../core/fdt_types.ts";
import { UNCONNECTED } from "../../core/irq.ts";
import plugin from "../../plugins/test_finisher.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("test_finisher does what its syscon nodes say", async () => {
  const context = await setUp(plugin, new FakePluginContext());
  const spec = context.spec("test");
  assert.equal(spec.fdt?.label, "test");
  const finisher = spec.create({ irq: UNCONNECTED });
  for (const [name, compatible] of [["poweroff", "syscon-poweroff"], ["reboot", "syscon-reboot"]]) {
    const node: FdtNode | undefined = spec.fdt?.siblings?.[name];
    assert.ok(node);
    assert.equal(node.properties.compatible, compatible);
    assert.deepEqual(node.properties.regmap, [{ ref: "test" }]);
    finisher.write((node.properties.offset as number[])[0], (node.properties.value as number[])[0], 4);
  }
  assert.deepEqual(context.vm.powerOffs, [0]);
  assert.equal(context.vm.reboots, 1);
});
