/**
 * The contract of a disk's storage: what a block device asks of whoever keeps its bytes.
 *
 * @module
 */

/** Where a disk's bytes are. A method may answer at once or with a Promise; a thrown error becomes an I/O error in the guest. */
export interface BlockBackend {
  /** Bytes of the disk. */
  readonly size: number;
  /** Whether writes are refused. */
  readonly readOnly: boolean;
  /** Reads `length` bytes at `offset`; the range lies inside the disk. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** Writes bytes at `offset`; the range lies inside the disk. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** Makes earlier writes durable. */
  flush(): void | Promise<void>;
  /** Says that a range is no longer needed; it may read as anything afterwards, zeroes by preference. */
  discard?(offset: number, length: number): void | Promise<void>;
  /** Releases the storage. */
  close?(): void | Promise<void>;
  /**
   * Set by storage inside the VM (a disk in memory, an overlay): one plain object that a snapshot must carry. The block device
   * keeps it in its own state, and fills it again from a snapshot.
   */
  readonly state?: object;
}

/** How an image is opened. */
export type BlockMode = "rw" | "ro" | "overlay";
