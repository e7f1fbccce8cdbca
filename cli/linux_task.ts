/**
 * `deno task linux`: gets Debian's riscv64 kernel, builds a guest around it, and boots it to a shell or for one command.
 *
 * @module
 */
import { defaultCacheDir, LINUX_COMMAND_LINE, prepareLinux, RunDisk } from "./linux/mod.ts";
import type { Terminal } from "../host/terminal.ts";
import { ERROR_CODE } from "./exit_code.ts";
import { COMMON_ROWS, type CommonOptions, commonOptions } from "./options.ts";
import { describeOptions, type OptionRow, parseOptions, UsageError } from "./parse_options.ts";
import { absolutePath, escapePath, folderUrl } from "./paths.ts";
import { runProgram } from "./process.ts";
import { runSession, say } from "./session.ts";
import { boardConfig, type BoardDisk } from "./vm_config.ts";

/** RAM of the guest: a Debian kernel is at ease there. */
const MEMORY = 512 * 2 ** 20;

/** Bytes of console output that are shown when a command's status never came. */
const TAIL = 2000;

const ROWS: readonly OptionRow[] = [
  { name: "run", value: "COMMAND", help: "run a shell command in the guest, print its output, exit with its status" },
  { name: "verbose", short: "v", help: "show the kernel's log; with --run, on standard error" },
  { name: "mirror", value: "URL", help: "Debian archive; default: the one of this machine's apt" },
  { name: "fresh", help: "build the guest's disk anew; what is on it is lost" },
  { name: "cache", value: "FOLDER", help: "where downloads and the disk are kept" },
  ...COMMON_ROWS,
  { name: "help", short: "h", help: "show this help" },
];

const HELP = `deno task linux: boots Debian's riscv64 kernel

Options:
${describeOptions(ROWS)}

Without --run, a shell in the terminal: Ctrl-A X leaves, Ctrl-A H helps, "poweroff" powers off.
The exit code is the command's status with --run, 0 after a power-off, 124 after a timeout, 2 if the command line is wrong, 1 for
every other error.
`;

interface LinuxOptions extends CommonOptions {
  readonly run: string | undefined;
  readonly verbose: boolean;
  readonly mirror: string | undefined;
  readonly fresh: boolean;
  readonly cacheDir: string;
}

function parse(args: readonly string[]): LinuxOptions | undefined {
  const parsed = parseOptions(args, ROWS);
  if (parsed.has("help")) return undefined;
  if (parsed.positionals.length > 0) {
    const [first] = parsed.positionals;
    throw new UsageError(`"${first}" is no option; a command for the guest is written --run '${first}'`);
  }
  const cache = parsed.value("cache");
  return {
    ...commonOptions(parsed),
    run: parsed.value("run"),
    verbose: parsed.has("verbose"),
    mirror: parsed.value("mirror"),
    fresh: parsed.has("fresh"),
    cacheDir: cache === undefined ? defaultCacheDir() : absolutePath(cache),
  };
}

/** Where the console of a guest goes that runs one command: what it said last is kept for the case that the command never ended. */
class ConsoleTail {
  #text = "";
  readonly #decoder: TextDecoder = new TextDecoder();
  readonly #show: ((bytes: Uint8Array) => void) | undefined;

  constructor(show: ((bytes: Uint8Array) => void) | undefined) {
    this.#show = show;
  }

  add(bytes: Uint8Array): void {
    this.#show?.(bytes);
    this.#text = (this.#text + this.#decoder.decode(bytes, { stream: true })).slice(-TAIL);
  }

  get text(): string {
    return this.#text.replaceAll("\r", "").trim();
  }
}

/** Gets the guest and runs it. @returns the exit code */
async function linux(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = parse(args);
  if (options === undefined) {
    terminal.write(new TextEncoder().encode(HELP));
    return 0;
  }
  const { run, verbose, timeout, stats, virtualTime, cacheDir, mirror, fresh } = options;
  const progress = (line: string): void => terminal.message(line);
  const files = await prepareLinux({ cacheDir, mirror, freshDisk: fresh, progress });
  const disks: BoardDisk[] = [{ path: files.disk, mode: "rw" }];
  const command = run === undefined ? undefined : new RunDisk({
    command: run,
    nonce: virtualTime ? "virtual-time" : crypto.randomUUID(),
    onOutput: (bytes) => terminal.write(bytes),
    onError: (bytes) => {
      terminal.flush();
      terminal.writeError(bytes);
    },
  });
  if (command) disks.push({ backend: command });
  const tail = new ConsoleTail(verbose ? (bytes) => terminal.writeError(bytes) : undefined);
  const cmdline = verbose ? LINUX_COMMAND_LINE.replace(" quiet", "") : LINUX_COMMAND_LINE;
  const kernel = { kernel_path: escapePath(files.kernel), ramdisk_path: escapePath(files.initrd), cmdline };
  return await runSession(terminal, {
    config: boardConfig({ ...options, memory: options.memory ?? MEMORY }, kernel, { disks }),
    base: folderUrl(cacheDir),
    timeout,
    stats,
    onOutput: command && ((bytes) => tail.add(bytes)),
    verdict: command && (() => verdict(command.status, tail.text, terminal)),
  });
}

/** The status of the command, if the guest told it. */
function verdict(status: number | undefined, tail: string, terminal: Terminal): number {
  if (status !== undefined) return status;
  say(terminal, "The guest powered off before the command ended; the last that its console showed follows");
  terminal.message(tail);
  return ERROR_CODE;
}

if (import.meta.main) void runProgram((terminal) => linux(Deno.args, terminal));
