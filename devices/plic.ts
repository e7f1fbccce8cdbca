/**
 * The platform-level interrupt controller (RISC-V Platform-Level Interrupt Controller Specification 1.0.0).
 *
 * Sources are level-sensitive: a gateway lets one request through, and the next only after the handler has completed it.
 *
 * @module
 */
import type { AccessWidth } from "../core/address.ts";
import type { Device } from "../core/device.ts";
import type { IrqController, IrqLine } from "../core/irq.ts";

/** Where the register groups begin and how far apart their parts are (specification, chapter 3). */
const PENDING = 0x1000, ENABLE = 0x2000, ENABLE_STRIDE = 0x80, CONTEXT = 0x20_0000, CONTEXT_STRIDE = 0x1000;

/** Priorities and thresholds have three bits, as on QEMU's board. */
const PRIORITY_MASK = 7;

/** Everything that a {@link Plic} remembers. Bit `n % 32` of word `n >> 5` belongs to source `n`. */
export interface PlicState {
  /** Priority by source; 0 never interrupts. */
  priority: number[];
  /** Levels of the wires. */
  level: number[];
  /** Requests that passed the gateway and were not claimed. */
  pending: number[];
  /** Sources whose request was claimed and is not completed: their gateways are shut. */
  claimed: number[];
  /** Enabled sources by context. */
  enable: number[][];
  /** Threshold by context: only higher priorities interrupt. */
  threshold: number[];
}

/** The interrupt controller. */
export class Plic implements Device {
  /** Registers, gateways and the levels of the wires. */
  readonly state: PlicState;
  /** Where the wires of devices end. */
  readonly irqController: IrqController = this;
  /** Sources are numbered from 1. */
  readonly inputs: { readonly first: number; readonly last: number };
  readonly #sources: number;
  readonly #targets: readonly (IrqLine | undefined)[];

  /**
   * Makes one.
   *
   * @param targets The CPU input that each context drives; a context without one has registers all the same
   * @param sources Highest number of a source; source 0 does not exist
   */
  constructor(targets: readonly (IrqLine | undefined)[], sources = 96) {
    this.#targets = targets;
    this.#sources = sources;
    this.inputs = { first: 1, last: sources };
    this.state = this.#powerOn();
  }

  #powerOn(): PlicState {
    const words = (this.#sources >> 5) + 1;
    const bits = (): number[] => new Array(words).fill(0);
    return {
      priority: new Array(this.#sources + 1).fill(0),
      level: bits(),
      pending: bits(),
      claimed: bits(),
      enable: this.#targets.map(bits),
      threshold: this.#targets.map(() => 0),
    };
  }

  /** Takes the level of a device's wire. A number that is no source is ignored. */
  setIrq(irq: number, asserted: boolean): void {
    if (irq < 1 || irq > this.#sources) return;
    const { level } = this.state;
    const word = irq >> 5, bit = 1 << (irq & 31);
    if (((level[word] & bit) !== 0) === asserted) return;
    level[word] ^= bit;
    if (asserted) this.#openGateway(word, bit);
  }

  /** Reads a register of 4 bytes; reading the claim register claims. */
  read(offset: number, width: AccessWidth): number {
    if (width !== 4 || offset & 3) return 0;
    const { priority, pending, enable, threshold } = this.state;
    if (offset < PENDING) return priority[offset >> 2] ?? 0;
    if (offset < ENABLE) return (pending[(offset - PENDING) >> 2] ?? 0) >>> 0;
    if (offset < CONTEXT) {
      const context = Math.floor((offset - ENABLE) / ENABLE_STRIDE);
      return (enable[context]?.[(offset % ENABLE_STRIDE) >> 2] ?? 0) >>> 0;
    }
    const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE);
    if (context >= threshold.length) return 0;
    switch (offset % CONTEXT_STRIDE) {
      case 0:
        return threshold[context];
      case 4:
        return this.#claim(context);
      default:
        return 0;
    }
  }

  /** Writes a register of 4 bytes; writing the claim register completes. */
  write(offset: number, value: number, width: AccessWidth): void {
    if (width !== 4 || offset & 3) return;
    const { priority, enable, threshold } = this.state;
    if (offset < PENDING) {
      const source = offset >> 2;
      if (source < 1 || source > this.#sources) return;
      priority[source] = value & PRIORITY_MASK;
    } else if (offset >= ENABLE && offset < CONTEXT) {
      const words = enable[Math.floor((offset - ENABLE) / ENABLE_STRIDE)];
      const word = (offset % ENABLE_STRIDE) >> 2;
      if (!words || word >= words.length) return;
      words[word] = value & this.#existing(word);
    } else if (offset >= CONTEXT) {
      const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE);
      if (context >= threshold.length) return;
      if (offset % CONTEXT_STRIDE === 0) threshold[context] = value & PRIORITY_MASK;
      else if (offset % CONTEXT_STRIDE === 4) this.#complete(context, value);
    }
    this.#update();
  }

  /** Back to power-on; wires count as low until their devices drive them again. */
  reset(): void {
    Object.assign(this.state, this.#powerOn());
    this.#update();
  }

  /** Drives the CPUs as the restored registers say. */
  restored(): void {
    this.#update();
  }

  /** Bits of a word that belong to sources. */
  #existing(word: number): number {
    const first = word === 0 ? ~1 : ~0;
    const last = this.#sources - (word << 5);
    return last >= 31 ? first : first & ((2 << last) - 1);
  }

  /** Lets the request of an asserted wire through, unless one is already on its way. */
  #openGateway(word: number, bit: number): void {
    const { level, claimed, pending } = this.state;
    if (!(level[word] & bit) || claimed[word] & bit) return;
    pending[word] |= bit;
    this.#update();
  }

  /** The source that a claim would return: highest priority, then lowest number; 0 if there is none. */
  #best(context: number): number {
    const { pending, enable, priority } = this.state;
    const enabled = enable[context];
    let best = 0;
    for (let word = 0; word < pending.length; word++) {
      for (let bits = pending[word] & enabled[word]; bits !== 0; bits &= bits - 1) {
        const source = (word << 5) + 31 - Math.clz32(bits & -bits);
        if (priority[source] > priority[best]) best = source;
      }
    }
    return best;
  }

  /** Claims (chapter 9): the threshold masks the interrupt, not the claim. */
  #claim(context: number): number {
    const source = this.#best(context);
    if (source === 0) return 0;
    this.state.pending[source >> 5] &= ~(1 << (source & 31));
    this.state.claimed[source >> 5] |= 1 << (source & 31);
    this.#update();
    return source;
  }

  /** Completes (chapter 10): ignored unless the source is enabled for the context. */
  #complete(context: number, source: number): void {
    if (source < 1 || source > this.#sources) return;
    const word = source >> 5, bit = 1 << (source & 31);
    if (!(this.state.enable[context][word] & bit)) return;
    this.state.claimed[word] &= ~bit;
    this.#openGateway(word, bit);
  }

  #update(): void {
    const { priority, threshold } = this.state;
    for (let context = 0; context < this.#targets.length; context++) {
      // Source 0 has priority 0, which no threshold lets through.
      this.#targets[context]?.set(priority[this.#best(context)] > threshold[context]);
    }
  }
}
