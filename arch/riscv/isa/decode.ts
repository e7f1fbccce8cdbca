/**
 * From bits to rows: a decoder made of the patterns of both tables (Unprivileged ISA, "Expanded Instruction-Length Encoding").
 *
 * Where two patterns fit, the one that fixes more bits is meant.
 *
 * @module
 */
import { COMPRESSED } from "./c.ts";
import { type FixedBits, fixedBits, immediateOf, overlap, registerOf } from "./encoding.ts";
import type { CompressedInstruction, Decoded, Instruction } from "./instruction.ts";
import { INSTRUCTIONS } from "./table.ts";

/** A row with its pattern read. */
type Matcher<Row> = FixedBits & { readonly row: Row };

/** Rows by their patterns, those that fix most bits first. */
function matchers<Row extends { pattern: string }>(rows: readonly Row[]): Matcher<Row>[] {
  return rows.map((row) => ({ row, ...fixedBits(row.pattern) })).sort((a, b) => b.count - a.count);
}

const ALL: readonly Matcher<Instruction>[] = matchers(INSTRUCTIONS);
const ALL_COMPRESSED: readonly Matcher<CompressedInstruction>[] = matchers(COMPRESSED);

/** Bits that choose a bucket: funct7, funct3 and the major opcode, of which the low two bits are always ones. */
const BUCKET_MASK = 0xfe00707c | 0;

const buckets: (readonly Matcher<Instruction>[] | undefined)[] = new Array(1 << 15);

function bucketNumber(bits: number): number {
  return ((bits >>> 17) & 0x7f00) | ((bits >>> 7) & 0xe0) | ((bits >>> 2) & 0x1f);
}

/** The rows that encodings with these bucket bits can mean. Filled when first asked for: most buckets never are. */
function bucketOf(bits: number): readonly Matcher<Instruction>[] {
  const number = bucketNumber(bits);
  const wanted: FixedBits = { mask: BUCKET_MASK | 3, match: bits & (BUCKET_MASK | 3), count: 17 };
  return buckets[number] ??= ALL.filter((matcher) => overlap(matcher, wanted));
}

/** What 32-bit encodings mean that were met before, `null` if nothing: programs say the same again and again. */
const wideCache = new Map<number, Decoded | null>();

/** Encodings that {@link wideCache} holds at most: when there are more, it begins anew. */
const MOST_CACHED = 32768;

function decodeCached(bits: number): Decoded | undefined {
  let decoded = wideCache.get(bits);
  if (decoded === undefined) {
    decoded = decodeWide(bits, 4) ?? null;
    if (wideCache.size >= MOST_CACHED) wideCache.clear();
    wideCache.set(bits, decoded);
  }
  return decoded ?? undefined;
}

/** Takes a 32-bit encoding apart. */
function decodeWide(bits: number, length: 2 | 4): Decoded | undefined {
  for (const { mask, match, row } of bucketOf(bits)) {
    if ((bits & mask) !== match) continue;
    return {
      instruction: row,
      length,
      bits: bits >>> 0,
      rd: registerOf(row.format, "rd", bits),
      rs1: registerOf(row.format, "rs1", bits),
      rs2: registerOf(row.format, "rs2", bits),
      rs3: registerOf(row.format, "rs3", bits),
      imm: immediateOf(row.format, bits),
      rm: (bits >>> 12) & 7,
    };
  }
  return undefined;
}

/** The row of a 16-bit encoding, even if these operands of it are reserved. */
export function compressedRow(bits: number): CompressedInstruction | undefined {
  const half = bits & 0xffff;
  return ALL_COMPRESSED.find(({ mask, match }) => (half & mask) === match)?.row;
}

/** What each 16-bit encoding means, `null` if nothing. Filled when first asked for. */
const compressedCache: (Decoded | null | undefined)[] = new Array(1 << 16);

function decodeCompressed(half: number): Decoded | undefined {
  let decoded = compressedCache[half];
  if (decoded === undefined) {
    const wide = compressedRow(half)?.expand(half);
    decoded = (wide === undefined ? undefined : decodeWide(wide, 2)) ?? null;
    compressedCache[half] = decoded;
  }
  return decoded ?? undefined;
}

/**
 * Takes an instruction apart. If the low two bits are not ones, it is compressed and only the low 16 bits count.
 *
 * @param bits 32 bits, signed or unsigned
 * @returns undefined if the encoding is illegal here, among them all encodings longer than 32 bits
 */
export function decode(bits: number): Decoded | undefined {
  return (bits & 3) === 3 ? decodeCached(bits | 0) : decodeCompressed(bits & 0xffff);
}
