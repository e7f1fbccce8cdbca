/**
 * A device of our own: it counts down and then interrupts the guest. Everything a device needs, in one file.
 *
 * | offset | register | meaning                                                                                |
 * | ------ | -------- | -------------------------------------------------------------------------------------- |
 * | 0      | COUNT    | write: start a countdown of so many milliseconds, 0 stops it; read: what is left of it |
 * | 4      | STATUS   | read: 1 if a countdown has ended; write: acknowledge, which takes the interrupt back   |
 *
 * @module
 */
import type { AccessWidth, Clock, Device, IrqLine, Plugin, Timer } from "../../mod.ts";

const COUNT = 0, STATUS = 4;

/** The device: it knows offsets, a wire and a clock, but neither its address nor its interrupt's number. */
export class Countdown implements Device {
  /** All that a snapshot must hold: the tick at which the countdown ends, and whether one has ended. */
  readonly state: { end: number | null; rang: boolean } = { end: null, rang: false };
  readonly #irq: IrqLine;
  readonly #clock: Clock;
  readonly #timer: Timer;

  /** Makes one that drives `irq` and follows `clock`. */
  constructor(irq: IrqLine, clock: Clock) {
    this.#irq = irq;
    this.#clock = clock;
    this.#timer = clock.timer("countdown/end", () => this.#ring());
  }

  /** Reads a register; registers are 4 bytes wide. */
  read(offset: number, width: AccessWidth): number {
    const { end, rang } = this.state;
    if (width !== 4) return 0;
    if (offset === COUNT) return end === null ? 0 : Math.ceil((end - this.#clock.now()) / this.#ticksPerMs);
    return offset === STATUS ? Number(rang) : 0;
  }

  /** Writes a register. */
  write(offset: number, value: number, width: AccessWidth): void {
    if (width !== 4) return;
    if (offset === COUNT) this.state.end = value === 0 ? null : this.#clock.now() + value * this.#ticksPerMs;
    if (offset === STATUS) this.state.rang = false;
    this.#drive();
  }

  /** Back to power-on: no countdown, no interrupt. */
  reset(): void {
    Object.assign(this.state, { end: null, rang: false });
    this.#drive();
  }

  /** A snapshot has filled the state: the outside has to follow. */
  restored(): void {
    this.#drive();
  }

  get #ticksPerMs(): number {
    return this.#clock.frequency / 1000;
  }

  #ring(): void {
    Object.assign(this.state, { end: null, rang: true });
    this.#drive();
  }

  /** Timer and wire are what the state says. */
  #drive(): void {
    const { end, rang } = this.state;
    if (end === null) this.#timer.cancel();
    else this.#timer.set(end);
    this.#irq.set(rang);
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
