/**
 * Small fakes of everything that a VM hands to a plugin or a device, so that both are tested without a VM.
 *
 * @module
 */
import type { BlockBackend, BlockMode } from "../../core/block.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import type { ConsolePort } from "../../core/console.ts";
import type { DeviceSpec } from "../../core/device.ts";
import type { AxVCpuExitReason } from "../../core/exit.ts";
import type { IrqLine } from "../../core/irq.ts";
import type {
  ExtensionPoint,
  GuestDma,
  Plugin,
  PluginContext,
  PluginOptions,
  VmControl,
} from "../../core/plugin_types.ts";

/** A wire that remembers its level and counts its rising edges. */
export class FakeLine implements IrqLine {
  /** Whether it is asserted now. */
  level = false;
  /** How often it went up. */
  rises = 0;

  /** Drives it. */
  set(asserted: boolean): void {
    if (asserted && !this.level) this.rises++;
    this.level = asserted;
  }
}

/** A 10 MHz clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  /** Ticks in a second. */
  readonly frequency = 10_000_000;
  /** 2023-11-14T22:13:20Z. */
  readonly epoch = 1_700_000_000;
  /** Current tick; tests may set it. */
  ticks = 0;
  /** Deadlines of armed timers by name. */
  readonly deadlines: Map<string, number> = new Map();
  readonly #callbacks: Map<string, () => void> = new Map();

  /** Current tick. */
  now(): number {
    return this.ticks;
  }

  /** Makes a timer; a name twice is a mistake. */
  timer(name: string, callback: () => void): Timer {
    if (this.#callbacks.has(name)) throw new Error(`Timer "${name}" exists`);
    this.#callbacks.set(name, callback);
    return {
      set: (deadline) => void this.deadlines.set(name, deadline),
      cancel: () => void this.deadlines.delete(name),
    };
  }

  /** Moves on by `ticks`, running timers that come due in order. */
  advance(ticks: number): void {
    const end = this.ticks + ticks;
    for (;;) {
      const next = [...this.deadlines].filter(([, at]) => at <= end).sort(([, a], [, b]) => a - b)[0];
      if (!next) break;
      this.ticks = Math.max(this.ticks, next[1]);
      this.deadlines.delete(next[0]);
      this.#callbacks.get(next[0])?.();
    }
    this.ticks = end;
  }
}

/** A console whose both ends the test holds. */
export class FakeConsole implements ConsolePort {
  /** Bytes that the guest sent. */
  readonly output: number[] = [];
  /** Bytes that wait for the guest. */
  input: number[] = [];
  readonly #listeners: (() => void)[] = [];

  /** Takes what the guest sends. */
  write(bytes: Uint8Array): void {
    this.output.push(...bytes);
  }

  /** Takes one byte of input. */
  read(): number {
    return this.input.shift() ?? -1;
  }

  /** Bytes that wait. */
  get available(): number {
    return this.input.length;
  }

  /** Adds a listener. */
  onInput(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Types text at the guest. */
  type(text: string): void {
    this.input.push(...new TextEncoder().encode(text));
    for (const listener of this.#listeners) listener();
  }

  /** What the guest sent, as text. */
  get text(): string {
    return new TextDecoder().decode(new Uint8Array(this.output));
  }
}

/** Guest RAM: one range of bytes. */
export class FakeMemory implements GuestDma {
  /** Address of the first byte. */
  readonly base: number;
  /** The bytes. */
  readonly bytes: Uint8Array;

  /** RAM of `size` bytes at `base`. */
  constructor(base = 0x8000_0000, size = 0x10_0000) {
    this.base = base;
    this.bytes = new Uint8Array(size);
  }

  /** Copies out. */
  read(address: number, length: number): Uint8Array | undefined {
    const start = address - this.base;
    return this.#inside(start, length) ? this.bytes.slice(start, start + length) : undefined;
  }

  /** Copies in. */
  write(address: number, bytes: Uint8Array): boolean {
    const start = address - this.base;
    if (!this.#inside(start, bytes.length)) return false;
    this.bytes.set(bytes, start);
    return true;
  }

  #inside(start: number, length: number): boolean {
    return start >= 0 && start + length <= this.bytes.length;
  }
}

/** A VM that writes down what is asked of it. */
export class FakeVm implements VmControl {
  /** Codes of the power-offs. */
  readonly powerOffs: number[] = [];
  /** How often a reset was asked for. */
  reboots = 0;
  /** Messages. */
  readonly messages: string[] = [];
  /** Disks that {@link openBlock} finds, by path. */
  readonly disks: Map<string, BlockBackend> = new Map();
  /** What was opened: `path mode`. */
  readonly opened: string[] = [];
  /** Symbols of the kernel. */
  readonly symbols: Map<string, number> = new Map();
  readonly #pending: Promise<unknown>[] = [];

  /** Notes the code. */
  powerOff(code: number): void {
    this.powerOffs.push(code);
  }

  /** Counts. */
  reboot(): void {
    this.reboots++;
  }

  /** Notes the message. */
  log(message: string): void {
    this.messages.push(message);
  }

  /** Applies `done` when the work is finished; a rejection fails {@link settle}. */
  later<Result>(work: Promise<Result>, done: (result: Result) => void): void {
    this.#pending.push(work.then(done));
  }

  /** Waits until no work is left. */
  async settle(): Promise<void> {
    while (this.#pending.length > 0) await Promise.all(this.#pending.splice(0));
  }

  /** Gives a disk of {@link disks}. */
  openBlock(path: string, mode: BlockMode): Promise<BlockBackend> {
    this.opened.push(`${path} ${mode}`);
    const disk = this.disks.get(path);
    return disk ? Promise.resolve(disk) : Promise.reject(new Error(`No disk "${path}"`));
  }

  /** Counts up: enough to tell bytes apart. */
  random(length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, index) => index + 1);
  }

  /** Looks a symbol up. */
  symbol(name: string): number | undefined {
    return this.symbols.get(name);
  }
}

/** A context for one plugin. */
export class FakePluginContext implements PluginContext {
  /** Devices that the plugin registered, in order. */
  readonly devices: DeviceSpec[] = [];
  /** What it added to extension points. */
  readonly extensions: { point: string; value: unknown }[] = [];
  /** Wires that exist, by name. */
  readonly wires: Map<string, FakeLine> = new Map();
  /** Consoles that were opened, by name. */
  readonly consoles: Map<string, FakeConsole> = new Map();
  /** Hooks of exits. */
  readonly exitHooks: ((cpu: number, exit: AxVCpuExitReason) => void)[] = [];
  /** Hooks of resets. */
  readonly resetHooks: (() => void)[] = [];
  /** Guest memory. */
  readonly memory: FakeMemory = new FakeMemory();
  /** The clock. */
  readonly clock: FakeClock = new FakeClock();
  /** The VM. */
  readonly vm: FakeVm = new FakeVm();
  /** The plugin's options. */
  readonly options: PluginOptions;

  /**
   * @param options Of the plugin
   * @param cpus How many CPUs have wires
   * @param mode `machine` gives every CPU its machine-level wires, `guest` the supervisor's only
   */
  constructor(options: PluginOptions = {}, cpus = 1, mode: "guest" | "machine" = "guest") {
    this.options = options;
    for (let cpu = 0; cpu < cpus; cpu++) {
      const names = mode === "machine" ? ["machine-software", "machine-timer", "machine-external"] : [];
      for (const name of [...names, "supervisor-external"]) this.wires.set(`cpu${cpu}/${name}`, new FakeLine());
    }
  }

  /** Notes the device. */
  device(spec: DeviceSpec): void {
    this.devices.push(spec);
  }

  /** Notes the extension. */
  extend<Value>(point: ExtensionPoint<Value>, value: Value): void {
    this.extensions.push({ point: point.name, value });
  }

  /** Looks a wire up. */
  irq(name: string): FakeLine | undefined {
    return this.wires.get(name);
  }

  /** Opens a console. */
  console(name: string): FakeConsole {
    const found = this.consoles.get(name) ?? new FakeConsole();
    this.consoles.set(name, found);
    return found;
  }

  /** Adds a hook. */
  onExit(hook: (cpu: number, exit: AxVCpuExitReason) => void): void {
    this.exitHooks.push(hook);
  }

  /** Adds a hook. */
  onReset(hook: () => void): void {
    this.resetHooks.push(hook);
  }

  /** The device of that name; throws if the plugin registered none. */
  spec(name: string): DeviceSpec {
    const found = this.devices.find((spec) => spec.name === name);
    if (!found) throw new Error(`No device "${name}" among ${this.devices.map((spec) => spec.name).join(", ")}`);
    return found;
  }
}

/** Sets a plugin up in a fake context and returns the context. */
export async function setUp(plugin: Plugin, context: FakePluginContext): Promise<FakePluginContext> {
  await plugin.setup(context);
  return context;
}
