/**
 * A device of our own: it counts down and then interrupts the guest. Everything a device needs, in one file.
 *
 * | offset | register | meaning                                                                             |
 * | ------ | -------- | ----------------------------------------------------------------------------------- |
 * | 0      | COUNT    | write: start a countdown of so many milliseconds, 0 stops it; read: what is left of it |
 * | 4      | STATUS   | read: 1 if a countdown has ended; write: acknowledge, which takes the interrupt back   |
 *
 * @module
 */
import type { Clock, Device, IrqLine, Plugin, Timer } from "../../mod.ts";

const COUNT = 0, STATUS = 4;

/** The device: it knows offsets, a wire and a clock, but neither its address nor its interrupt's number. */
export class Countdown implements Device {
  /** All that a snapshot must hold. */
  readonly state = { end: 0, rang: false };
  readonly #irq: IrqLine;
  readonly #clock: Clock;
  readonly #timer: Timer;

  /** Makes one that drives `irq` and follows `clock`. */
  constructor(irq: IrqLine, clock: Clock) {
    this.#irq = irq;
    this.#clock = clock;
    this.#timer = clock.timer("countdown/end", () => this.#ring());
  }

  /** Reads a register. */
  read(offset: number): number {
    if (offset === COUNT) return Math.ceil(Math.max(0, this.state.end - this.#clock.now()) / this.#ticksPerMs);
    return offset === STATUS ? Number(this.state.rang) : 0;
  }

  /** Writes a register. */
  write(offset: number, value: number): void {
    if (offset === STATUS) this.#acknowledge();
    if (offset !== COUNT) return;
    this.state.end = this.#clock.now() + value * this.#ticksPerMs;
    if (value === 0) this.#timer.cancel();
    else this.#timer.set(this.state.end);
  }

  /** Back to power-on: no countdown, no interrupt. */
  reset(): void {
    this.state.end = 0;
    this.#timer.cancel();
    this.#acknowledge();
  }

  /** After a snapshot was taken over: the wire follows the state; the clock has brought the deadline itself. */
  restored(): void {
    this.#irq.set(this.state.rang);
  }

  get #ticksPerMs(): number {
    return this.#clock.frequency / 1000;
  }

  #ring(): void {
    this.state.rang = true;
    this.#irq.set(true);
  }

  #acknowledge(): void {
    this.state.rang = false;
    this.#irq.set(false);
  }
}

/** The plugin that brings the device. */
const plugin: Plugin = {
  name: "countdown",
  apiVersion: 1,
  setup(context) {
    context.device({
      name: "countdown",
      base: 0x1000_9000, // the first free page behind the board's virtio slots
      size: 0x1000,
      irq: 12,
      fdt: { node: "countdown", properties: { compatible: "example,countdown" } },
      create: ({ irq }) => new Countdown(irq, context.clock),
    });
  },
};

export default plugin;
