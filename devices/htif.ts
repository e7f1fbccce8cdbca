/**
 * The host-target interface of the Berkeley tools, as Spike has it (riscv-isa-sim fesvr/htif.cc, syscall.cc, device.cc): the
 * guest writes a command to the 64-bit word `tohost` and finds the answer in `fromhost`.
 *
 * Both words are where the symbols of the guest's image say, in ordinary RAM, and are looked at now and then: at exits of a CPU, and
 * often for a while after a command, for the guest waits for the answer and more will follow. All these moments are functions of
 * executed steps, so runs on virtual time repeat.
 *
 * An image without symbols uses the device's window: `fromhost` at 0, `tohost` at 8 (as QEMU hw/char/riscv_htif.c).
 *
 * @module
 */
import type { AccessWidth } from "../core/address.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { ConsolePort } from "../core/console.ts";
import type { Device } from "../core/device.ts";
import type { GuestDma, VmControl } from "../core/plugin_types.ts";

/** A 64-bit word: low and high half. */
type Word = [low: number, high: number];

/** Everything that an {@link Htif} remembers. */
export interface HtifState {
  /** The window's `tohost`; its upper half, written last, sends the command. */
  tohost: Word;
  /** The window's `fromhost`. */
  fromhost: Word;
  /** Whether the guest asked for a character and has none yet. */
  reading: boolean;
  /** An answer that waits until the guest has taken the one before it. */
  answer: Word | null;
  /** Tick of the next look at `tohost`; null: only exits of a CPU are one. */
  lookAt: number | null;
  /** Ticks from the last look to that one. */
  interval: number;
}

/** What the interface is connected to. */
export interface HtifOptions {
  /** The guest's memory. */
  readonly memory: GuestDma;
  /** Follows the guest. */
  readonly clock: Clock;
  /** Where characters go and come from. */
  readonly port: ConsolePort;
  /** Ends the VM, and knows where the words are. */
  readonly vm: Pick<VmControl, "powerOff" | "symbol">;
}

/** Devices and commands: the upper two bytes of `tohost`. */
const SYSCALL = 0x0000, GETCHAR = 0x0100, PUTCHAR = 0x0101;

/** System calls of the proxy, and errors that they return. */
const SYS_WRITE = 64, SYS_EXIT = 93, EBADF = 9, EFAULT = 14, ENOSYS = 38;

/** Most bytes that one write copies; the guest learns the number and goes on. */
const WRITE_MAX = 1 << 16;

/** Ticks from a command to the next look at `tohost`, and the wait after which looking often ends: each is twice the one before. */
const SHORTEST_WAIT = 100, LONGEST_WAIT = 20_000;

function powerOn(): HtifState {
  return { tohost: [0, 0], fromhost: [0, 0], reading: false, answer: null, lookAt: null, interval: 0 };
}

/** The host-target interface. */
export class Htif implements Device {
  /** Words of the window and what waits. */
  readonly state: HtifState = powerOn();
  readonly #memory: GuestDma;
  readonly #port: ConsolePort;
  readonly #vm: Pick<VmControl, "powerOff" | "symbol">;
  readonly #clock: Clock;
  readonly #timer: Timer;
  /** Addresses of the words in RAM; looked up when the guest first runs, for the image is loaded by then. */
  #symbols: { tohost: number | undefined; fromhost: number | undefined } | undefined;

  /** Makes the interface. */
  constructor({ memory, clock, port, vm }: HtifOptions) {
    this.#memory = memory;
    this.#clock = clock;
    this.#port = port;
    this.#vm = vm;
    this.#timer = clock.timer("htif/look", () => this.#look());
    port.onInput(() => this.#answer());
  }

  /** Reads a half of a word of the window. */
  read(offset: number, width: AccessWidth): number {
    return width === 4 ? this.#window(offset)?.[offset & 4 ? 1 : 0] ?? 0 : 0;
  }

  /** Writes a half of a word of the window. */
  write(offset: number, value: number, width: AccessWidth): void {
    const word = this.#window(offset);
    if (width !== 4 || !word) return;
    word[offset & 4 ? 1 : 0] = value;
    if (offset === 12) {
      this.state.tohost = [0, 0];
      this.#handle(word);
    }
    this.#answer();
  }

  /** Looks at `tohost` in RAM; called at exits of a CPU. */
  poll(): void {
    if (this.#serve()) this.#lookAfter(SHORTEST_WAIT);
  }

  /** Back to power-on. */
  reset(): void {
    Object.assign(this.state, powerOn());
    this.#timer.cancel();
  }

  /** Sets the timer as the restored state says. */
  restored(): void {
    if (this.state.lookAt === null) this.#timer.cancel();
    else this.#timer.set(this.state.lookAt);
  }

  /** Serves the command in RAM, if there is one. */
  #serve(): boolean {
    this.#symbols ??= { tohost: this.#vm.symbol("tohost"), fromhost: this.#vm.symbol("fromhost") };
    const { tohost } = this.#symbols;
    if (tohost === undefined) return false;
    this.#answer();
    const command = this.#load(tohost);
    if (!command || !(command[0] | command[1]) || this.state.answer) return false;
    this.#store(tohost, [0, 0]);
    this.#handle(command);
    this.#answer();
    return true;
  }

  /** The timer's turn: the next one follows soon after a command, ever later without one. */
  #look(): void {
    this.state.lookAt = null;
    const wait = this.#serve() ? SHORTEST_WAIT : 2 * this.state.interval;
    if (wait <= LONGEST_WAIT) this.#lookAfter(wait);
  }

  #lookAfter(wait: number): void {
    this.state.interval = wait;
    this.state.lookAt = this.#clock.now() + wait;
    this.#timer.set(this.state.lookAt);
  }

  #window(offset: number): Word | undefined {
    if (offset < 8) return this.state.fromhost;
    return offset < 16 ? this.state.tohost : undefined;
  }

  #handle([low, high]: Word): void {
    switch (high >>> 16) {
      case SYSCALL:
        if (low & 1) this.#vm.powerOff(((high & 0xffff) * 2 ** 32 + low - 1) / 2);
        else if (low | high) this.#syscall((high & 0xffff) * 2 ** 32 + low);
        break;
      case PUTCHAR:
        this.#port.write(Uint8Array.of(low));
        break;
      case GETCHAR:
        this.state.reading = true;
        break;
    }
  }

  /** Serves the call whose number and arguments are eight words in RAM; the first one takes the result. */
  #syscall(block: number): void {
    const bytes = this.#memory.read(block, 64);
    if (!bytes) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const argument = (i: number): number => view.getUint32(8 * i + 4, true) * 2 ** 32 + view.getUint32(8 * i, true);
    if (argument(0) === SYS_EXIT) return this.#vm.powerOff(view.getUint32(8, true));
    const result = argument(0) === SYS_WRITE ? this.#writeOut(argument(1), argument(2), argument(3)) : -ENOSYS;
    this.#store(block, [result >>> 0, result < 0 ? 0xffff_ffff : 0]);
    this.state.answer = [1, 0];
  }

  #writeOut(file: number, address: number, length: number): number {
    if (file !== 1 && file !== 2) return -EBADF;
    const bytes = this.#memory.read(address, Math.min(length, WRITE_MAX));
    if (!bytes) return -EFAULT;
    this.#port.write(bytes);
    return bytes.length;
  }

  /** Gives the guest a character that it waits for, and any answer as soon as `fromhost` is free. */
  #answer(): void {
    const { state } = this;
    if (state.reading && !state.answer && this.#port.available > 0) {
      state.reading = false;
      state.answer = [0x100 | this.#port.read(), GETCHAR << 16];
    }
    if (!state.answer) return;
    const symbols = this.#symbols;
    if (symbols?.tohost === undefined) {
      if (state.fromhost[0] | state.fromhost[1]) return;
      state.fromhost = state.answer;
    } else if (symbols.fromhost !== undefined) {
      const taken = this.#load(symbols.fromhost);
      if (taken && taken[0] | taken[1]) return;
      this.#store(symbols.fromhost, state.answer);
    }
    state.answer = null;
  }

  #load(address: number): Word | undefined {
    const bytes = this.#memory.read(address, 8);
    if (!bytes) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return [view.getUint32(0, true), view.getUint32(4, true)];
  }

  #store(address: number, [low, high]: Word): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, low, true);
    view.setUint32(4, high, true);
    this.#memory.write(address, new Uint8Array(view.buffer));
  }
}
