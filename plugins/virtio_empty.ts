/**
 * The plugin that brings an empty virtio-mmio slot, which reads device ID 0, and the device-tree node that all slots have.
 *
 * @module
 */
import type { DeviceSpec } from "../core/device.ts";
import type { Plugin, PluginContext } from "../core/plugin_types.ts";
import { type VirtioDevice, VirtioMmio } from "../devices/virtio/mmio.ts";
import { slotOption, virtioPlace } from "./virt_map.ts";

/**
 * Describes a virtio-mmio slot: for plugins that bring a virtio device.
 *
 * @param name Of the device
 * @param slot Option of the plugin: 0 to 7
 * @param create Makes the device behind the transport
 */
export function virtioSpec(
  context: PluginContext,
  name: string,
  slot: unknown,
  create: () => VirtioDevice | undefined,
): DeviceSpec {
  return {
    name,
    ...virtioPlace(slotOption(slot)),
    fdt: { node: "virtio_mmio", properties: { compatible: "virtio,mmio", "dma-coherent": true } },
    create: ({ irq }) =>
      new VirtioMmio(irq, context.memory, create(), (message) => context.vm.log(`${name}: ${message}`)),
  };
}

/** An empty slot. */
const plugin: Plugin = {
  name: "virtio_empty",
  apiVersion: 1,
  options: { slot: "virtio-mmio slot, 0 to 7 (default 0)" },
  setup(context) {
    const slot = context.options.slot ?? 0;
    context.device(virtioSpec(context, `virtio${slot}`, slot, () => undefined));
  },
};

export default plugin;
