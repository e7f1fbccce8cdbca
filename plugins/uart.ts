/**
 * The plugin that brings the console's serial port: a 16550A, which Linux calls ttyS0.
 *
 * @module
 */
import { Uart16550 } from "../devices/uart16550.ts";
import type { Plugin } from "../core/plugin_types.ts";
import { VIRT } from "./virt_map.ts";

/** The serial port. */
const plugin: Plugin = {
  name: "uart",
  apiVersion: 1,
  options: { name: "name of the device and of its console (default uart0)" },
  setup(context) {
    const name = String(context.options.name ?? "uart0");
    context.device({
      name,
      ...VIRT.uart,
      fdt: {
        node: "serial",
        properties: { compatible: "ns16550a", "clock-frequency": [3686400] },
        chosen: { "stdout-path": "$path" },
      },
      create: ({ irq }) => new Uart16550(irq, context.console(name)),
    });
  },
};

export default plugin;
