/**
 * The services of a host that runs Deno: time, sleep, files, disk images and messages, to be given to a `Hypervisor`.
 *
 * ```ts
 * import { Hypervisor, riscv } from "../mod.ts";
 * import { createDenoHost } from "./deno.ts";
 *
 * const hypervisor = new Hypervisor({ architectures: [riscv], host: createDenoHost() });
 * ```
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { BlockMode } from "../core/block.ts";
import { HypervisorError } from "../core/errors.ts";
import { type Sleep, sleepUntilCancelled, type VmHost } from "../core/vm_host.ts";
import { openBlockFile } from "./block_file.ts";
import { explainFileError } from "./file_errors.ts";
import { filePath } from "./file_paths.ts";

export { BlockFile, openBlockFile, type OpenBlockOptions } from "./block_file.ts";
export { explainFileError } from "./file_errors.ts";

/** Bytes of the largest image: all the memory that a guest can have. */
const LARGEST_IMAGE = 3 * 2 ** 30;

/** Bytes that `crypto.getRandomValues` gives at once. */
const RANDOM_PIECE = 65536;

/** How a host is made. */
export interface DenoHostOptions {
  /** Shows a message of a VM, a plugin or a disk. Default: a line on standard error. */
  log?: (message: string) => void;
  /** Whether disk images are locked while they are open (default true). */
  lockDisks?: boolean;
  /** Opens every disk image in this mode, whatever the VM asks for: `ro` lets a VM be built without touching its disks. */
  diskMode?: BlockMode;
}

/** Makes the host's services. Permissions: reading and writing of the files that VMs name. */
export function createDenoHost(options: DenoHostOptions = {}): VmHost {
  const log = options.log ?? ((message: string): void => console.error(message));
  return {
    realTime: true,
    nowMs: () => performance.now(),
    wallClockSeconds: () => Date.now() / 1000,
    // One turn in 5 us that serves timers, files and the terminal too; messages through a channel would starve timers.
    yieldToHost: () => new Promise((resolve) => void setImmediate(resolve)),
    sleep,
    random,
    readFile,
    openBlock: (path, mode, base) => {
      const place = diskPath(path, base);
      return Promise.resolve(openBlockFile(place, options.diskMode ?? mode, { log, lock: options.lockDisks }));
    },
    log,
  };
}

/** A sleep of so many milliseconds that can be ended early. */
function sleep(milliseconds: number): Sleep {
  if (milliseconds === Infinity) return sleepUntilCancelled();
  let cancel!: () => void;
  const done = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    cancel = (): void => {
      clearTimeout(timer);
      resolve();
    };
  });
  return { done, cancel };
}

function random(bytes: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < bytes.length; at += RANDOM_PIECE) {
    crypto.getRandomValues(bytes.subarray(at, at + RANDOM_PIECE));
  }
}

/** Reads a file or an address; the error's message is the end of a sentence that core begins. */
async function readFile(url: URL): Promise<Uint8Array> {
  try {
    if (url.protocol === "file:") {
      requireImage(await Deno.stat(url));
      return await Deno.readFile(url);
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

/** The path of a file that a configuration names by path or `file:` URL. */
function diskPath(path: string, base: URL | undefined): string {
  if (path.startsWith("file:")) return filePath(new URL(path));
  if (path.startsWith("/") || base === undefined) return path;
  if (base.protocol !== "file:") {
    throw new HypervisorError(
      `Cannot open disk "${path}": it is relative to ${base.origin}, and a disk must be a file; give an absolute path`,
    );
  }
  return `${filePath(new URL(".", base))}${path}`;
}
