/**
 * How long it takes from the start of a process to the first that its guest prints, which are its first few hundred instructions.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";
import { projectPath } from "./machines.ts";

/** A guest that prints a line and powers off. */
export const HELLO_IMAGE: string = projectPath("examples/guests/hello/hello.elf");

/** The first that it prints; a firmware's banner comes before. */
const FIRST_WORDS = "Hello";

/**
 * Runs the guest. The shell that starts the program becomes it: nothing else runs in this time.
 *
 * @returns milliseconds until its first words
 * @throws {HypervisorError} if they do not come
 */
export async function timeToFirstWords(command: readonly string[]): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command("bash", {
    args: ["-c", 'exec "$@"', "bash", ...command],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let end: number | undefined;
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (end === undefined && output.includes(FIRST_WORDS)) end = performance.now();
  }
  await child.status;
  if (end === undefined) throw new HypervisorError(`The guest printed no ${FIRST_WORDS}:\n${output.trim()}`);
  return end - start;
}
