/**
 * A 16550A serial port with 16-byte FIFOs (National Semiconductor PC16550D data sheet, chapter 8), one byte per register.
 *
 * Sending takes no time: the transmitter is always empty. Received bytes wait in the console until the FIFO has room, so none
 * is ever lost; the character timeout is over as soon as no further byte waits.
 *
 * @module
 */
import type { ConsolePort } from "../core/console.ts";
import type { Device } from "../core/device.ts";
import type { IrqLine } from "../core/irq.ts";

/** Offsets of the registers. */
const RBR_THR_DLL = 0, IER_DLM = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7;

/** Bits of the interrupt enable register. */
const IER_DATA = 1, IER_EMPTY = 2, IER_LINE = 4, IER_MODEM = 8;

/** Causes in the interrupt identification register, highest priority first. */
const IIR_LINE = 6, IIR_DATA = 4, IIR_TIMEOUT = 0xc, IIR_EMPTY = 2, IIR_MODEM = 0, IIR_NONE = 1;

/** Bits of the line status register: transmitter empty (both bits), overrun, data ready. */
const LSR_EMPTY = 0x60, LSR_OVERRUN = 2, LSR_READY = 1;

const LCR_DLAB = 0x80, FCR_ENABLE = 1, MCR_LOOP = 0x10;

/** Modem lines while nothing is looped back: carrier, data set ready, clear to send. */
const MODEM_READY = 0xb0;

/** Bytes in the FIFO at which an interrupt is raised, by the upper two bits of FCR. */
const TRIGGER_LEVELS = [1, 4, 8, 14];

/** Everything that a {@link Uart16550} remembers. */
export interface UartState {
  /** Interrupt enable register. */
  ier: number;
  /** FIFO-enable bit and trigger level of the FIFO control register. */
  fcr: number;
  /** Line control register. */
  lcr: number;
  /** Modem control register. */
  mcr: number;
  /** Scratch register. */
  scr: number;
  /** Divisor latch: 16 bits. */
  divisor: number;
  /** Bytes received, oldest first. */
  fifo: number[];
  /** Whether the transmitter-empty interrupt is due. */
  emptyDue: boolean;
  /** Whether a looped-back byte was lost. */
  overrun: boolean;
  /** The lower half of MSR: what changed since it was last read. */
  modemChanges: number;
}

/** The state after power-on. */
function powerOn(): UartState {
  return {
    ier: 0,
    fcr: 0,
    lcr: 0,
    mcr: 0,
    scr: 0,
    divisor: 0,
    fifo: [],
    emptyDue: false,
    overrun: false,
    modemChanges: 0,
  };
}

/** The serial port. */
export class Uart16550 implements Device {
  /** Registers and FIFO. */
  readonly state: UartState = powerOn();
  readonly #irq: IrqLine;
  readonly #port: ConsolePort;
  readonly #byte = new Uint8Array(1);

  /**
   * Makes one.
   *
   * @param irq Driven while an enabled interrupt is due
   * @param port Where bytes go and come from
   */
  constructor(irq: IrqLine, port: ConsolePort) {
    this.#irq = irq;
    this.#port = port;
    port.onInput(() => this.#update());
  }

  /** Reads a register. */
  read(offset: number): number {
    // Drivers poll the line status; to read it changes nothing unless it tells of an overrun.
    if (offset === LSR && !this.state.overrun) return this.#lineStatus();
    const value = this.#readRegister(offset);
    this.#update();
    return value;
  }

  /** Writes a register; only the low byte of the value counts. */
  write(offset: number, value: number): void {
    this.#writeRegister(offset, value & 0xff);
    this.#update();
  }

  /** Back to power-on; input that waits in the console stays there. */
  reset(): void {
    Object.assign(this.state, powerOn());
    this.#update();
  }

  /** Drives the wire as the restored registers say. */
  restored(): void {
    this.#update();
  }

  #readRegister(offset: number): number {
    const state = this.state;
    const latch = (state.lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case RBR_THR_DLL:
        return latch ? state.divisor & 0xff : state.fifo.shift() ?? 0;
      case IER_DLM:
        return latch ? state.divisor >> 8 : state.ier;
      case IIR_FCR: {
        const cause = this.#cause();
        if (cause === IIR_EMPTY) state.emptyDue = false; // telling the driver is what acknowledges this one
        return cause | (state.fcr & FCR_ENABLE ? 0xc0 : 0);
      }
      case LCR:
        return state.lcr;
      case MCR:
        return state.mcr;
      case LSR: {
        const status = this.#lineStatus();
        state.overrun = false;
        return status;
      }
      case MSR: {
        const status = this.#modemLines() | state.modemChanges;
        state.modemChanges = 0;
        return status;
      }
      case SCR:
        return state.scr;
      default:
        return 0;
    }
  }

  #writeRegister(offset: number, value: number): void {
    const state = this.state;
    const latch = (state.lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case RBR_THR_DLL:
        if (latch) state.divisor = (state.divisor & 0xff00) | value;
        else this.#send(value);
        break;
      case IER_DLM:
        if (latch) {
          state.divisor = (state.divisor & 0xff) | (value << 8);
        } else {
          if (value & ~state.ier & IER_EMPTY) state.emptyDue = true;
          state.ier = value & 0x0f;
        }
        break;
      case IIR_FCR:
        // Bit 1 clears the receiver; so does turning the FIFOs on or off.
        if (value & 2 || (value ^ state.fcr) & FCR_ENABLE) state.fifo.length = 0;
        state.fcr = value & FCR_ENABLE ? value & 0xc1 : 0;
        break;
      case LCR:
        state.lcr = value;
        break;
      case MCR: {
        const before = this.#modemLines();
        state.mcr = value & 0x1f;
        this.#noteModemChange(before, this.#modemLines());
        break;
      }
      case SCR:
        state.scr = value;
        break;
    }
  }

  #send(value: number): void {
    const { mcr, fifo } = this.state;
    this.state.emptyDue = true;
    if (!(mcr & MCR_LOOP)) {
      this.#byte[0] = value;
      this.#port.write(this.#byte);
    } else if (fifo.length < this.#depth()) {
      fifo.push(value);
    } else {
      this.state.overrun = true;
    }
  }

  #depth(): number {
    return this.state.fcr & FCR_ENABLE ? 16 : 1;
  }

  /** MSR's upper half. In loopback the modem outputs come back as inputs: RTS as CTS, DTR as DSR, OUT1 as RI, OUT2 as DCD. */
  #modemLines(): number {
    const { mcr } = this.state;
    if (!(mcr & MCR_LOOP)) return MODEM_READY;
    return ((mcr & 2) << 3) | ((mcr & 1) << 5) | ((mcr & 4) << 4) | ((mcr & 8) << 4);
  }

  #noteModemChange(before: number, after: number): void {
    const ringEnded = before & ~after & 0x40; // the ring indicator reports its trailing edge only
    this.state.modemChanges |= (((before ^ after) & 0xb0) | ringEnded) >> 4;
  }

  #lineStatus(): number {
    return LSR_EMPTY | (this.state.overrun ? LSR_OVERRUN : 0) | (this.state.fifo.length > 0 ? LSR_READY : 0);
  }

  /** The cause of highest priority among those that are due and enabled. */
  #cause(): number {
    const { ier, fcr, fifo, overrun, emptyDue, modemChanges } = this.state;
    if (ier & IER_LINE && overrun) return IIR_LINE;
    if (ier & IER_DATA && fifo.length > 0) {
      const trigger = fcr & FCR_ENABLE ? TRIGGER_LEVELS[fcr >> 6] : 1;
      return fifo.length >= trigger ? IIR_DATA : IIR_TIMEOUT;
    }
    if (ier & IER_EMPTY && emptyDue) return IIR_EMPTY;
    if (ier & IER_MODEM && modemChanges) return IIR_MODEM;
    return IIR_NONE;
  }

  /** Takes what the FIFO has room for and drives the wire. */
  #update(): void {
    const { fifo, mcr } = this.state;
    while (!(mcr & MCR_LOOP) && fifo.length < this.#depth() && this.#port.available > 0) {
      fifo.push(this.#port.read());
    }
    this.#irq.set(this.#cause() !== IIR_NONE);
  }
}
