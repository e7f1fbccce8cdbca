/**
 * Raw disk images in files: the storage of a block device, locked against a second VM.
 *
 * Reads and writes are synchronous, for the host's page cache answers them in microseconds; only making writes durable takes long,
 * and is waited for in the background.
 *
 * @module
 */
import type { BlockBackend, BlockMode } from "../core/block.ts";
import { HypervisorError } from "../core/errors.ts";
import { OverlayBlock } from "../devices/virtio/block_overlay.ts";
import { explainFileError } from "./file_errors.ts";

/** The part of `Deno.FsFile` that an image is used through. */
export type ImageFile = Pick<Deno.FsFile, "readSync" | "writeSync" | "seekSync" | "close">;

/** The part of a second `Deno.FsFile` through which writes are made durable. */
export type SyncFile = Pick<Deno.FsFile, "syncData" | "close">;

/** What a {@link BlockFile} is made of. */
export interface BlockFileParts {
  /** The open image. */
  readonly file: ImageFile;
  /**
   * The same image opened once more. A file is busy while it is being made durable; through a second one it is not. Left out:
   * the image is read-only.
   */
  readonly syncFile?: SyncFile;
  /** Bytes of the image. */
  readonly size: number;
  /** The image's path, for messages. */
  readonly path: string;
  /** Shows a message to the user. */
  readonly log: (message: string) => void;
}

/** How an image is opened. */
export interface OpenBlockOptions {
  /** Shows a message to the user. Default: nobody is told. */
  readonly log?: (message: string) => void;
  /** Whether the image is locked while it is open: exclusively if it is written, else against writers (default true). */
  readonly lock?: boolean;
}

/** An image file as a disk. */
export class BlockFile implements BlockBackend {
  /** Bytes of the disk. */
  readonly size: number;
  /** Whether writes are refused. */
  readonly readOnly: boolean;
  readonly #file: ImageFile;
  readonly #syncFile: SyncFile | undefined;
  readonly #path: string;
  readonly #log: (message: string) => void;
  /** The problem that the user was told last; the same one is not told again until something worked. */
  #told: string | undefined;
  #closed = false;

  /** Makes a disk of an open file. */
  constructor({ file, syncFile, size, path, log }: BlockFileParts) {
    this.#file = file;
    this.#syncFile = syncFile;
    this.#path = path;
    this.#log = log;
    this.size = size;
    this.readOnly = syncFile === undefined;
  }

  /** Reads from the image. Shorter than asked if the file was cut meanwhile: the device makes an I/O error of it. */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    return this.#guarded("read", () => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      for (let done = 0; done < length;) {
        const count = this.#file.readSync(bytes.subarray(done));
        if (count === null) return bytes.subarray(0, done);
        done += count;
      }
      return bytes;
    });
  }

  /** Writes to the image. A full disk of the host is told to the user and thrown: an I/O error in the guest. */
  write(offset: number, bytes: Uint8Array): void {
    this.#guarded("write", () => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
    });
    this.#told = undefined;
  }

  /** Makes earlier writes durable. */
  async flush(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#syncFile?.syncData();
    } catch (cause) {
      throw this.#failure("flush", cause);
    }
  }

  /** Releases the file and its lock. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
    this.#syncFile?.close();
  }

  #guarded<Result>(what: string, action: () => Result): Result {
    try {
      return action();
    } catch (cause) {
      throw this.#failure(what, cause);
    }
  }

  #failure(what: string, cause: unknown): HypervisorError {
    const message = `Cannot ${what} disk "${this.#path}": ${explainFileError(cause)}`;
    if (this.#told !== message) this.#log(`${message}; the guest sees an I/O error`);
    this.#told = message;
    return new HypervisorError(message, { cause });
  }
}

/**
 * Opens a raw disk image.
 *
 * @param path Path of the image
 * @throws {HypervisorError} if it cannot be used, with one sentence that says why and what to do
 */
export function openBlockFile(path: string, mode: BlockMode, options: OpenBlockOptions = {}): BlockBackend {
  const { log = (): void => {}, lock = true } = options;
  const opened: Deno.FsFile[] = [];
  const open = (write: boolean): Deno.FsFile => {
    const file = Deno.openSync(path, { read: true, write });
    opened.push(file);
    return file;
  };
  try {
    requireDisk(Deno.statSync(path));
    const file = open(mode === "rw");
    if (lock) takeLock(file, mode === "rw");
    const size = file.seekSync(0, Deno.SeekMode.End);
    if (size === 0) throw new Problem('it is empty; make an image, for example with "truncate -s 64M"');
    const syncFile = mode === "rw" ? open(true) : undefined;
    const disk = new BlockFile({ file, syncFile, size, path, log });
    return mode === "overlay" ? new OverlayBlock(disk) : disk;
  } catch (cause) {
    for (const file of opened) file.close();
    const reason = cause instanceof Problem ? cause.message : explainFileError(cause);
    const hint = cause instanceof Deno.errors.PermissionDenied && mode === "rw"
      ? ', or open it as "ro" or "overlay"'
      : "";
    throw new HypervisorError(`Cannot open disk "${path}": ${reason}${hint}`, { cause });
  }
}

/** A reason of our own. */
class Problem extends Error {}

function requireDisk(info: Deno.FileInfo): void {
  if (info.isDirectory) throw new Deno.errors.IsADirectory();
  // Opening a pipe would wait for its other end.
  if (!info.isFile && !info.isBlockDevice) throw new Problem("it is neither a file nor a block device; name an image");
}

function takeLock(file: Deno.FsFile, exclusive: boolean): void {
  let free: boolean;
  try {
    free = file.tryLockSync(exclusive);
  } catch {
    // Some network file systems have no locks; a disk there is as usable as it ever was.
    return;
  }
  if (free) return;
  throw new Problem(
    exclusive
      ? "another VM uses it; stop that VM, or give this one a copy of the disk"
      : "another VM writes to it; stop that VM, or give this one a copy of the disk",
  );
}
