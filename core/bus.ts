/**
 * The MMIO bus: which device owns which window of guest-physical addresses, and the way of an access to it.
 *
 * The path of an access allocates nothing. What the guest asks for never throws; a device that throws is reported and the access
 * reads 0.
 *
 * @module
 */
import { type AccessWidth, type GuestPhysAddr, hex } from "./address.ts";
import { show } from "./config_checks.ts";
import type { Device } from "./device.ts";
import { HypervisorError } from "./errors.ts";

/** A window of addresses and who owns it. */
export interface BusWindow {
  /** Unique name: `uart0`. */
  readonly name: string;
  /** Who registered it (a plugin's name), for messages. */
  readonly owner: string;
  /** First guest-physical address. */
  readonly base: GuestPhysAddr;
  /** Bytes. */
  readonly size: number;
  /** Number of its interrupt wire; undefined: it has none. */
  readonly irq?: number;
}

interface Slot extends BusWindow {
  device: Device | undefined;
  end: GuestPhysAddr;
  /** Whether addresses are only kept free of devices (RAM): accesses find nobody. */
  reserved: boolean;
}

/** The windows of a VM in order of address. */
export class MmioBus {
  /** High 32 bits of the last 8-byte {@link read}, unsigned; 0 after a narrower one. */
  high = 0;
  #slots: Slot[] = [];
  #last: Slot | undefined;
  readonly #onDeviceError: (device: string, error: unknown) => void;

  /**
   * Makes an empty bus.
   *
   * @param onDeviceError Told when a device throws, which is a bug of its plugin
   */
  constructor(onDeviceError: (device: string, error: unknown) => void = () => {}) {
    this.#onDeviceError = onDeviceError;
  }

  /** The windows of devices in order of address. */
  get windows(): readonly BusWindow[] {
    return this.#slots.filter((slot) => !slot.reserved);
  }

  /**
   * Registers a window.
   *
   * @param device The device behind it; may follow by {@link attach}
   * @throws HypervisorError naming both parties if the window, the name or the interrupt is taken, or the window is impossible
   */
  add(window: BusWindow, device?: Device): void {
    const { name, owner, base, size, irq } = window;
    this.#check(window);
    this.#insert({ name, owner, base, size, irq, device, end: base + size, reserved: false });
  }

  /** Keeps devices off a range that belongs to something else, as RAM. */
  reserve(name: string, base: GuestPhysAddr, size: number): void {
    const window = { name, owner: "the VM", base, size };
    this.#check(window);
    this.#insert({ ...window, device: undefined, end: base + size, reserved: true });
  }

  /** Puts the device behind a registered window. */
  attach(name: string, device: Device): void {
    const slot = this.#slots.find((candidate) => candidate.name === name);
    if (slot === undefined || slot.reserved) {
      throw new HypervisorError(
        `Cannot attach a device to "${name}": no window of that name is registered; add it first`,
      );
    }
    slot.device = device;
  }

  /** The window that holds an address. */
  find(address: GuestPhysAddr): BusWindow | undefined {
    return this.#find(address);
  }

  /** The device of a name. */
  device(name: string): Device | undefined {
    return this.#slots.find((slot) => slot.name === name)?.device;
  }

  /**
   * Reads from the device that owns all bytes of the access.
   *
   * @returns The low 32 bits, unsigned ({@link high} has the rest), or -1 if no device owns them all: an access fault of the guest
   */
  read(address: GuestPhysAddr, width: AccessWidth): number {
    this.high = 0;
    const slot = this.#find(address);
    if (slot === undefined || slot.device === undefined || address + width > slot.end) return -1;
    const offset = address - slot.base;
    try {
      if (width === 8) {
        const low = slot.device.read(offset, 4) >>> 0;
        this.high = slot.device.read(offset + 4, 4) >>> 0;
        return low;
      }
      const value = slot.device.read(offset, width) >>> 0;
      return width === 4 ? value : value & (width === 1 ? 0xff : 0xffff);
    } catch (error) {
      this.high = 0;
      this.#onDeviceError(slot.name, error);
      return 0;
    }
  }

  /**
   * Writes to the device that owns all bytes of the access.
   *
   * @param low Low 32 bits of the data; bits above the width are dropped
   * @param high High 32 bits of the data of an 8-byte access
   * @returns false if no device owns all bytes: an access fault of the guest
   */
  write(address: GuestPhysAddr, width: AccessWidth, low: number, high: number): boolean {
    const slot = this.#find(address);
    if (slot === undefined || slot.device === undefined || address + width > slot.end) return false;
    const offset = address - slot.base;
    try {
      if (width === 8) {
        slot.device.write(offset, low >>> 0, 4);
        slot.device.write(offset + 4, high >>> 0, 4);
      } else {
        slot.device.write(offset, width === 4 ? low >>> 0 : low & (width === 1 ? 0xff : 0xffff), width);
      }
    } catch (error) {
      this.#onDeviceError(slot.name, error);
    }
    return true;
  }

  #find(address: GuestPhysAddr): Slot | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.base && address < last.end) return last;
    const slot = this.#slots[this.#indexAbove(address) - 1];
    if (slot === undefined || address >= slot.end) return undefined;
    return this.#last = slot;
  }

  /** Index of the first window that starts above `address`. */
  #indexAbove(address: GuestPhysAddr): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#slots[middle].base <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(slot: Slot): void {
    this.#slots.splice(this.#indexAbove(slot.base), 0, slot);
  }

  #check(window: BusWindow): void {
    const problem = impossible(window) ?? this.#conflict(window);
    if (problem !== undefined) {
      throw new HypervisorError(`Cannot register ${describe(window)} for ${window.owner}: ${problem}`);
    }
  }

  /** What stands in the way of a window that is possible by itself. */
  #conflict({ name, base, size, irq }: BusWindow): string | undefined {
    for (const other of this.#slots) {
      if (other.name === name) return `${other.owner} registered ${describe(other)} already; choose another name`;
      if (base < other.end && other.base < base + size) {
        return `it overlaps ${describe(other)} of ${other.owner}; give one of them another base address`;
      }
      if (irq !== undefined && other.irq === irq) {
        return `interrupt ${irq} belongs to ${describe(other)} of ${other.owner}; give one of them another number`;
      }
    }
    return undefined;
  }
}

function describe({ name, base, size }: BusWindow): string {
  return Number.isSafeInteger(base + size) ? `"${name}" at ${hex(base)}..${hex(base + size)}` : `"${name}"`;
}

function impossible({ base, size, irq }: BusWindow): string | undefined {
  if (!Number.isSafeInteger(base) || base < 0) return `base address ${show(base)} is no whole number from 0 on`;
  if (!Number.isSafeInteger(size) || size < 0) return `size ${show(size)} is no whole number of bytes`;
  if (size === 0) return "its window has no bytes; give it a size above zero";
  if (!Number.isSafeInteger(base + size)) return `${size} bytes at ${hex(base)} end above the largest address`;
  if (irq !== undefined && (!Number.isSafeInteger(irq) || irq < 0)) {
    return `interrupt ${show(irq)} is no whole number from 0 on`;
  }
  return undefined;
}
