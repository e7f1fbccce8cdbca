/**
 * The bytes of an image: in memory, or in a file that is read straight to where they go, so that they are in memory only once.
 *
 * @module
 */

/** A file that is read in pieces. */
export interface ImageFile {
  /** Bytes that it has. */
  readonly length: number;
  /**
   * Fills `target` with the bytes from `offset` on; all of them lie in the file.
   *
   * @throws {HypervisorError} naming the file, if it cannot be read or is no longer what was opened
   */
  read(offset: number, target: Uint8Array): void;
  /** Gives back what reading takes of the host. Another {@link read} takes it again. */
  release(): void;
}

/** Bytes of an image. */
export type ImageBytes = Uint8Array | ImageFile;

/** Fills `target` with the bytes from `offset` on. @throws {HypervisorError} if a file cannot be read */
export function copyImage(bytes: ImageBytes, offset: number, target: Uint8Array): void {
  if (bytes instanceof Uint8Array) target.set(bytes.subarray(offset, offset + target.length));
  else bytes.read(offset, target);
}

/** The first bytes, `length` of them if there are as many. @throws {HypervisorError} if a file cannot be read */
export function headOf(bytes: ImageBytes, length: number): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes.subarray(0, length);
  const head = new Uint8Array(Math.min(length, bytes.length));
  bytes.read(0, head);
  return head;
}

/** All bytes, in memory. @throws {HypervisorError} if a file cannot be read */
export function wholeOf(bytes: ImageBytes): Uint8Array {
  return headOf(bytes, bytes.length);
}

/** Gives back what reading took of the host. */
export function releaseImage(bytes: ImageBytes): void {
  if (!(bytes instanceof Uint8Array)) bytes.release();
}
