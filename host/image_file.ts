/**
 * Images in files, read straight into guest memory: a kernel of 30 MB that is read as a whole first is in memory three times.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";
import type { ImageBytes, ImageFile } from "../core/image_bytes.ts";
import { explainFileError } from "./file_errors.ts";

/** Bytes of the largest image: all the memory that a guest can have. */
const LARGEST_IMAGE = 3 * 2 ** 30;

/** What tells whether a path still leads to the same bytes. */
const IDENTITY = ["size", "dev", "ino"] as const;

/** Opens a file or reads an address; the error's message is the end of a sentence that core begins. */
export async function openImage(url: URL): Promise<ImageBytes> {
  try {
    if (url.protocol === "file:") {
      const info = await Deno.stat(url);
      requireImage(info);
      return info.isFile ? new OpenImage(url) : await Deno.readFile(url);
    }
    const response = await fetch(url);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw new HypervisorError(`the server answers ${response.status} ${response.statusText}; check the address`);
  } catch (cause) {
    if (cause instanceof HypervisorError) throw cause;
    throw new HypervisorError(explainFileError(cause), { cause });
  }
}

/** Reading a device such as `/dev/zero` would never end, and what is larger than any guest's memory would only fill the host's. */
function requireImage({ isFile, isFifo, isDirectory, size }: Deno.FileInfo): void {
  if (isDirectory) throw new Deno.errors.IsADirectory();
  if (!isFile && !isFifo) throw new HypervisorError("it is a device; name a file");
  if (size > LARGEST_IMAGE) {
    throw new HypervisorError(`it has ${size} bytes, more than a guest's memory; a disk image is given with --disk`);
  }
}

/** A regular file. It is open from the first read until it is released, and must be the same whenever it is opened again. */
class OpenImage implements ImageFile {
  readonly length: number;
  readonly #url: URL;
  readonly #info: Deno.FileInfo;
  #file: Deno.FsFile | undefined;

  constructor(url: URL) {
    this.#url = url;
    this.#file = Deno.openSync(url);
    this.#info = this.#file.statSync();
    this.length = this.#info.size;
  }

  read(offset: number, target: Uint8Array): void {
    try {
      const file = this.#file ??= this.#openAgain();
      file.seekSync(offset, Deno.SeekMode.Start);
      for (let done = 0; done < target.length;) {
        const count = file.readSync(target.subarray(done));
        if (count === null) throw changed();
        done += count;
      }
    } catch (cause) {
      const reason = cause instanceof HypervisorError ? cause.message : explainFileError(cause);
      throw new HypervisorError(`Cannot read "${decodeURIComponent(this.#url.pathname)}": ${reason}`, { cause });
    }
  }

  release(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #openAgain(): Deno.FsFile {
    const file = Deno.openSync(this.#url);
    const info = file.statSync();
    const isSame = IDENTITY.every((key) => info[key] === this.#info[key]) &&
      info.mtime?.getTime() === this.#info.mtime?.getTime();
    if (isSame) return file;
    file.close();
    throw changed();
  }
}

function changed(): HypervisorError {
  return new HypervisorError("the file was changed since the VM was created; create the VM anew");
}
