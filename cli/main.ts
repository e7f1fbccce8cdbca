/**
 * The program `denovisor`: runs and checks virtual machines.
 *
 * `deno run --allow-read --allow-write cli/main.ts run IMAGE`; `--help` shows all.
 *
 * @module
 */
import project from "../deno.json" with { type: "json" };
import type { Terminal } from "../host/terminal.ts";
import { check } from "./check.ts";
import { helpText, parseCommand } from "./options.ts";
import { runProgram } from "./process.ts";
import { run } from "./run.ts";

/**
 * Does what a command line asks for.
 *
 * @returns the exit code
 * @throws {HypervisorError} for everything that the user can mend
 */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const command = parseCommand(args);
  if (command.command === "run") return await run(command, terminal);
  if (command.command === "check") return await check(command.path, terminal);
  const text = command.command === "help" ? helpText() : `denovisor ${project.version}`;
  terminal.write(new TextEncoder().encode(`${text}\n`));
  return 0;
}

if (import.meta.main) void runProgram((terminal) => main(Deno.args, terminal));
