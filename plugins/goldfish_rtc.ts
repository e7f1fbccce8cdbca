/**
 * The plugin that brings the time of day: a Goldfish real-time clock.
 *
 * @module
 */
import type { Plugin } from "../core/plugin_types.ts";
import { GoldfishRtc } from "../devices/goldfish_rtc.ts";
import { VIRT } from "./virt_map.ts";

/** The time of day. */
const plugin: Plugin = {
  name: "goldfish_rtc",
  apiVersion: 1,
  setup(context) {
    context.device({
      name: "rtc",
      ...VIRT.goldfishRtc,
      fdt: { node: "rtc", properties: { compatible: "google,goldfish-rtc" } },
      create: ({ irq }) => new GoldfishRtc(irq, context.clock),
    });
  },
};

export default plugin;
