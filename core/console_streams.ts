/**
 * Named consoles: the guest's port on one side, streams, listeners and `waitFor` on the other.
 *
 * @module
 */
import type { ConsolePort } from "./console.ts";
import { HypervisorError } from "./errors.ts";
import type { Inbox } from "./inbox.ts";

/** Bytes of output that are kept for those who attach late; older ones are dropped. */
const HISTORY_LIMIT = 256 * 1024;

/** Bytes of input that wait before `input` asks its writer to slow down. */
const INPUT_HIGH_WATER = 16 * 1024;

/** A console as plain data. */
export interface ConsoleState {
  /** Bytes that the guest wrote since the VM was started. */
  readonly outputBytes: number;
  /** Input that the guest has not read. */
  readonly input: Uint8Array;
}

/** The host's end of a console. */
export interface VmConsole {
  /** Name that the device or plugin gave it. */
  readonly name: string;
  /** Bytes that the guest wrote since the VM was started. */
  readonly outputBytes: number;
  /** Bytes of input that the guest has not read. */
  readonly inputPending: number;
  /** What the guest writes, from now on and as far back as the history goes (256 KiB). Unread output beyond that is dropped. */
  readonly output: ReadableStream<Uint8Array>;
  /** Input with back-pressure: a write settles when the guest has room for more. */
  readonly input: WritableStream<Uint8Array>;
  /** Calls `listener` with every piece of output. @returns a function that stops it */
  onOutput(listener: (bytes: Uint8Array) => void): () => void;
  /** Sends input to the guest; it arrives between two slices. */
  write(data: Uint8Array | string): void;
  /**
   * Waits until the guest has written something that matches, after what the last call matched. Rejects when the VM ends first.
   *
   * @returns the text from where the last match ended to the end of this one
   */
  waitFor(pattern: string | RegExp): Promise<string>;
}

interface Waiter {
  readonly pattern: string | RegExp;
  resolve(text: string): void;
  reject(error: Error): void;
}

/** A console: the host's end, with the guest's as {@link port}. */
export class ConsoleStream implements VmConsole {
  /** Name of the console. */
  readonly name: string;
  /** The guest's end. */
  readonly port: ConsolePort;
  /** Bytes that the guest wrote since the VM was started. */
  outputBytes = 0;
  #inbox: Inbox;
  /** The last output, as a ring: a device writes byte by byte, and an object for each would cost a hundred times as much. */
  #ring: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Bytes that ever went into the ring. */
  #total = 0;
  /** Bytes of {@link #total} that `waitFor` has decoded. */
  #decoded = 0;
  #listeners: Set<(bytes: Uint8Array) => void> = new Set();
  #inputListeners: (() => void)[] = [];
  #chunks: Uint8Array[] = [];
  #offset = 0;
  #available = 0;
  #output: ReadableStream<Uint8Array> | undefined;
  #input: WritableStream<Uint8Array> | undefined;
  #room: (() => void)[] = [];
  #decoder: TextDecoder = new TextDecoder();
  #text = "";
  #waiters: Waiter[] = [];
  #matchDue = false;

  /** Makes a console whose input goes through `inbox`. */
  constructor(name: string, inbox: Inbox) {
    this.name = name;
    this.#inbox = inbox;
    const available = (): number => this.#available;
    this.port = {
      write: (bytes) => this.#emit(bytes),
      read: () => this.#take(),
      get available(): number {
        return available();
      },
      onInput: (listener) => void this.#inputListeners.push(listener),
    };
  }

  /** Bytes of input that the guest has not read. */
  get inputPending(): number {
    return this.#available;
  }

  /** What the guest writes, as a stream; made at the first use. */
  get output(): ReadableStream<Uint8Array> {
    this.#output ??= this.#makeOutput();
    return this.#output;
  }

  /** Input with back-pressure; made at the first use. */
  get input(): WritableStream<Uint8Array> {
    this.#input ??= new WritableStream<Uint8Array>({
      write: (bytes): Promise<void> => {
        this.write(bytes);
        return this.#waitForRoom();
      },
    });
    return this.#input;
  }

  /** Calls `listener` with every piece of output from now on. */
  onOutput(listener: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Sends input to the guest. */
  write(data: Uint8Array | string): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data.slice();
    if (bytes.length === 0) return;
    this.#inbox.post({ kind: "input", target: this.name, bytes }, () => this.#accept(bytes));
  }

  /** Waits for output that matches. */
  waitFor(pattern: string | RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ pattern, resolve, reject });
      this.#match();
    });
  }

  /** The VM has ended: nobody waits for output any more. */
  end(reason: string): void {
    if (this.#waiters.length > 0) this.#match();
    for (const { pattern, reject } of this.#waiters.splice(0)) {
      const wanted = typeof pattern === "string" ? JSON.stringify(pattern) : String(pattern);
      const tail = JSON.stringify(this.#text.slice(-200));
      reject(
        new HypervisorError(
          `Console "${this.name}" never showed ${wanted}: ${reason}; the last that it showed is ${tail}`,
        ),
      );
    }
    for (const resume of this.#room.splice(0)) resume();
  }

  /** Power-on: counts from 0 and forgets input that the guest has not read. */
  reset(): void {
    this.outputBytes = 0;
    this.#dropInput();
  }

  /** Copies the state out. */
  save(): ConsoleState {
    const input = new Uint8Array(this.#available);
    let at = 0;
    for (const [index, chunk] of this.#chunks.entries()) {
      const rest = index === 0 ? chunk.subarray(this.#offset) : chunk;
      input.set(rest, at);
      at += rest.length;
    }
    return { outputBytes: this.outputBytes, input };
  }

  /** Takes the state over. Listeners are not told: the devices' own state knows. */
  restore(state: ConsoleState): void {
    this.#dropInput();
    this.outputBytes = state.outputBytes;
    if (state.input.length > 0) {
      this.#chunks.push(state.input.slice());
      this.#available = state.input.length;
    }
  }

  #emit(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.outputBytes += bytes.length;
    this.#remember(bytes);
    if (this.#listeners.size > 0) {
      // A device may hand out a view of shared memory, which streams and decoders refuse.
      const copy = new Uint8Array(bytes.length);
      copy.set(bytes);
      for (const listener of this.#listeners) listener(copy);
    }
    if (this.#waiters.length > 0) this.#matchSoon();
  }

  /**
   * Searches once for all that the guest writes until the host's turn comes: a device writes byte by byte, and a search looks at the
   * whole text.
   */
  #matchSoon(): void {
    if (this.#total - this.#decoded >= HISTORY_LIMIT / 2) return this.#match();
    if (this.#matchDue) return;
    this.#matchDue = true;
    queueMicrotask(() => {
      this.#matchDue = false;
      this.#match();
    });
  }

  #remember(bytes: Uint8Array): void {
    if (this.#ring.length === 0) this.#ring = new Uint8Array(HISTORY_LIMIT);
    const kept = bytes.length > HISTORY_LIMIT ? bytes.subarray(bytes.length - HISTORY_LIMIT) : bytes;
    this.#total += bytes.length;
    const start = (this.#total - kept.length) % HISTORY_LIMIT;
    const first = Math.min(kept.length, HISTORY_LIMIT - start);
    this.#ring.set(kept.subarray(0, first), start);
    this.#ring.set(kept.subarray(first), 0);
  }

  /** The remembered bytes from position `from` of the output on. */
  #recall(from: number): Uint8Array<ArrayBuffer> {
    const begin = Math.max(from, this.#total - HISTORY_LIMIT, 0);
    const result = new Uint8Array(this.#total - begin);
    const start = begin % HISTORY_LIMIT;
    const first = Math.min(result.length, HISTORY_LIMIT - start);
    result.set(this.#ring.subarray(start, start + first), 0);
    result.set(this.#ring.subarray(0, result.length - first), first);
    return result;
  }

  #accept(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#available += bytes.length;
    for (const listener of this.#inputListeners) listener();
  }

  #take(): number {
    if (this.#available === 0) return -1;
    const chunk = this.#chunks[0];
    const byte = chunk[this.#offset++];
    this.#available--;
    if (this.#offset === chunk.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
    if (this.#available < INPUT_HIGH_WATER && this.#room.length > 0) {
      for (const resume of this.#room.splice(0)) resume();
    }
    return byte;
  }

  #dropInput(): void {
    this.#chunks = [];
    this.#offset = 0;
    this.#available = 0;
    for (const resume of this.#room.splice(0)) resume();
  }

  #waitForRoom(): Promise<void> {
    if (this.#available < INPUT_HIGH_WATER) return Promise.resolve();
    return new Promise((resolve) => void this.#room.push(resolve));
  }

  #makeOutput(): ReadableStream<Uint8Array> {
    let stop: () => void = () => {};
    return new ReadableStream<Uint8Array>({
      start: (controller): void => {
        if (this.#total > 0) controller.enqueue(this.#recall(0));
        stop = this.onOutput((bytes) => {
          // desiredSize counts bytes: a reader that went away must not make the queue grow for ever.
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(bytes);
        });
      },
      cancel: (): void => stop(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: HISTORY_LIMIT * 2 }));
  }

  /** Decodes only when somebody waits: most consoles are never searched. */
  #match(): void {
    if (this.#decoded < this.#total) {
      this.#text = (this.#text + this.#decoder.decode(this.#recall(this.#decoded), { stream: true })).slice(
        -HISTORY_LIMIT,
      );
      this.#decoded = this.#total;
    }
    while (this.#waiters.length > 0) {
      const { pattern, resolve } = this.#waiters[0];
      const end = matchEnd(this.#text, pattern);
      if (end < 0) return;
      this.#waiters.shift();
      resolve(this.#text.slice(0, end));
      this.#text = this.#text.slice(end);
    }
  }
}

/** Index after the first match, or -1. */
function matchEnd(text: string, pattern: string | RegExp): number {
  if (typeof pattern === "string") {
    const start = text.indexOf(pattern);
    return start < 0 ? -1 : start + pattern.length;
  }
  const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")).exec(text);
  return match ? match.index + match[0].length : -1;
}
