/**
 * A small virtio driver for tests: it builds rings in fake guest memory and talks to a transport's registers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type VirtioDevice, VirtioMmio } from "../../../devices/virtio/mmio.ts";
import { FakeLine, FakeMemory, FakeVm } from "../../contract/plugin_context.ts";

/** Feature bits. */
export const INDIRECT_DESC = 28, EVENT_IDX = 29, VERSION_1 = 32, RING_RESET = 40;

/** Flags of a descriptor. */
export const NEXT = 1, WRITE = 2, INDIRECT = 4;

/** Where the driver keeps its rings: 64 entries fit. */
export const DESC = 0x8000_0000, AVAIL = 0x8000_1000, USED = 0x8000_2000, DATA = 0x8001_0000;

/** One descriptor as the driver writes it. */
export interface Descriptor {
  address: number;
  length: number;
  flags?: number;
  next?: number;
}

/** A driver and the device that it drives. */
export class Driver {
  readonly irq: FakeLine = new FakeLine();
  readonly memory: FakeMemory = new FakeMemory();
  readonly vm: FakeVm = new FakeVm();
  readonly mmio: VirtioMmio;
  readonly size: number;
  #available = 0;
  #seen = 0;

  /** Connects to a device; the queue gets `size` entries. */
  constructor(device: VirtioDevice | undefined, size = 8) {
    this.size = size;
    this.mmio = new VirtioMmio(this.irq, this.memory, device, (message) => this.vm.log(message));
  }

  /** Reads a register. */
  get(offset: number): number {
    return this.mmio.read(offset, 4);
  }

  /** Writes a register. */
  set(offset: number, value: number): void {
    this.mmio.write(offset, value, 4);
  }

  /** Initialises the device (virtio 1.2, section 3.1.1), accepting the given feature bits and VERSION_1. */
  start(features: number[] = []): void {
    this.#available = this.#seen = 0;
    this.memory.bytes.fill(0, 0, 0x3000);
    this.set(0x70, 0);
    this.set(0x70, 1);
    this.set(0x70, 3);
    const words = [0, 0];
    for (const bit of [...features, VERSION_1]) words[bit >> 5] |= 1 << (bit & 31);
    for (const sel of [0, 1]) {
      this.set(0x24, sel);
      this.set(0x20, words[sel] >>> 0);
    }
    this.set(0x70, 11);
    assert.equal(this.get(0x70), 11, "FEATURES_OK stays set");
    this.handOver();
    this.set(0x70, 15);
  }

  /** Hands queue 0 over. */
  handOver(): void {
    this.set(0x30, 0);
    this.set(0x38, this.size);
    for (const [offset, address] of [[0x80, DESC], [0x90, AVAIL], [0xa0, USED]]) {
      this.set(offset, address);
      this.set(offset + 4, 0);
    }
    this.set(0x44, 1);
    assert.equal(this.get(0x44), 1, "the queue is ready");
  }

  /** Writes a descriptor into the table at `table`. */
  descriptor(index: number, { address, length, flags = 0, next = 0 }: Descriptor, table = DESC): void {
    const view = new DataView(new ArrayBuffer(16));
    view.setUint32(0, address % 2 ** 32, true);
    view.setUint32(4, Math.floor(address / 2 ** 32), true);
    view.setUint32(8, length, true);
    view.setUint16(12, flags, true);
    view.setUint16(14, next, true);
    this.memory.write(table + 16 * index, new Uint8Array(view.buffer));
  }

  /** Writes a chain into the table from entry `first` on. */
  chain(parts: Descriptor[], first = 0, table = DESC): void {
    parts.forEach((part, i) => {
      const last = i === parts.length - 1;
      this.descriptor(first + i, { ...part, flags: (part.flags ?? 0) | (last ? 0 : NEXT), next: first + i + 1 }, table);
    });
  }

  /** Makes a chain available without telling the device. */
  offer(head: number): void {
    this.put16(AVAIL + 4 + 2 * (this.#available % this.size), head);
    this.#available = (this.#available + 1) & 0xffff;
    this.put16(AVAIL + 2, this.#available);
  }

  /** Tells the device. */
  kick(queue = 0): void {
    this.set(0x50, queue);
  }

  /** Offers a chain, tells the device, and takes what was given back. */
  submit(head = 0): { id: number; length: number } | undefined {
    this.offer(head);
    this.kick();
    return this.take();
  }

  /** Takes the next entry of the used ring, undefined if there is none. */
  take(): { id: number; length: number } | undefined {
    if (this.get16(USED + 2) === this.#seen) return undefined;
    const entry = this.view(USED + 4 + 8 * (this.#seen % this.size), 8);
    this.#seen = (this.#seen + 1) & 0xffff;
    return { id: entry.getUint32(0, true), length: entry.getUint32(4, true) };
  }

  /** Writes 16 bits. */
  put16(address: number, value: number): void {
    this.memory.write(address, Uint8Array.of(value & 0xff, value >> 8));
  }

  /** Reads 16 bits. */
  get16(address: number): number {
    return this.view(address, 2).getUint16(0, true);
  }

  /** A copy of memory. */
  view(address: number, length: number): DataView {
    const bytes = this.memory.read(address, length);
    assert.ok(bytes);
    return new DataView(bytes.buffer);
  }

  /** Acknowledges interrupts and returns what they were. */
  acknowledge(): number {
    const status = this.get(0x60);
    this.set(0x64, status);
    return status;
  }

  /** Whether the device wants to be reset. */
  get broken(): boolean {
    return (this.get(0x70) & 64) !== 0;
  }
}

/** Writes the header of a block request and returns the descriptor for it. */
export function blkHeader(driver: Driver, type: number, sector: number, address = DATA): Descriptor {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint32(0, type, true);
  view.setUint32(8, sector % 2 ** 32, true);
  view.setUint32(12, Math.floor(sector / 2 ** 32), true);
  driver.memory.write(address, new Uint8Array(view.buffer));
  return { address, length: 16 };
}
