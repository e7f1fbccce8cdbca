/**
 * Runs an example as the process that its header describes: the permissions there, and no others.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readText, ROOT } from "../source/tree.ts";

/** What a process left. */
export interface ProcessResult {
  /** Exit code. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error, without colours. */
  readonly stderr: string;
}

/** The arguments of `deno` that an example's header names. */
export function commandOf(path: string): string[] {
  const [, command] = /Run it with `deno (run [^`]+)`/.exec(readText(path)) ?? [];
  assert.ok(command?.endsWith(` ${path}`), `${path}: its header does not say how to run it`);
  return command.split(" ");
}

/** Runs `deno` in the project's folder, unless told otherwise; a permission that is missing is an error, not a question. */
export async function runDeno(args: readonly string[], options: Deno.CommandOptions = {}): Promise<ProcessResult> {
  const command = new Deno.Command(Deno.execPath(), {
    cwd: ROOT,
    ...options,
    args: [...args],
    env: { NO_COLOR: "1", DENO_NO_PROMPT: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs an example with exactly the permissions that its header names. */
export async function runExample(path: string): Promise<ProcessResult> {
  return await runDeno(commandOf(path));
}
