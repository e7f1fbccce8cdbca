/**
 * Checked access of devices and the hypervisor to guest memory: copies that cross pages, areas and backends, never views.
 *
 * Addresses and lengths come from guests, so nothing here throws for them: what is not memory yields `undefined` or `false`.
 *
 * @module
 */
import type { GuestPhysAddr } from "../address.ts";
import { copyImage, type ImageBytes } from "../image_bytes.ts";
import type { GuestDma } from "../plugin_types.ts";
import type { AddrSpace } from "./addr_space.ts";
import { MappingFlags } from "./nested_page_table.ts";

const { READ, WRITE, DEVICE } = MappingFlags;

/** Reads and writes the memory of one {@link AddrSpace}. Numbers are little-endian. */
export class GuestMemory implements GuestDma {
  #space: AddrSpace;
  /** Where a number that crosses pages is put together. */
  #scratch = new Uint8Array(8);

  /** Accesses `space`. */
  constructor(space: AddrSpace) {
    this.#space = space;
  }

  /** Copies bytes out; undefined if any of them is not readable RAM. */
  read(address: GuestPhysAddr, length: number): Uint8Array | undefined {
    if (!this.#allows(address, length, READ)) return undefined;
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(length);
    } catch {
      return undefined; // The guest asked for more than the host can hold twice.
    }
    this.#copyOut(address, bytes);
    return bytes;
  }

  /** Copies bytes into `target`, all of it; false (and `target` as it was) if any of them is not readable RAM. */
  readInto(address: GuestPhysAddr, target: Uint8Array): boolean {
    if (!this.#allows(address, target.length, READ)) return false;
    this.#copyOut(address, target);
    return true;
  }

  /** Copies bytes in; false (and nothing written) if any of them is not writable RAM, or host memory is used up. */
  write(address: GuestPhysAddr, bytes: Uint8Array): boolean {
    if (!this.#allows(address, bytes.length, WRITE) || !this.#space.populate(address, bytes.length)) return false;
    this.#copyIn(address, bytes);
    return true;
  }

  /**
   * Copies an image in as its loader: also into memory that the guest may not write.
   *
   * @param size Bytes in all; those beyond `bytes` are zeroed
   * @returns false (and nothing written) if any byte is not RAM, or host memory is used up
   * @throws {HypervisorError} if the bytes are in a file that cannot be read
   */
  load(address: GuestPhysAddr, bytes: ImageBytes, size: number = bytes.length): boolean {
    if (!this.#allows(address, Math.max(size, bytes.length), 0)) return false;
    if (!this.#space.populate(address, bytes.length)) return false;
    this.#copyIn(address, bytes);
    this.#space.zero(address + bytes.length, size - bytes.length);
    return true;
  }

  /** Reads a byte. */
  readU8(address: GuestPhysAddr): number | undefined {
    return this.#number(address, 1);
  }

  /** Reads 2 bytes, at any alignment. */
  readU16(address: GuestPhysAddr): number | undefined {
    return this.#number(address, 2);
  }

  /** Reads 4 bytes as an unsigned number, at any alignment. */
  readU32(address: GuestPhysAddr): number | undefined {
    return this.#number(address, 4);
  }

  /** Reads 8 bytes; for people, two {@link readU32} are faster. */
  readU64(address: GuestPhysAddr): bigint | undefined {
    if (!this.#allows(address, 8, READ)) return undefined;
    return BigInt(this.readU32(address)!) | BigInt(this.readU32(address + 4)!) << 32n;
  }

  /** Writes a byte. */
  writeU8(address: GuestPhysAddr, value: number): boolean {
    return this.#writeNumber(address, value, 1);
  }

  /** Writes 2 bytes, at any alignment. */
  writeU16(address: GuestPhysAddr, value: number): boolean {
    return this.#writeNumber(address, value, 2);
  }

  /** Writes 4 bytes, at any alignment. */
  writeU32(address: GuestPhysAddr, value: number): boolean {
    return this.#writeNumber(address, value, 4);
  }

  /** Writes 8 bytes; for people. */
  writeU64(address: GuestPhysAddr, value: bigint): boolean {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    return this.write(address, bytes);
  }

  #number(address: GuestPhysAddr, width: 1 | 2 | 4): number | undefined {
    let from = this.#hostOf(address, width, READ);
    let bytes = this.#space.memory.u8;
    if (from < 0) {
      bytes = this.#scratch.fill(0);
      from = 0;
      if (!this.readInto(address, bytes.subarray(0, width))) return undefined;
    }
    if (width === 1) return bytes[from];
    if (width === 2) return bytes[from] | bytes[from + 1] << 8;
    return (bytes[from] | bytes[from + 1] << 8 | bytes[from + 2] << 16 | bytes[from + 3] << 24) >>> 0;
  }

  #writeNumber(address: GuestPhysAddr, value: number, width: 1 | 2 | 4): boolean {
    for (let i = 0; i < width; i++) this.#scratch[i] = value >>> i * 8;
    return this.write(address, this.#scratch.subarray(0, width));
  }

  /** Host address of a few bytes that lie contiguously in one area; -1 if they do not, or have no frame yet. */
  #hostOf(address: GuestPhysAddr, width: number, flag: number): number {
    const area = this.#space.areaAt(address);
    if (area === undefined || (area.flags & (flag | DEVICE)) !== flag || !Number.isInteger(address)) return -1;
    return area.runEnd(address, address + width) === address + width ? area.hostOf(address) : -1;
  }

  /** Whether every byte of a range is RAM with the flags `needed`. */
  #allows(address: GuestPhysAddr, length: number, needed: number): boolean {
    if (!Number.isSafeInteger(address) || !Number.isSafeInteger(length) || length < 0) return false;
    for (let at = address; at < address + length;) {
      const area = this.#space.areaAt(at);
      if (area === undefined || (area.flags & (needed | DEVICE)) !== needed) return false;
      at = area.end;
    }
    return true;
  }

  /** Copies out what {@link #allows} allowed; memory without a frame reads as zero. */
  #copyOut(address: GuestPhysAddr, target: Uint8Array): void {
    const end = address + target.length;
    for (let at = address; at < end;) {
      const area = this.#space.areaAt(at)!;
      const next = area.runEnd(at, end);
      const host = area.hostOf(at);
      if (host < 0) target.fill(0, at - address, next - address);
      else target.set(this.#space.memory.u8.subarray(host, host + (next - at)), at - address);
      at = next;
    }
  }

  /** Copies into populated memory. */
  #copyIn(address: GuestPhysAddr, bytes: ImageBytes): void {
    const end = address + bytes.length;
    for (let at = address; at < end;) {
      const area = this.#space.areaAt(at)!;
      const next = area.runEnd(at, end);
      const host = area.hostOf(at);
      copyImage(bytes, at - address, this.#space.memory.u8.subarray(host, host + next - at));
      this.#space.written(at, host, next - at);
      at = next;
    }
  }
}
