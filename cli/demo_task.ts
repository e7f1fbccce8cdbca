/**
 * `deno task demo`: boots a small guest of our own that uses every part of the default board and an SBI extension from a plugin.
 *
 * @module
 */
import { MemoryBlock } from "../mod.ts";
import type { Terminal } from "../host/terminal.ts";
import { COMMON_ROWS, commonOptions } from "./options.ts";
import { describeOptions, type OptionRow, parseOptions, UsageError } from "./parse_options.ts";
import { runProgram } from "./process.ts";
import { runSession } from "./session.ts";
import { boardConfig } from "./vm_config.ts";

/** The guest; `examples/guests/demo/` has its source. */
const IMAGE = "../examples/guests/demo/demo.elf";

/** The plugin that brings the guest's SBI extension. */
const GREETER = { use: "../examples/plugins/greet_sbi.ts", options: { text: "greetings from TypeScript" } };

/** Bytes of the guest's disk, and what the guest finds at its start. */
const DISK_SIZE = 32 * 1024, DISK_TEXT = "This was on the disk before the guest was born.";

/** RAM of the guest. */
const MEMORY = 128 * 2 ** 20;

const ROWS: readonly OptionRow[] = [...COMMON_ROWS, { name: "help", short: "h", help: "show this help" }];

const HELP = `deno task demo: boots the demo guest, which shows what it finds and powers off

Options:
${describeOptions(ROWS)}
`;

/** Runs the demo. @returns the exit code */
async function demo(args: readonly string[], terminal: Terminal): Promise<number> {
  const parsed = parseOptions(args, ROWS);
  if (parsed.positionals.length > 0) throw new UsageError(`"${parsed.positionals[0]}" is no option of the demo`);
  if (parsed.has("help")) {
    terminal.write(new TextEncoder().encode(HELP));
    return 0;
  }
  const options = commonOptions(parsed);
  const backend = new MemoryBlock(DISK_SIZE);
  new TextEncoder().encodeInto(DISK_TEXT, backend.state.bytes);
  return await runSession(terminal, {
    config: boardConfig({ ...options, memory: options.memory ?? MEMORY }, { kernel_path: IMAGE }, {
      disks: [{ backend }],
      plugins: [GREETER],
    }),
    base: new URL(import.meta.url),
    timeout: options.timeout,
    stats: options.stats,
  });
}

if (import.meta.main) void runProgram((terminal) => demo(Deno.args, terminal));
