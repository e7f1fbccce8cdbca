/** Tests of the serial port plugin. @module */
import assert from "node:assert/strict";
import plugin from "../../plugins/uart.ts";
import { FakeLine, FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("uart brings the port that the kernel's console goes to", async () => {
  const context = await setUp(plugin, new FakePluginContext());
  assert.deepEqual(context.spec("uart0").fdt, {
    node: "serial",
    properties: { compatible: "ns16550a", "clock-frequency": [3686400] },
    chosen: { "stdout-path": "$path" },
  });
  const irq = new FakeLine();
  const device = context.spec("uart0").create({ irq });
  device.write(0, 0x41, 1);
  assert.equal(context.consoles.get("uart0")?.text, "A");
  device.write(1, 1, 1);
  context.console("uart0").type("x");
  assert.ok(irq.level);
});

Deno.test("uart takes another name, which is its console's too", async () => {
  const context = await setUp(plugin, new FakePluginContext({ name: "uart1" }));
  context.spec("uart1").create({ irq: new FakeLine() }).write(0, 0x42, 1);
  assert.equal(context.consoles.get("uart1")?.text, "B");
});
