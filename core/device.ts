/**
 * What a device model is: registers at offsets inside a window. It never knows its own base address or interrupt number.
 *
 * @module
 */
import type { AccessWidth } from "./address.ts";
import type { FdtBody } from "./fdt_types.ts";
import type { IrqController, IrqLine } from "./irq.ts";

/**
 * A device model. Values are unsigned numbers of width 1, 2 or 4; an 8-byte access of the guest arrives as two 4-byte ones,
 * low half first.
 */
export interface Device {
  /** All that must survive a snapshot, as one plain, structured-cloneable object: a snapshot is a clone of it. */
  readonly state: object;
  /** Reads a register. An offset where nothing is reads as 0. */
  read(offset: number, width: AccessWidth): number;
  /** Writes a register. A write where nothing is, or to a read-only register, is ignored. */
  write(offset: number, value: number, width: AccessWidth): void;
  /** Puts the device into its power-on state. */
  reset?(): void;
  /** Called after `state` was filled from a snapshot: drive the interrupt line and rebuild what is derived. */
  restored?(): void;
  /** Releases what the device holds outside the VM. May wait (for example to flush a disk). */
  dispose?(): void | Promise<void>;
  /** Set on an interrupt controller: where the wires of other devices end. */
  readonly irqController?: IrqController;
}

/** What a device is given when it is made. */
export interface DeviceSlot {
  /** The device's wire; goes nowhere if the device was given no interrupt number. */
  readonly irq: IrqLine;
}

/** How a plugin describes a device to the VM. */
export interface DeviceSpec {
  /** Unique name inside the VM: `uart0`. Snapshots, logs and messages use it. */
  readonly name: string;
  /** Guest-physical address of the window; the `base` of the plugin's configuration wins over it. */
  readonly base: number;
  /** Bytes of the window. */
  readonly size: number;
  /** Number of its wire at the VM's interrupt controller; the `irq` of the plugin's configuration wins over it. */
  readonly irq?: number;
  /**
   * Body of its device-tree node. The VM adds the unit address, `reg`, `interrupts` and `interrupt-parent`.
   * Left out: the device has no node.
   */
  readonly fdt?: FdtBody;
  /** Makes the device. Called once when the VM is built. */
  create(slot: DeviceSlot): Device;
}
