/** Tests of the HTIF plugin. @module */
import assert from "node:assert/strict";
import { UNCONNECTED } from "../../core/irq.ts";
import { Hypervisor, riscv, virtBoard } from "../../mod.ts";
import plugin from "../../plugins/htif.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("htif looks at tohost after every exit of a CPU", async () => {
  const context = new FakePluginContext({}, 1, "machine");
  context.vm.symbols.set("tohost", 0x8000_0000);
  await setUp(plugin, context);
  context.spec("htif").create({ irq: UNCONNECTED });
  context.memory.write(0x8000_0000, Uint8Array.of(11));
  assert.deepEqual(context.vm.powerOffs, []);
  for (const hook of context.exitHooks) hook(0, { kind: "Nothing" });
  assert.deepEqual(context.vm.powerOffs, [5]);
  assert.equal(context.spec("htif").fdt, undefined);
});

Deno.test("htif observes no exits where the kernel has no tohost", async () => {
  const context = await setUp(plugin, new FakePluginContext({}, 1, "machine"));
  assert.equal(context.devices.length, 1);
  assert.deepEqual(context.exitHooks, []);
});

Deno.test("htif adds nothing in guest mode", async () => {
  const context = await setUp(plugin, new FakePluginContext());
  assert.deepEqual(context.devices, []);
  assert.deepEqual(context.exitHooks, []);
});

Deno.test("htif under virtual time: a run in pieces of any length ends as a run in one piece, in a few thousand steps a character", async () => {
  const image = await Deno.readFile(new URL("../../examples/guests/htif/htif.elf", import.meta.url));
  const run = async (piece: number): Promise<unknown> => {
    await using hypervisor = new Hypervisor({ architectures: [riscv] });
    const vm = await hypervisor.createVm({ base: { mode: "machine" }, kernel: { image }, plugins: [virtBoard] });
    for (;;) {
      const { reason, code } = await vm.run({ maxSteps: vm.steps + piece });
      if (reason !== "steps") {
        return {
          reason,
          code,
          steps: vm.steps,
          ticks: vm.ticks,
          ram: await vm.hashMemory(),
          bytes: vm.console().outputBytes,
        };
      }
    }
  };
  const whole = await run(100_000_000) as { steps: number; bytes: number };
  assert.ok(whole.steps < 5000 * whole.bytes, `${whole.steps} steps for ${whole.bytes} bytes`);
  for (const piece of [4999, 12_345]) assert.deepEqual(await run(piece), whole);
});
