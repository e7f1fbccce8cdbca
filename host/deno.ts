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
import type { BlockMode } from "../core/block.ts";
import { HypervisorError } from "../core/errors.ts";
import { type Sleep, sleepUntilCancelled, type VmHost } from "../core/vm_host.ts";
import { openBlockFile } from "./block_file.ts";
import { filePath } from "./file_paths.ts";
import { adviseHugePages } from "./huge_pages.ts";
import { openImage } from "./image_file.ts";

export { BlockFile, openBlockFile, type OpenBlockOptions } from "./block_file.ts";
export { explainFileError } from "./file_errors.ts";

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
    yieldToHost: takeTurn,
    sleep,
    random,
    adviseHugePages,
    openImage,
    openBlock: (path, mode, base) => {
      const place = diskPath(path, base);
      return Promise.resolve(openBlockFile(place, options.diskMode ?? mode, { log, lock: options.lockDisks }));
    },
    log,
  };
}

/** A word that is waited for as long as it takes to be told that it changed. */
const word = new Int32Array(new SharedArrayBuffer(4));

/**
 * Lets the event loop turn once. A wait that is over when it begins takes a fraction of what a message takes, and no timer: for the first one
 * of a process Deno loads Node's, which takes more than 10 ms. It keeps no process alive.
 */
async function takeTurn(): Promise<void> {
  const { value } = Atomics.waitAsync(word, 0, 0);
  Atomics.notify(word, 0);
  await value;
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
