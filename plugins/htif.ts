/**
 * The plugin that serves `tohost` and `fromhost` of an ELF image in machine mode: exit code and console, as Spike does.
 *
 * In guest mode there is no such program, and it adds nothing. It has no device-tree node: firmware that found one would power
 * off through it instead of the test finisher.
 *
 * @module
 */
import type { Plugin } from "../core/plugin_types.ts";
import { Htif } from "../devices/htif.ts";
import { VIRT } from "./virt_map.ts";

/** The host-target interface. */
const plugin: Plugin = {
  name: "htif",
  apiVersion: 1,
  options: { console: "name of the console that it shares (default uart0)" },
  setup(context) {
    if (!context.irq("cpu0/machine-timer")) return;
    let htif: Htif | undefined;
    context.device({
      name: "htif",
      ...VIRT.htif,
      create: () => {
        const port = context.console(String(context.options.console ?? "uart0"));
        const { memory, clock, vm } = context;
        return htif = new Htif({ memory, clock, vm, port });
      },
    });
    // Who observes exits slows all accesses to devices down.
    if (context.vm.symbol("tohost") !== undefined) context.onExit(() => htif?.poll());
  },
};

export default plugin;
