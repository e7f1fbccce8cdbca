/**
 * A disk in memory.
 *
 * @module
 */
import type { BlockBackend } from "../../core/block.ts";

/** What a {@link MemoryBlock} holds. */
export interface MemoryBlockState {
  /** The disk. */
  bytes: Uint8Array;
}

/** Storage that is one array of bytes; it is gone with the VM. */
export class MemoryBlock implements BlockBackend {
  /** The bytes, which snapshots carry. */
  readonly state: MemoryBlockState;
  /** Bytes of the disk. */
  readonly size: number;
  /** Whether writes are refused. */
  readonly readOnly: boolean;

  /**
   * Makes one.
   *
   * @param content The disk's first content, used in place; a number makes an empty disk of so many bytes
   * @param readOnly Whether writes are refused
   */
  constructor(content: Uint8Array | number, readOnly = false) {
    const bytes = typeof content === "number" ? new Uint8Array(content) : content;
    this.state = { bytes };
    this.size = bytes.length;
    this.readOnly = readOnly;
  }

  /** Copies bytes out. */
  read(offset: number, length: number): Uint8Array {
    return this.state.bytes.slice(offset, offset + length);
  }

  /** Copies bytes in. */
  write(offset: number, bytes: Uint8Array): void {
    this.state.bytes.set(bytes, offset);
  }

  /** Nothing is more durable than memory here. */
  flush(): void {}

  /** Zeroes the range. */
  discard(offset: number, length: number): void {
    this.state.bytes.fill(0, offset, offset + length);
  }
}
