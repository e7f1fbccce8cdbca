/** Tests of the real-time clock plugin. @module */
import assert from "node:assert/strict";
import plugin from "../../plugins/goldfish_rtc.ts";
import { FakeLine, FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("goldfish_rtc tells the time of the VM's clock", async () => {
  const context = await setUp(plugin, new FakePluginContext());
  const rtc = context.spec("rtc").create({ irq: new FakeLine() });
  const low = rtc.read(0, 4);
  assert.equal(Math.round((rtc.read(4, 4) * 2 ** 32 + low) / 1e9), context.clock.epoch);
  assert.equal(context.spec("rtc").fdt?.properties.compatible, "google,goldfish-rtc");
});
