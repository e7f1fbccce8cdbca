/**
 * The plugin that brings a source of random numbers: a virtio entropy device. Under a virtual clock the numbers repeat.
 *
 * @module
 */
import type { Plugin } from "../core/plugin_types.ts";
import { VirtioRng } from "../devices/virtio/rng.ts";
import { virtioSpec } from "./virtio_empty.ts";

/** A source of random numbers. */
const plugin: Plugin = {
  name: "virtio_rng",
  apiVersion: 1,
  options: { slot: "virtio-mmio slot, 0 to 7 (default 0)" },
  setup(context) {
    const slot = context.options.slot ?? 0;
    context.device(virtioSpec(context, `rng${slot}`, slot, () => new VirtioRng(context.vm)));
  },
};

export default plugin;
