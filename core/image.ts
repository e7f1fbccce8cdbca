/**
 * Images as users name them: an ELF, a kernel with a boot header of its architecture, either of them in gzip, or flat bytes.
 *
 * @module
 */
import { type GuestPhysAddr, hex } from "./address.ts";
import type { ArchModule, LoadedImage } from "./arch_vcpu.ts";
import { isElf, readElf } from "./elf.ts";
import { HypervisorError } from "./errors.ts";
import { headOf, type ImageBytes, wholeOf } from "./image_bytes.ts";

/** What {@link loadImage} needs to know. */
export interface ImageOptions {
  /** Architecture that the image is for. */
  readonly arch: Pick<ArchModule, "elfMachine" | "recognizeImage">;
  /** Guest-physical address of the RAM that it goes to. */
  readonly ramBase: GuestPhysAddr;
  /** Where the user wants it; left out: where the format says, for flat bytes the start of RAM. */
  readonly loadAddress?: GuestPhysAddr;
  /** What to call it in messages, for example its file. */
  readonly name: string;
  /** Most bytes that a compressed image may unpack to (default 1 GiB). */
  readonly maxSize?: number;
}

const DEFAULT_MAX_SIZE = 2 ** 30;

/** Bytes by which formats are told apart. */
const MAGIC_SIZE = 8;

/**
 * Finds out what an image is and where its parts go. Nothing is copied into guest memory; addresses are not compared with RAM.
 *
 * @throws HypervisorError naming the image and what is wrong with it
 */
export async function loadImage(bytes: ImageBytes, options: ImageOptions): Promise<LoadedImage> {
  const { arch, ramBase, loadAddress, name } = options;
  const plain = await unpack(bytes, name, options.maxSize);
  if (plain.length === 0) throw new HypervisorError(`Cannot load "${name}": it is empty; give another file`);
  const head = headOf(plain, MAGIC_SIZE);
  refuseUnknownPacking(head, name);
  if (isElf(head)) {
    const { movable, ...image } = readElf(wholeOf(plain), arch.elfMachine, name);
    const start = lowestAddress(image);
    // A program that may lie anywhere is linked for address 0, where there is no RAM.
    if (movable) return moveTo(image, loadAddress ?? Math.max(start, ramBase));
    if (loadAddress === undefined || loadAddress === start) return image;
    throw new HypervisorError(
      `Cannot load "${name}" at ${hex(loadAddress)}: the program is linked for ${
        hex(start)
      }; leave the load address out or link it for that one`,
    );
  }
  const recognized = arch.recognizeImage(plain, ramBase);
  if (recognized !== undefined) return moveTo(recognized, loadAddress ?? lowestAddress(recognized));
  const address = loadAddress ?? ramBase;
  return { entry: address, segments: [{ address, bytes: plain, size: plain.length }], symbols: new Map() };
}

/** Whether an image says nothing about itself: not an ELF, not a format of the architecture, packed or not. */
export async function isFlat(
  bytes: ImageBytes,
  { arch, ramBase, name }: Pick<ImageOptions, "arch" | "ramBase" | "name">,
): Promise<boolean> {
  const plain = await unpack(bytes, name);
  return !isElf(headOf(plain, MAGIC_SIZE)) && arch.recognizeImage(plain, ramBase) === undefined;
}

/** An image without its gzip, if it is in one. */
async function unpack(bytes: ImageBytes, name: string, maxSize = DEFAULT_MAX_SIZE): Promise<ImageBytes> {
  const [first, second] = headOf(bytes, MAGIC_SIZE);
  return first === 0x1f && second === 0x8b ? await gunzip(wholeOf(bytes), name, maxSize) : bytes;
}

/**
 * Unpacks gzip data.
 *
 * @param maxSize Most bytes that may come out
 * @throws HypervisorError if the data is damaged, truncated or larger
 */
async function gunzip(bytes: Uint8Array, name: string, maxSize: number): Promise<Uint8Array> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const reader = source.pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const part = await readPart(reader, name);
    if (part === undefined) return join(parts, size);
    parts.push(part);
    size += part.length;
    if (size <= maxSize) continue;
    await reader.cancel();
    throw new HypervisorError(
      `Cannot unpack "${name}": it unpacks to more than ${maxSize} bytes, which is too large for the VM`,
    );
  }
}

async function readPart(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  name: string,
): Promise<Uint8Array | undefined> {
  try {
    return (await reader.read()).value;
  } catch (cause) {
    const problem = "its gzip data is damaged, truncated, or followed by something else";
    throw new HypervisorError(`Cannot unpack "${name}": ${problem}; give another file or unpack it yourself`, {
      cause,
    });
  }
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Formats that would otherwise run as flat bytes, to the user's surprise. */
const UNKNOWN_PACKINGS: readonly [name: string, magic: readonly number[]][] = [
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["gzip twice", [0x1f, 0x8b, 8]],
];

function refuseUnknownPacking(bytes: Uint8Array, name: string): void {
  for (const [packing, magic] of UNKNOWN_PACKINGS) {
    if (magic.every((byte, index) => bytes[index] === byte)) {
      throw new HypervisorError(
        `Cannot load "${name}": it is packed with ${packing}; unpack it first, only gzip is known`,
      );
    }
  }
}

function lowestAddress(image: LoadedImage): GuestPhysAddr {
  return image.segments.reduce((lowest, { address }) => Math.min(lowest, address), Infinity);
}

/** Shifts an image so that its lowest byte is at `start`. */
function moveTo(image: LoadedImage, start: GuestPhysAddr): LoadedImage {
  const distance = start - lowestAddress(image);
  if (distance === 0) return image;
  return {
    entry: image.entry + distance,
    segments: image.segments.map((segment) => ({ ...segment, address: segment.address + distance })),
    symbols: new Map([...image.symbols].map(([name, address]) => [name, address + distance])),
  };
}
