/**
 * One run of a VM from its making to the exit code of the process: console, signals, time limit, statistics.
 *
 * @module
 */
import {
  type AxVM,
  Hypervisor,
  HypervisorError,
  riscv,
  type RunOutcome,
  type VmConfigInput,
  type VmConsole,
} from "../mod.ts";
import { createDenoHost } from "../host/deno.ts";
import type { Terminal } from "../host/terminal.ts";
import { ERROR_CODE, exitCode, SIGNAL_CODES, TIMEOUT_CODE } from "./exit_code.ts";
import { findSignature, requireFolder, writeSignature } from "./signature.ts";
import { describeStatistics, Stopwatch } from "./stats.ts";

/** What is run, and how. */
export interface SessionOptions {
  /** The VM. */
  readonly config: VmConfigInput | Record<string, unknown>;
  /** What its relative paths are relative to. */
  readonly base: URL;
  /** Seconds after which the VM is powered off. */
  readonly timeout?: number;
  /** Whether numbers are shown at the end. */
  readonly stats: boolean;
  /** Where the signature goes. */
  readonly signature?: { readonly path: string; readonly granularity: number };
  /** Takes the console's output; the guest has no input then. Left out: the terminal has the console. */
  readonly onOutput?: (bytes: Uint8Array) => void;
  /** The exit code after the guest powered off with success. Default: 0. */
  readonly verdict?: (vm: AxVM) => number;
}

/** Prefix of everything that the program says itself. */
export function say(terminal: Terminal, message: string): void {
  terminal.message(message.split("\n").map((line) => `denovisor: ${line}`).join("\n"));
}

/**
 * Makes and runs a VM, and tells the exit code.
 *
 * @throws {HypervisorError} if the VM cannot be made or started
 */
export async function runSession(terminal: Terminal, options: SessionOptions): Promise<number> {
  if (options.signature) requireFolder(options.signature.path);
  const host = createDenoHost({ log: (message) => say(terminal, message) });
  await using hypervisor = new Hypervisor({ architectures: [riscv], host });
  const vm = await hypervisor.createVm(options.config, { base: options.base });
  const signature = options.signature && findSignature(vm);
  const stopwatch = options.stats ? await Stopwatch.start() : undefined;
  const end = await runToEnd(vm, terminal, options);
  const times = stopwatch?.read();
  if (signature && end.reason === "shutdown") {
    await writeSignature(vm, signature, options.signature!.path, options.signature!.granularity);
  }
  if (times !== undefined) {
    const memoryHash = vm.config.clock.kind === "virtual" ? await vm.hashMemory() : undefined;
    const consoleBytes = vm.console().outputBytes;
    terminal.message(describeStatistics(vm.statistics(), { ...times, ticks: vm.ticks, consoleBytes, memoryHash }));
  }
  return end.code === 0 && end.reason === "shutdown" && options.verdict ? options.verdict(vm) : end.code;
}

/** How a run ended, in the end. */
interface SessionEnd {
  /** Why the VM stopped. */
  readonly reason: RunOutcome["reason"];
  /** Exit code of the process. */
  readonly code: number;
}

/** Who stops a VM from outside, and with which exit code. */
class Stopper {
  /** The exit code that the first who stopped asked for. */
  code: number | undefined;
  readonly #vm: AxVM;

  constructor(vm: AxVM) {
    this.#vm = vm;
  }

  /** Powers the VM off. Whoever comes second wants the process to end now. */
  stop(code: number): void {
    if (this.code !== undefined) Deno.exit(code);
    this.code = code;
    void this.#vm.stop();
  }
}

async function runToEnd(vm: AxVM, terminal: Terminal, options: SessionOptions): Promise<SessionEnd> {
  const stopper = new Stopper(vm);
  const { timeout, onOutput } = options;
  const releaseSignals = onSignals((code) => stopper.stop(code));
  const timer = timeout === undefined ? undefined : setTimeout(() => {
    say(terminal, `The VM was powered off after ${timeout} s; give it longer with --timeout`);
    stopper.stop(TIMEOUT_CODE);
  }, timeout * 1000);
  terminal.onBroken = (): void => stopper.stop(ERROR_CODE);
  connect(vm.console(), terminal, onOutput, () => stopper.stop(0));
  try {
    const outcome = await vm.run();
    terminal.restore();
    if (stopper.code !== undefined) return { reason: "stopped", code: stopper.code };
    if (outcome.reason === "failed") say(terminal, `VM "${vm.name}" cannot go on: ${outcome.message}`);
    return { reason: outcome.reason, code: exitCode(outcome) };
  } finally {
    // Not for nothing: the first timer of a process takes more than 10 ms.
    if (timer !== undefined) clearTimeout(timer);
    releaseSignals();
    terminal.restore();
  }
}

/** Connects a console with the terminal, or its output with somebody else. */
function connect(
  console: VmConsole,
  terminal: Terminal,
  onOutput: ((bytes: Uint8Array) => void) | undefined,
  onQuit: () => void,
): void {
  console.onOutput(onOutput ?? ((bytes) => terminal.write(bytes)));
  if (onOutput) return;
  // What is typed goes in at once, so that Ctrl-A X works even if the guest reads nothing; a pipe waits until the guest has room.
  const onInput = terminal.isInteractive ? (bytes: Uint8Array): void => console.write(bytes) : toWriter(console);
  terminal.attach({ onInput, onQuit });
}

/** Writes to a console's input; the stream is made when there is any. */
function toWriter(console: VmConsole): (bytes: Uint8Array) => Promise<void> {
  let writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  return (bytes) => (writer ??= console.input.getWriter()).write(bytes);
}

/** Calls `stop` with an exit code when the process is asked to end. @returns a function that takes the listeners away */
function onSignals(stop: (code: number) => void): () => void {
  const listeners = Object.entries(SIGNAL_CODES).map(([name, code]) => {
    const listener = (): void => stop(code);
    Deno.addSignalListener(name as Deno.Signal, listener);
    return (): void => Deno.removeSignalListener(name as Deno.Signal, listener);
  });
  return () => listeners.forEach((remove) => remove());
}

/** Whether an error is the user's to mend, and its message says how. */
export function isExplained(error: unknown): error is HypervisorError {
  return error instanceof HypervisorError;
}
