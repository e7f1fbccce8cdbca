/**
 * Writing all bytes to a stream that may take a part of them at a time.
 *
 * @module
 */

/** The part of `Deno.stdout` that is used. */
export interface ByteSink {
  /** Writes some of the bytes, at least one. @returns how many */
  writeSync(bytes: Uint8Array): number;
}

/** Milliseconds between attempts when the reader of a pipe is slow. */
const RETRY_MS = 1;

/**
 * Writes all bytes, waiting where the stream is full.
 *
 * @throws what the stream throws, `Deno.errors.BrokenPipe` if nobody reads it any more
 */
export function writeAllSync(sink: ByteSink, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += sink.writeSync(bytes.subarray(done));
    } catch (error) {
      // A pipe that another program made non-blocking.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
