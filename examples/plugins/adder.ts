/**
 * A device that reads the guest's memory itself (DMA) and interrupts when it is done: it adds bytes up.
 *
 * Registers of 4 bytes: 0 ADDRESS, 4 LENGTH, 8 SUM (a write starts), 12 STATUS (1 when done; a write acknowledges).
 *
 * @module
 */
import type { AccessWidth, Device, GuestDma, IrqLine, Plugin } from "../../mod.ts";

const ADDRESS = 0, LENGTH = 4, SUM = 8, STATUS = 12;

/** Most bytes of one request: the guest must not keep the host busy. */
const LENGTH_MAX = 65536;

/** The device. */
export class Adder implements Device {
  /** All that a snapshot must hold. */
  readonly state: { address: number; length: number; sum: number; done: boolean } = powerOn();
  readonly #irq: IrqLine;
  readonly #memory: GuestDma;

  /** Makes one that drives `irq` and reads `memory`. */
  constructor(irq: IrqLine, memory: GuestDma) {
    this.#irq = irq;
    this.#memory = memory;
  }

  /** Reads a register. */
  read(offset: number, width: AccessWidth): number {
    const { address, length, sum, done } = this.state;
    return width === 4 ? [address, length, sum, Number(done)][offset / 4] ?? 0 : 0;
  }

  /** Writes a register. */
  write(offset: number, value: number, width: AccessWidth): void {
    if (width !== 4) return;
    if (offset === ADDRESS) this.state.address = value;
    if (offset === LENGTH) this.state.length = value;
    if (offset === SUM) this.#add();
    if (offset === STATUS) this.state.done = false;
    this.restored();
  }

  /** Back to power-on. */
  reset(): void {
    Object.assign(this.state, powerOn());
    this.restored();
  }

  /** The wire is what the state says. */
  restored(): void {
    this.#irq.set(this.state.done);
  }

  #add(): void {
    const { address, length } = this.state;
    const bytes = this.#memory.read(address, Math.min(length, LENGTH_MAX));
    // The guest chose the address; if it is no RAM, the answer says so.
    this.state.sum = bytes === undefined ? 0xffff_ffff : bytes.reduce((sum, byte) => sum + byte, 0);
    this.state.done = true;
  }
}

function powerOn(): Adder["state"] {
  return { address: 0, length: 0, sum: 0, done: false };
}

/** The plugin that brings the device. */
const plugin: Plugin = {
  name: "adder",
  apiVersion: 1,
  setup(context) {
    context.device({
      name: "adder",
      base: 0x1000_c000,
      size: 0x1000,
      irq: 13,
      fdt: { node: "adder", properties: { compatible: "example,adder" } },
      create: ({ irq }) => new Adder(irq, context.memory),
    });
  },
};

export default plugin;
