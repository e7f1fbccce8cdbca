/**
 * Split virtqueues, the device's side (virtio 1.2, section 2.7), over checked copies of guest memory.
 *
 * A queue is plain data and these are functions over it. Whatever the driver wrote into its rings, they end after a bounded
 * number of steps and answer with a value; a ring that breaks the rules is {@link Malformed}.
 *
 * @module
 */
import type { GuestDma } from "../../core/plugin_types.ts";

/** A 64-bit address as the driver writes it: low and high word. */
export type AddressPair = [low: number, high: number];

/** One queue: the addresses of its three parts and where the device is in them. */
export interface QueueState {
  /** Entries; 0 until the driver says. */
  size: number;
  /** Whether the driver handed it over. */
  ready: boolean;
  /** Descriptor table. */
  desc: AddressPair;
  /** Available ring (driver area). */
  driver: AddressPair;
  /** Used ring (device area). */
  device: AddressPair;
  /** Index in the available ring of the next chain to take, modulo 65536. */
  next: number;
  /** Index in the used ring of the next entry to write, modulo 65536. */
  used: number;
  /** `used` when it was last decided whether to interrupt. */
  signalled: number;
}

/** What the driver negotiated that changes how rings are read. */
export interface QueueFeatures {
  /** VIRTIO_F_INDIRECT_DESC. */
  readonly indirect: boolean;
  /** VIRTIO_F_EVENT_IDX. */
  readonly eventIdx: boolean;
}

/** A range of guest memory that a descriptor names. It need not be RAM. */
export interface Buffer {
  /** Guest-physical address of the first byte. */
  readonly address: number;
  /** Bytes. */
  readonly length: number;
}

/** A chain of descriptors, resolved. */
export interface Chain {
  /** Index of its first descriptor: its name in the used ring. */
  readonly head: number;
  /** What the driver gives, in order. */
  readonly readable: readonly Buffer[];
  /** What the device fills, in order. */
  readonly writable: readonly Buffer[];
}

/** A ring that breaks the rules, and how. */
export interface Malformed {
  /** What is wrong. */
  readonly malformed: string;
}

/** Largest queue that a device may offer, and the longest chain that is followed. */
export const MAX_QUEUE_SIZE = 1024;

const DESCRIPTOR_SIZE = 16;
const FLAG_NEXT = 1, FLAG_WRITE = 2, FLAG_INDIRECT = 4;
const NO_INTERRUPT = 1;

/** A queue as it is after a reset. */
export function emptyQueue(): QueueState {
  return { size: 0, ready: false, desc: [0, 0], driver: [0, 0], device: [0, 0], next: 0, used: 0, signalled: 0 };
}

/** Takes the next chain that the driver made available; undefined if there is none. */
export function popChain(
  queue: QueueState,
  memory: GuestDma,
  features: QueueFeatures,
): Chain | Malformed | undefined {
  const available = readU16(memory, at(queue.driver, 2));
  if (available === undefined) return { malformed: "the available ring is not in RAM" };
  const waiting = (available - queue.next) & 0xffff;
  if (waiting > queue.size) return { malformed: `${waiting} entries are available in a queue of ${queue.size}` };
  if (waiting === 0) {
    // Asks the driver for a notification at the very next entry.
    if (features.eventIdx && !writeU16(memory, at(queue.device, 4 + 8 * queue.size), queue.next)) {
      return { malformed: "the used ring is not in RAM" };
    }
    return undefined;
  }
  const head = readU16(memory, at(queue.driver, 4 + 2 * (queue.next % queue.size)));
  if (head === undefined) return { malformed: "the available ring is not in RAM" };
  queue.next = (queue.next + 1) & 0xffff;
  return readChain(queue, memory, features, head);
}

/** Resolves the chain that begins with descriptor `head`. */
export function readChain(
  queue: QueueState,
  memory: GuestDma,
  features: QueueFeatures,
  head: number,
): Chain | Malformed {
  const buffers = { readable: [] as Buffer[], writable: [] as Buffer[] };
  let table = { address: at(queue.desc, 0), entries: queue.size, indirect: false };
  let index = head;
  let total = 0;
  for (let steps = 1;; steps++) {
    // A chain that visits more entries than its table has must have visited one twice.
    if (steps > Math.min(table.entries, MAX_QUEUE_SIZE)) {
      return { malformed: "a descriptor chain has a loop or no end" };
    }
    if (index >= table.entries) return { malformed: `descriptor ${index} is outside a table of ${table.entries}` };
    const bytes = memory.read(table.address + index * DESCRIPTOR_SIZE, DESCRIPTOR_SIZE);
    if (!bytes) return { malformed: "a descriptor table is not in RAM" };
    const { address, length, flags, next } = descriptor(bytes);
    if (flags & FLAG_INDIRECT) {
      if (!features.indirect) return { malformed: "an indirect descriptor was not negotiated" };
      if (table.indirect) return { malformed: "an indirect table holds an indirect descriptor" };
      if (flags & FLAG_NEXT) return { malformed: "a descriptor is indirect and has a successor" };
      if (length === 0 || length % DESCRIPTOR_SIZE) return { malformed: `an indirect table has ${length} bytes` };
      table = { address, entries: length / DESCRIPTOR_SIZE, indirect: true };
      index = 0;
      steps = 0;
      continue;
    }
    total += length;
    if (total >= 2 ** 32) return { malformed: "a descriptor chain describes 4 GiB or more" };
    if (flags & FLAG_WRITE) buffers.writable.push({ address, length });
    else if (buffers.writable.length > 0) return { malformed: "a readable descriptor follows a writable one" };
    else buffers.readable.push({ address, length });
    if (!(flags & FLAG_NEXT)) return { head, ...buffers };
    index = next;
  }
}

/** Gives a chain back, saying how many bytes of its writable part were filled from the start. False if the ring is not RAM. */
export function pushUsed(queue: QueueState, memory: GuestDma, head: number, written: number): boolean {
  const entry = new Uint8Array(8);
  const view = new DataView(entry.buffer);
  view.setUint32(0, head, true);
  view.setUint32(4, written, true);
  if (!memory.write(at(queue.device, 4 + 8 * (queue.used % queue.size)), entry)) return false;
  queue.used = (queue.used + 1) & 0xffff;
  return writeU16(memory, at(queue.device, 2), queue.used);
}

/** Decides whether what was given back since the last decision is worth an interrupt (sections 2.7.7 and 2.7.10). */
export function wantsInterrupt(queue: QueueState, memory: GuestDma, features: QueueFeatures): boolean | Malformed {
  const before = queue.signalled;
  queue.signalled = queue.used;
  const fresh = (queue.used - before) & 0xffff;
  if (fresh === 0) return false;
  const word = readU16(memory, at(queue.driver, features.eventIdx ? 4 + 2 * queue.size : 0));
  if (word === undefined) return { malformed: "the available ring is not in RAM" };
  if (!features.eventIdx) return !(word & NO_INTERRUPT);
  return ((queue.used - word - 1) & 0xffff) < fresh;
}

/** Bytes in buffers. */
export function totalLength(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}

/** The part of buffers that begins `start` bytes in and is `length` bytes long, or as much of it as there is. */
export function sliceBuffers(buffers: readonly Buffer[], start: number, length: number): Buffer[] {
  const slices: Buffer[] = [];
  for (const buffer of buffers) {
    if (length <= 0) break;
    const skipped = Math.min(start, buffer.length);
    const taken = Math.min(buffer.length - skipped, length);
    if (taken > 0) slices.push({ address: buffer.address + skipped, length: taken });
    start -= skipped;
    length -= taken;
  }
  return slices;
}

/** Copies buffers into one array; undefined if a byte of them is not RAM. Bound the length before you call it. */
export function gather(memory: GuestDma, buffers: readonly Buffer[]): Uint8Array | undefined {
  if (buffers.length === 1) return memory.read(buffers[0].address, buffers[0].length);
  const bytes = new Uint8Array(totalLength(buffers));
  let offset = 0;
  for (const { address, length } of buffers) {
    const part = memory.read(address, length);
    if (!part) return undefined;
    bytes.set(part, offset);
    offset += length;
  }
  return bytes;
}

/** Copies bytes into buffers, as far as these go; false if a byte of them is not RAM. */
export function scatter(memory: GuestDma, buffers: readonly Buffer[], bytes: Uint8Array): boolean {
  let offset = 0;
  for (const { address, length } of buffers) {
    if (offset >= bytes.length) break;
    if (!memory.write(address, bytes.subarray(offset, offset + length))) return false;
    offset += length;
  }
  return true;
}

/** An address in a part of a queue. Beyond 2^53 it is inexact, and no RAM either way. */
function at([low, high]: AddressPair, offset: number): number {
  return high * 2 ** 32 + low + offset;
}

function descriptor(bytes: Uint8Array): { address: number; length: number; flags: number; next: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    address: at([view.getUint32(0, true), view.getUint32(4, true)], 0),
    length: view.getUint32(8, true),
    flags: view.getUint16(12, true),
    next: view.getUint16(14, true),
  };
}

function readU16(memory: GuestDma, address: number): number | undefined {
  const bytes = memory.read(address, 2);
  return bytes && (bytes[0] | (bytes[1] << 8));
}

function writeU16(memory: GuestDma, address: number, value: number): boolean {
  return memory.write(address, Uint8Array.of(value & 0xff, value >> 8));
}
