/** Runs the host's package and file-system tools, and names the missing ones in one sentence. @module */

import { HypervisorError } from "../../core/errors.ts";

/** Something on the host is missing or failed; the message is one sentence that says what to do. */
export class HostToolError extends HypervisorError {
  /** The class name. */
  override readonly name: string = "HostToolError";
}

/** What a tool that ended left behind. */
export interface ToolResult {
  /** The exit status. */
  readonly code: number;
  /** Standard output, as text. */
  readonly stdout: string;
  /** Standard error, as text. */
  readonly stderr: string;
}

/** How {@link runTool} runs a tool. */
export interface ToolOptions {
  /** Working directory of the tool. */
  readonly cwd?: string;
  /** Environment variables added to the caller's. */
  readonly env?: Record<string, string>;
  /** Called for each line of standard output as it appears. */
  readonly onLine?: (line: string) => void;
}

interface HostTool {
  /** The Debian package that holds the tool. */
  readonly packageName: string;
  /** Where to look, in order: a bare name is looked up in PATH. */
  readonly candidates: readonly string[];
  /** Arguments that make the tool print its version and end. */
  readonly probe: readonly string[];
}

/** mke2fs lies outside an ordinary user's PATH, so its usual places are named. */
const TOOLS: Readonly<Record<string, HostTool>> = {
  "apt-get": { packageName: "apt", candidates: ["apt-get"], probe: ["--version"] },
  "apt-cache": { packageName: "apt", candidates: ["apt-cache"], probe: ["--version"] },
  "dpkg-deb": { packageName: "dpkg", candidates: ["dpkg-deb"], probe: ["--version"] },
  "mke2fs": { packageName: "e2fsprogs", candidates: ["/usr/sbin/mke2fs", "/sbin/mke2fs", "mke2fs"], probe: ["-V"] },
  "xz": { packageName: "xz-utils", candidates: ["xz"], probe: ["--version"] },
};

/** The names of the tools that {@link runTool} knows. */
export type HostToolName = "apt-get" | "apt-cache" | "dpkg-deb" | "mke2fs" | "xz";

/**
 * Runs a tool to its end.
 *
 * @throws {HostToolError} when the tool is not installed or may not be run; its exit status is the caller's to judge.
 */
export async function runTool(
  name: HostToolName,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const child = spawn(name, args, options);
  const [stdout, stderr, status] = await Promise.all([
    readText(child.stdout, options.onLine),
    readText(child.stderr),
    child.status,
  ]);
  return { code: status.code, stdout, stderr };
}

/**
 * Runs a tool whose standard output is bytes, and hands these to `consume` as a stream.
 *
 * @throws {HostToolError} when the tool is not installed, or ends with a status other than 0.
 */
export async function streamTool<T>(
  name: HostToolName,
  args: readonly string[],
  consume: (stream: ReadableStream<Uint8Array>) => Promise<T>,
): Promise<T> {
  const child = spawn(name, args, {});
  const stderr = readText(child.stderr);
  try {
    const value = await consume(child.stdout);
    const status = await child.status;
    if (!status.success) throw new HostToolError(toolFailure(name, args, status.code, await stderr));
    return value;
  } catch (error) {
    await endChild(child);
    await stderr;
    throw error;
  }
}

/**
 * Makes sure that every named tool can be run.
 *
 * @throws {HostToolError} naming all the missing ones and the packages that hold them.
 */
export async function requireTools(names: readonly HostToolName[]): Promise<void> {
  const missing: HostToolName[] = [];
  for (const name of names) {
    try {
      await runTool(name, TOOLS[name].probe);
    } catch (error) {
      if (!(error instanceof HostToolError)) throw error;
      missing.push(name);
    }
  }
  if (missing.length > 0) throw new HostToolError(missingTools(missing));
}

/** The sentence for missing tools: what is missing and which Debian packages to install. */
export function missingTools(names: readonly HostToolName[]): string {
  const packages = [...new Set(names.map((name) => TOOLS[name].packageName))];
  return `Missing host ${names.length === 1 ? "tool" : "tools"} ${names.map((name) => `'${name}'`).join(", ")}: ` +
    `install the Debian ${packages.length === 1 ? "package" : "packages"} ${packages.join(", ")} ` +
    "(and let Deno run them with --allow-run)";
}

/** The sentence for a tool that ended with a bad status: its last words explain it best. */
export function toolFailure(name: string, args: readonly string[], code: number, stderr: string): string {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return `'${[name, ...args].join(" ")}' failed with status ${code}${last === "" ? "" : `: ${last}`}`;
}

function spawn(name: HostToolName, args: readonly string[], options: ToolOptions): Deno.ChildProcess {
  for (const candidate of TOOLS[name].candidates) {
    try {
      return new Deno.Command(candidate, {
        args: [...args],
        cwd: options.cwd,
        // The answers are parsed, so they must come in the C locale.
        env: { LC_ALL: "C", ...options.env },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      const absent = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable ||
        error instanceof Deno.errors.PermissionDenied;
      if (!absent) throw error;
    }
  }
  throw new HostToolError(missingTools([name]));
}

async function endChild(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It had ended already.
  }
  await child.status;
}

async function readText(stream: ReadableStream<Uint8Array>, onLine?: (line: string) => void): Promise<string> {
  let text = "";
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const part = decoder.decode(chunk, { stream: true });
    text += part;
    if (onLine === undefined) continue;
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine?.(rest);
  return text;
}
