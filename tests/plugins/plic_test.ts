/** Tests of the interrupt controller plugin: contexts, wires and device-tree cells. @module */
import assert from "node:assert/strict";
import { UNCONNECTED } from "../../core/irq.ts";
import plugin from "../../plugins/plic.ts";
import { FakePluginContext, setUp } from "../contract/plugin_context.ts";

Deno.test("plic gives CPU h the contexts 2h for machine and 2h + 1 for supervisor mode", async () => {
  const context = await setUp(plugin, new FakePluginContext({}, 2, "machine"));
  const plic = context.spec("plic").create({ irq: UNCONNECTED });
  plic.write(4 * 10, 1, 4);
  const wires = [
    "cpu0/machine-external",
    "cpu0/supervisor-external",
    "cpu1/machine-external",
    "cpu1/supervisor-external",
  ];
  wires.forEach((_, index) => plic.write(0x2000 + 0x80 * index, index === 3 ? 1 << 10 : 0, 4));
  plic.irqController?.setIrq(10, true);
  assert.deepEqual(wires.map((wire) => context.irq(wire)?.level), [false, false, false, true]);
});

Deno.test("plic describes itself as QEMU's board does", async () => {
  const context = await setUp(plugin, new FakePluginContext({}, 1, "machine"));
  assert.deepEqual(context.spec("plic").fdt, {
    node: "plic",
    label: "plic",
    properties: {
      "riscv,ndev": [96],
      "interrupts-extended": [{ ref: "cpu0_intc" }, 11, { ref: "cpu0_intc" }, 9],
      "interrupt-controller": true,
      compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
      "#address-cells": [0],
      "#interrupt-cells": [1],
    },
  });
});
