/**
 * The map of the default board: addresses and interrupt numbers of QEMU's `virt` machine (QEMU hw/riscv/virt.c). This file alone knows
 * them; the board and the single plugins take theirs from here.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";

/** Where a device of the board is. */
export interface Place {
  /** Guest-physical address of its window. */
  readonly base: number;
  /** Bytes of its window. */
  readonly size: number;
  /** Number of its wire at the PLIC. */
  readonly irq?: number;
}

/** The board's map. HTIF, which QEMU's board lacks, is where QEMU's `spike` machine has it. */
export const VIRT = {
  testFinisher: { base: 0x10_0000, size: 0x1000 },
  goldfishRtc: { base: 0x10_1000, size: 0x1000, irq: 11 },
  htif: { base: 0x100_0000, size: 0x1000 },
  clint: { base: 0x200_0000, size: 0x1_0000 },
  plic: { base: 0xc00_0000, size: 0x60_0000 },
  uart: { base: 0x1000_0000, size: 0x100, irq: 10 },
} as const satisfies Record<string, Place>;

/** Number of virtio-mmio slots. */
export const VIRTIO_SLOTS = 8;

/** Where virtio-mmio slot 0 to 7 is. */
export function virtioPlace(slot: number): Place {
  return { base: 0x1000_1000 + slot * 0x1000, size: 0x1000, irq: 1 + slot };
}

/** The number in a plugin's option `slot`; throws if it is none of the board's. */
export function slotOption(slot: unknown): number {
  if (typeof slot === "number" && Number.isInteger(slot) && slot >= 0 && slot < VIRTIO_SLOTS) return slot;
  throw new HypervisorError(
    `Option "slot" must be a number from 0 to ${VIRTIO_SLOTS - 1}, not ${JSON.stringify(slot)}`,
  );
}
