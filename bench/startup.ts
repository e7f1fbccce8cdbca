/**
 * How long it takes from the start of a process to the first that its guest prints.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";
import { projectPath } from "./machines.ts";
import { timeProcess } from "./process.ts";

/** A guest that prints a line and powers off. */
export const HELLO_IMAGE: string = projectPath("examples/guests/hello/hello.elf");

/** The first that it prints; a firmware's banner comes before. */
const FIRST_WORDS = "Hello";

/** Runs the guest. @returns milliseconds until its first words. @throws {HypervisorError} if they do not come */
export async function timeToFirstWords(command: readonly string[]): Promise<number> {
  const start = performance.now();
  let end: number | undefined;
  const { output, errors } = await timeProcess(command, (output) => {
    if (end === undefined && output.includes(FIRST_WORDS)) end = performance.now();
    return Promise.resolve();
  });
  if (end === undefined) throw new HypervisorError(`The guest printed nothing:\n${(output + errors).trim()}`);
  return end - start;
}
