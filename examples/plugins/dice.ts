/** A die: reading its only register throws it. The smallest useful device. @module */
import type { Plugin } from "../../mod.ts";

const plugin: Plugin = {
  name: "dice",
  apiVersion: 1,
  options: { sides: "sides of the die, 2 to 100 (default 6)" },
  setup(context) {
    const sides = Number(context.options.sides ?? 6);
    if (!(sides >= 2 && sides <= 100)) throw new RangeError(`Option "sides" must be 2 to 100, not ${sides}`);
    const state = { throws: 0 };
    context.device({
      name: "dice",
      base: 0x1000_b000,
      size: 0x1000,
      fdt: { node: "dice", properties: { compatible: "example,dice" } },
      create: () => ({
        state, // what a snapshot holds
        read: () => {
          state.throws++;
          return 1 + context.vm.random(1)[0] % sides; // repeatable under virtual time
        },
        write: () => {},
        reset: () => void (state.throws = 0),
      }),
    });
  },
};

export default plugin;
