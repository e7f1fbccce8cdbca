/**
 * A plugin that brings an SBI extension of its own, which the demo guest calls: it counts, and it writes a greeting into the guest's
 * memory. SBI 3.0 chapter 3 gives experimental extensions the numbers from 0x08000000 on.
 *
 * @module
 */
import { type Plugin, SbiError, type SbiExtension, sbiExtension } from "../../mod.ts";

/** What the extension remembers; a snapshot carries it. */
interface GreeterState {
  calls: number;
}

const GREETING = "Greetings from a plugin in TypeScript.";

/** Function 0 counts its calls; function 1 writes the greeting to the address in a0 (a1 its high half), a2 bytes at most. */
const greeter: SbiExtension = {
  eid: 0x0800_0001,
  name: "greeter",
  createState: (): GreeterState => ({ calls: 0 }),
  functions: {
    0: ({ machine }) => ({ error: SbiError.SUCCESS, low: ++machine.stateOf<GreeterState>(greeter).calls }),
    1: ({ machine, number, low, high }) => {
      if (low(1) !== 0 || high(1) !== 0) return { error: SbiError.INVALID_ADDRESS };
      const bytes = new TextEncoder().encode(GREETING).subarray(0, number(2));
      if (!machine.writeGuest(number(0), bytes)) return { error: SbiError.INVALID_ADDRESS };
      return { error: SbiError.SUCCESS, low: bytes.length };
    },
  },
};

/** The plugin. */
const plugin: Plugin = {
  name: "greeter",
  apiVersion: 1,
  setup: (context) => context.extend(sbiExtension, greeter),
};

export default plugin;
