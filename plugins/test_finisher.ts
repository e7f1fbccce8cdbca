/**
 * The plugin that brings power-off and reboot: the SiFive test finisher and the `syscon` nodes by which a kernel finds it.
 *
 * @module
 */
import type { FdtNode } from "../core/fdt_types.ts";
import type { Plugin } from "../core/plugin_types.ts";
import { FINISHER_PASS, FINISHER_RESET, TestFinisher } from "../devices/test_finisher.ts";
import { VIRT } from "./virt_map.ts";

/** A node that tells the kernel which value written to the finisher does what `compatible` says. */
function syscon(compatible: string, value: number): FdtNode {
  return { properties: { value: [value], offset: [0], regmap: [{ ref: "test" }], compatible }, children: {} };
}

/** Power-off and reboot. */
const plugin: Plugin = {
  name: "test_finisher",
  apiVersion: 1,
  setup(context) {
    context.device({
      name: "test",
      ...VIRT.testFinisher,
      fdt: {
        node: "test",
        label: "test",
        properties: { compatible: ["sifive,test1", "sifive,test0", "syscon"] },
        siblings: {
          poweroff: syscon("syscon-poweroff", FINISHER_PASS),
          reboot: syscon("syscon-reboot", FINISHER_RESET),
        },
      },
      create: () => new TestFinisher(context.vm),
    });
  },
};

export default plugin;
