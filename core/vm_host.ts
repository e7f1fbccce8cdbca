/**
 * What a VM needs of the world outside, as one object that is injected, and the least that works anywhere.
 *
 * @module
 */
import type { BlockBackend, BlockMode } from "./block.ts";
import { HypervisorError } from "./errors.ts";
import type { ImageBytes } from "./image_bytes.ts";

/** A sleep that can be ended early. */
export interface Sleep {
  /** Settles when the time is over or the sleep was cancelled; never rejects. */
  readonly done: Promise<void>;
  /** Ends the sleep now. */
  cancel(): void;
}

/** The host's services. */
export interface VmHost {
  /** Whether {@link nowMs} and {@link sleep} follow real time; without them only a virtual clock works. */
  readonly realTime: boolean;
  /** Monotonic time in milliseconds, with fractions. */
  nowMs(): number;
  /** Seconds since 1970-01-01 (UTC). */
  wallClockSeconds(): number;
  /** Lets the host's event loop turn once. While a VM runs, a {@link sleep} that is not over keeps the process alive. */
  yieldToHost(): Promise<void>;
  /** Waits for so many milliseconds; Infinity waits until it is cancelled and keeps the process alive. */
  sleep(milliseconds: number): Sleep;
  /** Fills an array with random bytes. */
  random(bytes: Uint8Array<ArrayBuffer>): void;
  /**
   * Told of areas of a memory that will be used all over, before any of them is touched: it may ask the operating system for huge pages.
   * Left out: nothing is done.
   */
  adviseHugePages?(areas: readonly Uint8Array[]): void;
  /** Reads a file or address. Default: `fetch`. */
  readFile?(url: URL): Promise<Uint8Array>;
  /** Opens an image that is read where it is needed. Left out: {@link readFile} reads it as a whole. */
  openImage?(url: URL): Promise<ImageBytes>;
  /** Opens a disk image. Left out: disks by path are refused. */
  openBlock?(path: string, mode: BlockMode, base: URL | undefined): Promise<BlockBackend>;
  /** Shows a message of a VM or one of its plugins. */
  log?(message: string): void;
}

/**
 * Lets the event loop turn through a message to ourselves (10 us by itself). The channel is new each time: one that stays open keeps the
 * process alive, and Deno serves its messages before its timers, which then starve.
 */
export function yieldThroughMessageChannel(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = (): void => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** A sleep that only {@link Sleep.cancel} ends. An open port keeps the process alive meanwhile. */
export function sleepUntilCancelled(): Sleep {
  const { port1, port2 } = new MessageChannel();
  let cancel!: () => void;
  const done = new Promise<void>((resolve) => {
    cancel = (): void => {
      port1.close();
      port2.close();
      resolve();
    };
  });
  port1.onmessage = (): void => {};
  return { done, cancel };
}

/** A host made of web standards alone: no time, so VMs need a virtual clock; no disks by path. */
export function createMinimalHost(): VmHost {
  return {
    realTime: false,
    nowMs: () => 0,
    wallClockSeconds: () => 0,
    yieldToHost: yieldThroughMessageChannel,
    sleep: sleepUntilCancelled,
    random: (bytes) => void crypto.getRandomValues(bytes),
  };
}

/** Opens what a key of the configuration points at; one sentence says what is missing. */
export async function openHostFile(
  host: VmHost,
  path: string,
  base: URL | undefined,
  key: string,
): Promise<ImageBytes> {
  const url = resolveUrl(path, base, key);
  try {
    if (host.openImage) return await host.openImage(url);
    if (host.readFile) return await host.readFile(url);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HypervisorError(`Cannot read ${key} "${path}" (${url}): ${reason}`, { cause });
  }
}

/** Makes a path or address absolute. */
export function resolveUrl(path: string, base: URL | undefined, key: string): URL {
  if (base) return new URL(path, base);
  if (URL.canParse(path)) return new URL(path);
  throw new HypervisorError(
    `Cannot resolve ${key} "${path}": it is relative and no base is known; give an absolute URL or the option "base"`,
  );
}
