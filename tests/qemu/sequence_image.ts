/**
 * Images of many short random instruction sequences, entered in M-mode. Each sequence starts from registers of its own and runs in a
 * mode of its own; traps are folded into a hash and skipped; then a hash of all that it left behind is printed, a line a sequence.
 *
 * @module
 */
import { assemble } from "../integration/assembler.ts";
import {
  BODIES,
  BODY_HALVES,
  BODY_SIZE,
  INIT_SIZE,
  PAGES,
  PAGES_PHYSICAL,
  RAM,
  runtimeSource,
  slotAddress,
  USER_OFFSET,
} from "./sequence_runtime.ts";

const C_NOP = 0x0001;

/** Modes that sequences run in, by mstatus.MPP and MPV. */
export const MODES = { M: 3 << 11, S: 1 << 11, U: 0, VS: 2 ** 39 + (1 << 11), VU: 2 ** 39 } as const;

/** A sequence. */
export interface Sequence {
  /** Instructions, as halfwords; at most {@link BODY_HALVES}. */
  readonly halves: readonly number[];
  /** x1..x31. */
  readonly x: readonly bigint[];
  /** f0..f31. */
  readonly f: readonly bigint[];
  /** fcsr. */
  readonly fcsr: number;
  /** Mode that it starts in. */
  readonly mode: keyof typeof MODES;
  /** What its {@link SLOT_SIZE} bytes of memory hold, as 64-bit words. */
  readonly slot: readonly bigint[];
  /** Flags of the entries of the {@link PAGES} pages at {@link PAGES_ADDRESS}: of the first stage, then of the second. Left out: no paging. */
  readonly flags?: readonly number[];
}

/** Virtual address of those pages. */
export const PAGES_ADDRESS = 0x1_0000_0000;

/**
 * Builds an image.
 *
 * @param csrs CSRs that belong to the results; cleared before each sequence
 * @param masks Bits of a CSR that are compared, where not all are
 * @param verbose Whether every result is printed, and every trap's cause, place and value
 */
export function buildImage(
  sequences: readonly Sequence[],
  csrs: readonly string[],
  masks: Readonly<Record<string, bigint>>,
  verbose: boolean,
): Uint8Array {
  const count = sequences.length;
  const paging = sequences[0].flags !== undefined;
  const runtime = assemble(RAM, runtimeSource(count, csrs, masks, verbose, paging));
  if (runtime.bytes.length > BODIES - RAM) throw new Error("The runtime does not fit below the sequences");
  const image = new Uint8Array(slotAddress(count, count) - RAM);
  const view = new DataView(image.buffer);
  image.set(runtime.bytes);
  sequences.forEach((sequence, index) => {
    const body = BODIES - RAM + index * BODY_SIZE;
    for (let i = 0; i < BODY_HALVES; i++) view.setUint16(body + i * 2, sequence.halves[i] ?? C_NOP, true);
    view.setUint32(body + BODY_HALVES * 2, 0x0010_0073, true); // ebreak
    const init = BODIES - RAM + count * BODY_SIZE + index * INIT_SIZE;
    const offset = paging && sequence.mode.endsWith("U") ? USER_OFFSET : 0;
    const entries = (sequence.flags ?? []).map((flags, i) => BigInt((PAGES_PHYSICAL + i % PAGES * 4096) / 4 + flags));
    const own = [BigInt(sequence.fcsr), BigInt(MODES[sequence.mode]), BigInt(offset)];
    const words = [...sequence.x, ...sequence.f, ...own, ...entries];
    words.forEach((word, i) => view.setBigUint64(init + i * 8, BigInt.asUintN(64, word), true));
    const slot = slotAddress(count, index) - RAM;
    sequence.slot.forEach((word, i) => view.setBigUint64(slot + i * 8, BigInt.asUintN(64, word), true));
  });
  return image;
}
