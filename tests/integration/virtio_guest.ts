/**
 * A virtio block request as a test lays it out in guest memory, and the assembly that starts the device (virtio 1.2, 2.7 and 4.2).
 *
 * @module
 */
import type { AxVM } from "../../core/vm.ts";

/** Registers of virtio-mmio slot 0. */
export const SLOT0 = 0x1000_1000;

/** Descriptors of a queue. */
export const QUEUE_SIZE = 8;

/** Where a queue's three parts are. */
export interface QueuePlaces {
  /** Descriptor table. */
  readonly descriptors: number;
  /** Available ring. */
  readonly available: number;
  /** Used ring. */
  readonly used: number;
}

/** Assembly that brings the device up to DRIVER_OK with queue 0; uses t0, t1. */
export function startDevice(places: QueuePlaces, slot = SLOT0): string {
  const writes: [number, number][] = [
    [0x70, 0],
    [0x70, 1],
    [0x70, 3],
    [0x24, 1],
    [0x20, 1], // VERSION_1
    [0x24, 0],
    [0x20, 0],
    [0x70, 11],
    [0x30, 0],
    [0x38, QUEUE_SIZE],
    [0x80, places.descriptors],
    [0x84, 0],
    [0x90, places.available],
    [0x94, 0],
    [0xa0, places.used],
    [0xa4, 0],
    [0x44, 1],
    [0x70, 15],
  ];
  const lines = writes.map(([offset, value]) => `li t1,${value}\nsw t1,${offset}(t0)`);
  return `li t0,${slot}\n${lines.join("\n")}\n`;
}

/** Types of requests. */
export const BLK = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8 } as const;

/** A request for the disk. */
export interface BlkRequest {
  /** A value of {@link BLK}. */
  readonly type: number;
  /** First sector. */
  readonly sector: number;
  /** Where its 16-byte header goes. */
  readonly header: number;
  /** Where the data is. */
  readonly data: number;
  /** Bytes of data. */
  readonly length: number;
  /** Where the status byte goes. */
  readonly status: number;
}

/** Writes a request into descriptors `first` to `first + 2` and makes it available as number `index`. */
export function placeRequest(vm: AxVM, places: QueuePlaces, request: BlkRequest, first = 0, index = 0): void {
  const { type, sector, header, data, length, status } = request;
  write(vm, header, [4, type], [4, 0], [8, sector]);
  const deviceWrites = type === BLK.OUT ? 0 : 2;
  const at = places.descriptors + first * 16;
  write(vm, at, [8, header], [4, 16], [2, 1], [2, first + 1]);
  write(vm, at + 16, [8, data], [4, length], [2, 1 | deviceWrites], [2, first + 2]);
  write(vm, at + 32, [8, status], [4, 1], [2, 2], [2, 0]);
  write(vm, places.available + 4 + index % QUEUE_SIZE * 2, [2, first]);
  write(vm, places.available + 2, [2, index + 1]);
}

/** Writes little-endian numbers of so many bytes each, one behind the other. */
export function write(vm: AxVM, address: number, ...fields: readonly (readonly [size: number, value: number])[]): void {
  const bytes = fields.flatMap(([size, value]) =>
    Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256)
  );
  if (!vm.memory.write(address, Uint8Array.from(bytes))) throw new Error(`There is no RAM at ${address}`);
}
