/**
 * Interrupt wires: a device drives a line, an interrupt controller listens to numbered lines.
 *
 * @module
 */

/** One wire. Level-sensitive: it stays as it was last set. */
export interface IrqLine {
  /** Drives the wire. Setting the level that it already has does nothing. */
  set(asserted: boolean): void;
}

/** What collects the lines of devices and interrupts CPUs. */
export interface IrqController {
  /** Numbers of the first and last wire that there is. Left out: any number will do. */
  readonly inputs?: { readonly first: number; readonly last: number };
  /** Called when the level of the wire `irq` changes. */
  setIrq(irq: number, asserted: boolean): void;
}

/** A line that goes nowhere: for tests, and devices without an interrupt. */
export const UNCONNECTED: IrqLine = { set(): void {} };
