/**
 * The plugin that brings the interrupt controller of external interrupts: a PLIC with two contexts for each CPU.
 *
 * @module
 */
import type { FdtCell } from "../core/fdt_types.ts";
import type { IrqLine } from "../core/irq.ts";
import type { Plugin, PluginContext } from "../core/plugin_types.ts";
import { Plic } from "../devices/plic.ts";
import { VIRT } from "./virt_map.ts";

/** Highest interrupt number, as on QEMU's board. */
const SOURCES = 96;

/** Interrupt numbers at a CPU: machine external, supervisor external; and "not connected". */
const MACHINE_EXTERNAL = 11, SUPERVISOR_EXTERNAL = 9, NOT_CONNECTED = 0xffff_ffff;

/** The wires of all contexts, 2h for machine and 2h + 1 for supervisor mode of CPU h, and their device-tree cells. */
function contexts(context: PluginContext): { lines: (IrqLine | undefined)[]; cells: FdtCell[] } {
  const lines: (IrqLine | undefined)[] = [];
  const cells: FdtCell[] = [];
  for (let cpu = 0;; cpu++) {
    const machine = context.irq(`cpu${cpu}/machine-external`);
    const supervisor = context.irq(`cpu${cpu}/supervisor-external`);
    if (!machine && !supervisor) return { lines, cells };
    lines.push(machine, supervisor);
    const ref = `cpu${cpu}_intc`;
    cells.push({ ref }, machine ? MACHINE_EXTERNAL : NOT_CONNECTED);
    cells.push({ ref }, supervisor ? SUPERVISOR_EXTERNAL : NOT_CONNECTED);
  }
}

/** The interrupt controller. */
const plugin: Plugin = {
  name: "plic",
  apiVersion: 1,
  setup(context) {
    const { lines, cells } = contexts(context);
    context.device({
      name: "plic",
      ...VIRT.plic,
      fdt: {
        node: "plic",
        label: "plic",
        properties: {
          "riscv,ndev": [SOURCES],
          "interrupts-extended": cells,
          "interrupt-controller": true,
          compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
          "#address-cells": [0],
          "#interrupt-cells": [1],
        },
      },
      create: () => new Plic(lines, SOURCES),
    });
  },
};

export default plugin;
