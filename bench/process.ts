/**
 * Programs as processes, with the CPU time that they took: user and system, of the process and all that it started.
 *
 * Deno does not tell the times of its children, so bash's `time` starts them (1 ms steps, from `getrusage`). Permission:
 * `--allow-run=bash`.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";

/** Seconds after which a program is ended. */
const LIMIT = 300;

const ENVIRONMENT: Readonly<Record<string, string>> = {
  NO_COLOR: "1",
  DENO_NO_PROMPT: "1",
  DENO_NO_UPDATE_CHECK: "1",
};

/** What a program left. */
export interface ProcessResult {
  /** Seconds of CPU time. */
  readonly cpu: number;
  /** Exit code. */
  readonly code: number;
  /** Standard output, without carriage returns. */
  readonly output: string;
  /** Standard error. */
  readonly errors: string;
}

/** Takes what a program printed so far, and what types on its standard input. */
export type Watch = (output: string, type: (text: string) => Promise<void>, pid: number) => Promise<void>;

/** Seconds of CPU time from the last line of what bash's `time` printed, and the text before it. */
export function splitTimes(text: string): { cpu: number; errors: string } {
  const match = /(?:^|\n)(\d+\.\d{3}) (\d+\.\d{3})\n$/.exec(text);
  if (match === null) throw new HypervisorError(`bash printed no times, but "${text}"`);
  return { cpu: Number(match[1]) + Number(match[2]), errors: text.slice(0, match.index) };
}

/**
 * Times "$@" on the first processor that it may run on, if Linux's taskset is there: on shared machines one processor may be much slower
 * than another for a while, and what is compared should be slow together.
 */
const TIMED = `
TIMEFORMAT='%3U %3S'
pin=()
processors=$(taskset -cp $$ 2>/dev/null) && processors=\${processors##*: } && pin=(taskset -c "\${processors%%[-,]*}")
time timeout --foreground ${LIMIT} "\${pin[@]}" "$@"`;

/** Runs a program to its end; `watch` is called whenever it has printed something. */
export async function timeProcess(command: readonly string[], watch?: Watch): Promise<ProcessResult> {
  const child = new Deno.Command("bash", {
    args: ["-c", TIMED, "bash", ...command],
    env: ENVIRONMENT,
    stdin: watch === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const writer = watch === undefined ? undefined : child.stdin.getWriter();
  const type = async (text: string): Promise<void> => await writer?.write(new TextEncoder().encode(text));
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    await watch?.(output, type, child.pid);
  }
  await writer?.close().catch(() => {});
  const { code } = await child.status;
  return { code, output: output.replaceAll("\r", ""), ...splitTimes(await errors) };
}

/** What a program prints on standard output; undefined if it fails, or it or bash is not there. */
export async function ask(...command: string[]): Promise<string | undefined> {
  const options = { args: ["-c", '"$@"', "bash", ...command], stdin: "null" as const, stderr: "null" as const };
  try {
    const { success, stdout } = await new Deno.Command("bash", options).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    // The permission to run a program is that of the file which PATH has; there is none of a file that is not there.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** Prints the kilobytes of the program that {@link timeProcess} started as process $1: bash's child's child. */
const RESIDENT_MEMORY = `
read -r timeout _ < /proc/$1/task/$1/children
read -r program _ < /proc/$timeout/task/$timeout/children
while read -r key value _; do [ "$key" != VmRSS: ] || echo "$value"; done < /proc/$program/status`;

/** Resident memory of a running program, in MiB. @param pid what {@link Watch} was told */
export async function residentMemory(pid: number): Promise<number> {
  const kilobytes = Number(await ask("bash", "-c", RESIDENT_MEMORY, "bash", String(pid)));
  if (kilobytes > 0) return kilobytes / 1024;
  throw new HypervisorError("The memory of a process cannot be read from /proc");
}
