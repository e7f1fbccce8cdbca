/**
 * The command line of `denovisor`: commands, options and help.
 *
 * @module
 */
import type { BlockMode, VmMode } from "../mod.ts";
import {
  describeOptions,
  type OptionRow,
  parseAddress,
  parseCount,
  type ParsedOptions,
  parseOptions,
  parseSeconds,
  parseSize,
  parseWord,
  UsageError,
} from "./parse_options.ts";

/** Options that every way of running a VM has. */
export const COMMON_ROWS: readonly OptionRow[] = [
  { name: "memory", value: "SIZE", help: "RAM of the guest, for example 256M" },
  { name: "cpus", value: "N", help: "virtual CPUs" },
  { name: "engine", value: "NAME", help: "who executes the guest: jit (default), interpreter, jit-always or oracle" },
  { name: "code-cache", value: "SIZE", help: "memory that translated code may take (default 256M)" },
  { name: "virtual-time", help: "time is a function of executed instructions: every run is the same" },
  { name: "timeout", value: "SECONDS", help: "power the VM off after so long and exit with 124" },
  { name: "stats", help: "at the end, instructions, speed, exits and misses on standard error" },
];

/** Options of `run`. */
const RUN_ROWS: readonly OptionRow[] = [
  {
    name: "mode",
    value: "guest|machine",
    help: "guest: under our firmware (default); machine: from the first privileged instruction on",
  },
  ...COMMON_ROWS,
  { name: "bios", value: "FILE", help: "firmware, in machine mode" },
  { name: "kernel", value: "FILE", help: "kernel: after firmware at 0x80200000, unless its format says otherwise" },
  { name: "initrd", value: "FILE", help: "initial RAM disk" },
  { name: "append", value: "TEXT", help: "kernel command line" },
  {
    name: "disk",
    value: "FILE[,ro|,overlay]",
    multiple: true,
    help: "raw disk image, read-only or with writes kept in memory; may be given again",
  },
  { name: "dtb", value: "FILE", help: "device tree in place of the generated one" },
  { name: "load-address", value: "ADDRESS", help: "where a flat image goes" },
  { name: "plugin", value: "PATH|URL", multiple: true, help: "plugin to add; may be given again" },
  { name: "signature", value: "FILE", help: "write memory from begin_signature to end_signature, as Spike does" },
  { name: "signature-granularity", value: "4|8|16", help: "bytes in a line of the signature (default 8)" },
];

/** Options without a command. */
const MAIN_ROWS: readonly OptionRow[] = [
  { name: "help", short: "h", help: "show this help" },
  { name: "version", help: "show the version" },
];

/** A disk image as the command line names it. */
export interface DiskOption {
  /** Path of the image. */
  readonly path: string;
  /** How it is opened. */
  readonly mode: BlockMode;
}

/** Values of {@link COMMON_ROWS}. */
export interface CommonOptions {
  /** Bytes of RAM. */
  readonly memory?: number;
  /** Virtual CPUs. */
  readonly cpus?: number;
  /** Engine of the architecture, which checks the name. */
  readonly engine?: string;
  /** Bytes of memory that translated code may take; the architecture checks the number. */
  readonly codeCache?: number;
  /** Whether time is virtual. */
  readonly virtualTime: boolean;
  /** Seconds after which the VM is powered off. */
  readonly timeout?: number;
  /** Whether numbers are shown at the end. */
  readonly stats: boolean;
}

/** Values of `run`'s options. */
export interface RunCommand extends CommonOptions {
  /** Which command. */
  readonly command: "run";
  /** The TOML or image; undefined if `--bios` and `--kernel` say it all. */
  readonly target: string | undefined;
  /** How the guest owns its CPUs. */
  readonly mode?: VmMode;
  /** Firmware. */
  readonly bios?: string;
  /** Kernel. */
  readonly kernel?: string;
  /** Initial RAM disk. */
  readonly initrd?: string;
  /** Kernel command line. */
  readonly append?: string;
  /** Disks. */
  readonly disks: readonly DiskOption[];
  /** Device tree. */
  readonly dtb?: string;
  /** Where a flat image goes. */
  readonly loadAddress?: number;
  /** Plugins. */
  readonly plugins: readonly string[];
  /** Signature file. */
  readonly signature?: string;
  /** Bytes in a line of the signature. */
  readonly granularity: number;
}

/** What the command line asks for. */
export type Command =
  | RunCommand
  | { readonly command: "check"; readonly path: string }
  | { readonly command: "help" }
  | { readonly command: "version" };

/** Whether a file is a VM's configuration and not an image. */
export function isConfigFile(path: string): boolean {
  return path.toLowerCase().endsWith(".toml");
}

/**
 * Understands a command line.
 *
 * @throws {UsageError} if it is wrong
 */
export function parseCommand(args: readonly string[]): Command {
  const parsed = parseOptions(args, [...RUN_ROWS, ...MAIN_ROWS]);
  if (parsed.has("help")) return { command: "help" };
  if (parsed.has("version")) return { command: "version" };
  const [command, target, ...rest] = parsed.positionals;
  if (command === undefined) {
    throw new UsageError("No command is given; write denovisor run IMAGE, or denovisor --help");
  }
  if (command !== "run" && command !== "check") {
    const image = /[./]/.test(command) ? `; to run it, write denovisor run ${command}` : "; use run or check";
    throw new UsageError(`There is no command "${command}"${image}`);
  }
  if (rest.length > 0) {
    throw new UsageError(`"${rest[0]}" is one argument too many; a VM has one image, disks are given with --disk`);
  }
  if (command === "run") return runCommand(parsed, target);
  const option = RUN_ROWS.find(({ name }) => parsed.has(name));
  if (option) throw new UsageError(`Option "--${option.name}" does nothing for check; leave it out`);
  if (target === undefined || !isConfigFile(target)) {
    throw new UsageError("check needs a VM's TOML file: denovisor check vm.toml");
  }
  return { command, path: target };
}

/** Reads {@link COMMON_ROWS}. */
export function commonOptions(parsed: ParsedOptions): CommonOptions {
  const [memory, cpus, timeout, cache] = ["memory", "cpus", "timeout", "code-cache"].map((name) => parsed.value(name));
  return {
    memory: memory === undefined ? undefined : memorySize(memory),
    cpus: cpus === undefined ? undefined : parseCount(cpus, "--cpus", 1, 64),
    timeout: timeout === undefined ? undefined : parseSeconds(timeout, "--timeout"),
    engine: parsed.value("engine"),
    codeCache: cache === undefined ? undefined : parseSize(cache, "--code-cache"),
    virtualTime: parsed.has("virtual-time"),
    stats: parsed.has("stats"),
  };
}

function memorySize(text: string): number {
  const size = parseSize(text, "--memory");
  if (size >= 2 ** 20 && size <= 3 * 2 ** 30 && size % 4096 === 0) return size;
  throw new UsageError(`Option "--memory" must be from 1M to 3G in whole pages of 4096 bytes, not "${text}"`);
}

function runCommand(parsed: ParsedOptions, target: string | undefined): RunCommand {
  const [mode, address, granularity] = ["mode", "load-address", "signature-granularity"].map((name) =>
    parsed.value(name)
  );
  const command: RunCommand = {
    command: "run",
    target,
    ...commonOptions(parsed),
    mode: mode === undefined ? undefined : parseWord<VmMode>(mode, "--mode", ["guest", "machine"]),
    bios: parsed.value("bios"),
    kernel: parsed.value("kernel"),
    initrd: parsed.value("initrd"),
    append: parsed.value("append"),
    disks: parsed.values("disk").map(parseDisk),
    dtb: parsed.value("dtb"),
    loadAddress: address === undefined ? undefined : parseAddress(address, "--load-address"),
    plugins: parsed.values("plugin"),
    signature: parsed.value("signature"),
    granularity: granularity === undefined
      ? 8
      : Number(parseWord(granularity, "--signature-granularity", ["4", "8", "16"])),
  };
  checkImages(command);
  return command;
}

function checkImages({ target, mode, bios, kernel }: RunCommand): void {
  const toml = target !== undefined && isConfigFile(target);
  if (toml) return;
  if (target === undefined && kernel === undefined && bios === undefined) {
    throw new UsageError("run needs a VM's TOML file or an image: denovisor run IMAGE");
  }
  if (mode === "machine") {
    if (target === undefined || bios === undefined || kernel === undefined) return;
    throw new UsageError(`"${target}", --bios and --kernel are three images; a machine has firmware and a kernel`);
  }
  if (bios !== undefined) throw new UsageError('Option "--bios" needs a machine of its own; add --mode machine');
  if (target !== undefined && kernel !== undefined) {
    throw new UsageError(`"${target}" and --kernel are both kernels; give one of them, or add --mode machine`);
  }
}

function parseDisk(text: string): DiskOption {
  const match = /^(.+),(rw|ro|overlay)$/.exec(text);
  if (match !== null) return { path: match[1], mode: match[2] as BlockMode };
  return { path: text, mode: "rw" };
}

/** What `--help` shows. */
export function helpText(): string {
  return `denovisor: runs virtual machines in Deno

Usage:
  denovisor run IMAGE [options]    run an ELF program, a Linux Image, gzip of either, or flat bytes
  denovisor run VM.toml [options]  run the VM that a TOML file describes; options change it
  denovisor check VM.toml          say whether a TOML file is right, and run nothing
  denovisor --help | --version

Options of run:
${describeOptions(RUN_ROWS)}

Keys on a terminal: Ctrl-A X leaves, Ctrl-A H helps.

Exit code: 0 after the guest powered off, its failure code if it reported one, 124 after a timeout, 2 if the command line is
wrong, 1 for every other error.`;
}
