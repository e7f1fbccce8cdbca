/**
 * The terminal, or the pipes in its place: raw mode while a guest has the keyboard, and complete output.
 *
 * @module
 */
import { EscapeKeys, KEY_HELP } from "./escape_keys.ts";
import { type ByteSink, writeAllSync } from "./write_all.ts";

/** Bytes of output that are collected before they are written at once. */
const OUTPUT_LIMIT = 64 * 1024;

/** Bytes that are read at a time. */
const INPUT_SIZE = 4096;

/** The part of `Deno.stdin` that is used. */
export interface TerminalInput {
  /** Reads some bytes; null at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  /** Whether it is a terminal. */
  isTerminal(): boolean;
  /** Turns raw mode on or off. */
  setRaw(raw: boolean): void;
}

/** What a terminal is made of. */
export interface TerminalOptions {
  /** Default: `Deno.stdin`. */
  readonly input?: TerminalInput;
  /** Default: `Deno.stdout`. */
  readonly output?: ByteSink;
  /** Default: `Deno.stderr`. */
  readonly messages?: ByteSink;
}

/** Who gets what comes in. */
export interface TerminalUser {
  /** Takes input; the next piece is read when it settles. */
  onInput(bytes: Uint8Array): void | Promise<void>;
  /** The user typed Ctrl-A X. */
  onQuit(): void;
}

/** Standard input, output and error of the process. */
export class Terminal {
  /** Called once when nobody reads the output any more. */
  onBroken: (() => void) | undefined;
  readonly #input: TerminalInput;
  readonly #output: ByteSink;
  readonly #messages: ByteSink;
  readonly #pending: Uint8Array = new Uint8Array(OUTPUT_LIMIT);
  #length = 0;
  #raw = false;
  #broken = false;
  #user: TerminalUser | undefined;

  /** Uses the process's streams, or others. */
  constructor({ input = Deno.stdin, output = Deno.stdout, messages = Deno.stderr }: TerminalOptions = {}) {
    this.#input = input;
    this.#output = output;
    this.#messages = messages;
  }

  /** Whether the input is a terminal, and so in raw mode while a user is attached. */
  get isInteractive(): boolean {
    return this.#input.isTerminal();
  }

  /** Collects output; it is written when the running task ends, or there is much of it. */
  write(bytes: Uint8Array): void {
    if (this.#length === 0) queueMicrotask(() => this.flush());
    if (this.#length + bytes.length > OUTPUT_LIMIT) this.flush();
    if (bytes.length > OUTPUT_LIMIT) return this.#write(bytes);
    this.#pending.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes what was collected. */
  flush(): void {
    const length = this.#length;
    this.#length = 0;
    if (length > 0) this.#write(this.#pending.subarray(0, length));
  }

  /** Shows a message on standard error, after the output that came before it. */
  message(text: string): void {
    this.flush();
    this.writeError(new TextEncoder().encode(`${text}\n`));
  }

  /** Writes bytes to standard error. */
  writeError(bytes: Uint8Array): void {
    try {
      writeAllSync(this.#messages, bytes);
    } catch {
      // There is no place left to say it.
    }
  }

  /** Gives the input to somebody: a terminal becomes raw and its Ctrl-A commands are taken out; anything else passes as it is. */
  attach(user: TerminalUser): void {
    this.#user = user;
    const interactive = this.isInteractive;
    if (interactive) {
      this.#input.setRaw(true);
      this.#raw = true;
    }
    void this.#pump(user, interactive ? new EscapeKeys() : undefined);
  }

  /** Puts the terminal back as it was and writes what was collected. Nothing happens the second time. */
  restore(): void {
    this.#user = undefined;
    this.flush();
    if (!this.#raw) return;
    this.#raw = false;
    try {
      this.#input.setRaw(false);
    } catch {
      // The terminal is gone, for example because its window was closed.
    }
  }

  async #pump(user: TerminalUser, keys: EscapeKeys | undefined): Promise<void> {
    const buffer = new Uint8Array(INPUT_SIZE);
    for (;;) {
      // A terminal whose window was closed fails; that is the end of input, too.
      const count = await this.#input.read(buffer).catch(() => null);
      // The end of input does not concern the guest: its keyboard is silent from here on.
      if (count === null || this.#user !== user) return;
      const piece = buffer.slice(0, count);
      const { data, commands } = keys === undefined ? { data: piece, commands: [] } : keys.feed(piece);
      if (data.length > 0) await user.onInput(data);
      for (const command of commands) {
        if (command === "help") this.message(KEY_HELP);
        else user.onQuit();
      }
    }
  }

  #write(bytes: Uint8Array): void {
    if (this.#broken) return;
    try {
      writeAllSync(this.#output, bytes);
    } catch (error) {
      this.#broken = true;
      if (!(error instanceof Deno.errors.BrokenPipe)) {
        const reason = error instanceof Error ? error.message : String(error);
        this.message(`denovisor: Cannot write to standard output: ${reason}`);
      }
      this.onBroken?.();
    }
  }
}
