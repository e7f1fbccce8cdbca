/**
 * A plugin that changes something while the guest writes to a device, with an exit and without one.
 *
 * @module
 */
import type { Plugin } from "../../core/plugin_types.ts";

/** A device that the guest writes to before each access; no other of the board is there. */
export const DEVICE = 0x1800_0000;

/** Who changes the mapping while the guest writes to {@link DEVICE}: an observer of the exit, or the device itself, without an exit. */
export const CHANGERS = ["an onExit hook", "a device"] as const;

/** A plugin that does something at the guest's write of number `when`. */
export function changer(who: typeof CHANGERS[number], when: number, act: () => void): Plugin {
  let writes = 0;
  const count = (): void => void (++writes === when && act());
  const read = (): number => 0;
  return {
    name: "changer",
    apiVersion: 1,
    setup: (context) => {
      const isHook = who === "an onExit hook";
      const write = isHook ? (): void => {} : count;
      context.device({ name: "changer", base: DEVICE, size: 16, create: () => ({ state: {}, read, write }) });
      if (isHook) context.onExit((_cpu, exit) => exit.kind === "MmioWrite" && count());
    },
  };
}
