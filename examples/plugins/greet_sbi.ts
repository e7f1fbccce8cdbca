/**
 * A firmware service of our own: an SBI extension in the range for experiments (SBI 3.0, chapter 3 "Binary Encoding").
 *
 * | function | arguments                                      | value                                             |
 * | -------- | ---------------------------------------------- | ------------------------------------------------- |
 * | 0        |                                                | how often this function was called, this included |
 * | 1        | address low, address high, bytes of the buffer | bytes of a greeting, written to that address      |
 *
 * @module
 */
import type { ExtensionPoint, Plugin, SbiCall, SbiExtension, SbiResult } from "../../mod.ts";

/** Where firmware extensions go; the architecture's point of that name. */
const SBI_EXTENSION: ExtensionPoint<SbiExtension> = { name: "sbi-extension" };

const SUCCESS = 0, INVALID_PARAM = -3, INVALID_ADDRESS = -5;

/** What a snapshot holds of the extension. */
interface GreetState {
  calls: number;
}

/** The extension, with the text that it greets with. */
export function greetExtension(text: string): SbiExtension {
  const greeting = new TextEncoder().encode(text);
  const extension: SbiExtension = {
    eid: 0x0800_0001,
    name: "Greet",
    createState: (): GreetState => ({ calls: 0 }),
    functions: {
      0: ({ machine }: SbiCall): SbiResult => {
        const state = machine.stateOf<GreetState>(extension);
        return { error: SUCCESS, low: ++state.calls };
      },
      1: ({ machine, number }: SbiCall): SbiResult => {
        if (number(1) !== 0 || number(2) < greeting.length) return { error: INVALID_PARAM };
        if (!machine.writeGuest(number(0), greeting)) return { error: INVALID_ADDRESS };
        return { error: SUCCESS, low: greeting.length };
      },
    },
  };
  return extension;
}

/** The plugin that brings the extension. */
const plugin: Plugin = {
  name: "greet_sbi",
  apiVersion: 1,
  options: { text: 'the greeting (default "Greetings from a plugin in TypeScript.")' },
  setup(context) {
    const { text = "Greetings from a plugin in TypeScript." } = context.options;
    if (typeof text !== "string") throw new TypeError(`Option "text" must be a string, not ${JSON.stringify(text)}`);
    context.extend(SBI_EXTENSION, greetExtension(text));
  },
};

export default plugin;
