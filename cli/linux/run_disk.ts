/**
 * The disk over which a guest gets one command and gives back its output and status: a virtio-blk back-end (virtio 1.2
 * chapter 5.2) in memory whose contents are a conversation, not storage.
 *
 * Everything is in blocks of 4096 bytes. The host lays the request at block 0: a line `denovisor-run 1 NONCE LENGTH`,
 * padded with NULs, and from block 1 the command's bytes. The guest answers by writing frames over the slots below, again
 * and again: a header line `denovisor-frame NONCE SEQUENCE LENGTH`, padded to a block, and then the bytes padded to blocks;
 * one writer per slot, which starts a frame only when the one before is on the disk. So the host can count the blocks written
 * in a slot, in whatever order they arrive, and has a frame when all are there. `LENGTH` of the status slot is 0 and its
 * header ends in the exit status. The nonce keeps a guest that fills the disk from saying anything by chance.
 *
 * @module
 */

import type { BlockBackend } from "../../core/block.ts";
import { HypervisorError } from "../../core/errors.ts";

/** Bytes of a block, the unit of every transfer. */
export const RUN_BLOCK_SIZE = 4096;
/** The request's first word; the guest's init looks for it. */
export const RUN_MAGIC = "denovisor-run";
/** Most bytes of one frame's data. */
export const RUN_CHUNK_SIZE = 65536;
/** Where the slots start, in blocks, by name. */
export const RUN_SLOTS = { out: 256, err: 512, status: 768 } as const;

/** The name of a slot. */
export type RunSlot = keyof typeof RUN_SLOTS;

const SIZE = 1024 * RUN_BLOCK_SIZE;
const MAX_COMMAND = (RUN_SLOTS.out - 1) * RUN_BLOCK_SIZE;
const SLOT_BLOCKS = 1 + RUN_CHUNK_SIZE / RUN_BLOCK_SIZE;

/** What a run disk needs. */
export interface RunDiskOptions {
  /** The shell command. */
  readonly command: string;
  /** A word of letters, digits and dashes that the guest must repeat; random where determinism is not asked for. */
  readonly nonce: string;
  /** Receives the command's standard output, as it is produced. The bytes are the receiver's; a pipe may take a part of them at a time. */
  readonly onOutput: (bytes: Uint8Array) => void;
  /** Receives the command's standard error. */
  readonly onError: (bytes: Uint8Array) => void;
}

interface SlotState {
  sequence: number;
  written: number;
}

/** The back-end; give it to the guest as its second disk (`/dev/vdb`). */
export class RunDisk implements BlockBackend {
  /** Bytes of the disk. */
  readonly size: number = SIZE;
  /** The guest answers by writing. */
  readonly readOnly = false;
  readonly #bytes = new Uint8Array(SIZE);
  readonly #options: RunDiskOptions;
  readonly #slots: Record<RunSlot, SlotState> = {
    out: { sequence: 0, written: 0 },
    err: { sequence: 0, written: 0 },
    status: { sequence: 0, written: 0 },
  };
  #status: number | undefined;

  /**
   * @param options The command and where its output goes.
   * @throws {HypervisorError} when the command is longer than the request area (1 MiB) or the nonce is no word.
   */
  constructor(options: RunDiskOptions) {
    const command = new TextEncoder().encode(options.command);
    if (command.length > MAX_COMMAND) {
      throw new HypervisorError(
        `Command of ${command.length} bytes is longer than the ${MAX_COMMAND} that a run takes: put it on the disk as a script`,
      );
    }
    if (!/^[\w-]{1,64}$/.test(options.nonce)) throw new HypervisorError(`Run nonce '${options.nonce}' is not one word`);
    this.#options = options;
    this.#bytes.set(new TextEncoder().encode(`${RUN_MAGIC} 1 ${options.nonce} ${command.length}\n`));
    this.#bytes.set(command, RUN_BLOCK_SIZE);
  }

  /** The command's exit status (0 to 255); undefined until the guest has told it. */
  get status(): number | undefined {
    return this.#status;
  }

  /** A copy of `length` bytes at `offset`. */
  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(offset, offset + length);
  }

  /** Takes a part of a frame; hands out the frame's bytes when it is whole. */
  write(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
    for (const [name, first] of Object.entries(RUN_SLOTS) as [RunSlot, number][]) {
      const start = first * RUN_BLOCK_SIZE;
      const end = start + SLOT_BLOCKS * RUN_BLOCK_SIZE;
      const overlap = Math.min(offset + bytes.length, end) - Math.max(offset, start);
      if (overlap > 0) this.#advance(name, start, overlap);
    }
  }

  /** Nothing is kept back: frames are handed out as they come. */
  flush(): void {}

  #advance(name: RunSlot, start: number, count: number): void {
    const slot = this.#slots[name];
    slot.written += count;
    const header = this.#header(start);
    if (header === undefined || header.sequence !== slot.sequence) return;
    const blocks = 1 + Math.ceil(header.length / RUN_BLOCK_SIZE);
    if (slot.written < blocks * RUN_BLOCK_SIZE) return;
    slot.sequence++;
    slot.written = 0;
    const data = this.#bytes.slice(start + RUN_BLOCK_SIZE, start + RUN_BLOCK_SIZE + header.length);
    if (name === "out") this.#options.onOutput(data);
    if (name === "err") this.#options.onError(data);
    if (name === "status") this.#status = header.status;
  }

  #header(start: number): { sequence: number; length: number; status: number } | undefined {
    const block = this.#bytes.subarray(start, start + 160);
    const line = new TextDecoder().decode(block.subarray(0, Math.max(0, block.indexOf(10))));
    const match = /^denovisor-frame (\S+) (\d{1,15}) (\d{1,5})(?: (\d{1,3}))?$/.exec(line);
    if (match === null || match[1] !== this.#options.nonce) return undefined;
    const length = Number(match[3]);
    if (length > RUN_CHUNK_SIZE) return undefined;
    return { sequence: Number(match[2]), length, status: Number(match[4] ?? 0) & 0xff };
  }
}
