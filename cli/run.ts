/**
 * `denovisor run`: makes a VM of a TOML file or an image and runs it in the terminal.
 *
 * @module
 */
import type { Terminal } from "../host/terminal.ts";
import type { RunCommand } from "./options.ts";
import { absolutePath } from "./paths.ts";
import { runSession } from "./session.ts";
import { configure } from "./vm_config.ts";

/** Runs a VM and tells the exit code of the process. */
export async function run(command: RunCommand, terminal: Terminal): Promise<number> {
  const { timeout, stats, signature, granularity } = command;
  const { config, base } = await configure(command);
  return await runSession(terminal, {
    config,
    base,
    timeout,
    stats,
    signature: signature === undefined ? undefined : { path: absolutePath(signature), granularity },
  });
}
