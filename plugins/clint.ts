/**
 * The plugin that brings machine-level timer and software interrupts: a CLINT. In guest mode there are none, and it adds nothing.
 *
 * @module
 */
import type { FdtCell } from "../core/fdt_types.ts";
import type { Plugin } from "../core/plugin_types.ts";
import { Clint, type ClintTarget } from "../devices/clint.ts";
import { VIRT } from "./virt_map.ts";

/** Interrupt numbers at a CPU: machine software, machine timer. */
const MACHINE_SOFTWARE = 3, MACHINE_TIMER = 7;

/** Machine-level timer and software interrupts. */
const plugin: Plugin = {
  name: "clint",
  apiVersion: 1,
  setup(context) {
    const targets: ClintTarget[] = [];
    const cells: FdtCell[] = [];
    for (let cpu = 0;; cpu++) {
      const software = context.irq(`cpu${cpu}/machine-software`);
      const timer = context.irq(`cpu${cpu}/machine-timer`);
      if (!software || !timer) break;
      targets.push({ software, timer });
      const ref = `cpu${cpu}_intc`;
      cells.push({ ref }, MACHINE_SOFTWARE, { ref }, MACHINE_TIMER);
    }
    if (targets.length === 0) return;
    context.device({
      name: "clint",
      ...VIRT.clint,
      fdt: {
        node: "clint",
        properties: { "interrupts-extended": cells, compatible: ["sifive,clint0", "riscv,clint0"] },
      },
      create: () => new Clint(targets, context.clock),
    });
  },
};

export default plugin;
