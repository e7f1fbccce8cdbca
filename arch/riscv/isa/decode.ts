/**
 * From bits to rows: a decoder made of the patterns of both tables (Unprivileged ISA, "Expanded Instruction-Length Encoding").
 *
 * Where two patterns fit, the one that fixes more bits is meant.
 *
 * @module
 */
import { COMPRESSED } from "./c.ts";
import { type FixedBits, fixedBits, immediateOf, overlap, REGISTER_SHIFT, registerMask } from "./encoding.ts";
import type { CompressedInstruction, Decoded, TableRow } from "./instruction.ts";
import { INSTRUCTIONS } from "./table.ts";

/** A row with its pattern read, and ones for each register that it names. */
interface Matcher extends FixedBits {
  readonly row: TableRow;
  readonly rd: number;
  readonly rs1: number;
  readonly rs2: number;
  readonly rs3: number;
}

function matcherOf(row: TableRow): Matcher {
  const { mask, match, count } = fixedBits(row.pattern);
  const register = (field: "rd" | "rs1" | "rs2" | "rs3"): number => registerMask(row.format, field);
  return {
    row,
    mask,
    match,
    count,
    rd: register("rd"),
    rs1: register("rs1"),
    rs2: register("rs2"),
    rs3: register("rs3"),
  };
}

/** Patterns that fix most bits first. */
function byCount(a: FixedBits, b: FixedBits): number {
  return b.count - a.count;
}

const WIDE: readonly Matcher[] = INSTRUCTIONS.map(matcherOf).sort(byCount);

/** Bits that choose a bucket: funct3 and the major opcode, of which the low two bits are always ones. */
const WIDE_MASK = 0x707f;

/** Spread, because code for arrays that may have holes is thrown away when anybody touches a prototype. */
const wideBuckets: (readonly Matcher[] | undefined)[] = [...new Array(1 << 8)];

/** The rows that encodings with these bucket bits can mean. Filled when first asked for: half of the buckets never are. */
function wideBucket(bits: number): readonly Matcher[] {
  return wideBuckets[((bits >>> 7) & 0xe0) | ((bits >>> 2) & 0x1f)] ??= matching(WIDE, WIDE_MASK, bits);
}

function matching<M extends FixedBits>(all: readonly M[], mask: number, bits: number): readonly M[] {
  return all.filter((matcher) => overlap(matcher, { mask, match: bits & mask, count: 0 }));
}

/** Takes a 32-bit encoding apart. */
function decodeWide(bits: number, length: 2 | 4): Decoded | undefined {
  const bucket = wideBucket(bits);
  // By index: what V8 compiles for an iterator is larger.
  for (let i = 0; i < bucket.length; i++) {
    const { mask, match, row, rd, rs1, rs2, rs3 } = bucket[i];
    if ((bits & mask) !== match) continue;
    return {
      instruction: row,
      length,
      bits: bits | 0,
      rd: (bits >>> REGISTER_SHIFT.rd) & rd,
      rs1: (bits >>> REGISTER_SHIFT.rs1) & rs1,
      rs2: (bits >>> REGISTER_SHIFT.rs2) & rs2,
      rs3: (bits >>> REGISTER_SHIFT.rs3) & rs3,
      imm: immediateOf(row.format, bits),
      rm: (bits >>> 12) & 7,
    };
  }
  return undefined;
}

const COMPRESSED_ROWS: readonly (FixedBits & { readonly row: CompressedInstruction })[] = COMPRESSED
  .map((row) => ({ row, ...fixedBits(row.pattern) })).sort(byCount);

/** Bits that choose among compressed instructions: funct3 and the opcode. */
const COMPRESSED_MASK = 0xe003;

const compressedBuckets: (typeof COMPRESSED_ROWS | undefined)[] = [...new Array(1 << 5)];

/** The row of a 16-bit encoding, even if these operands of it are reserved. */
export function compressedRow(bits: number): CompressedInstruction | undefined {
  const half = bits & 0xffff;
  const bucket = compressedBuckets[((half >>> 11) & 0x1c) | (half & 3)] ??= matching(
    COMPRESSED_ROWS,
    COMPRESSED_MASK,
    half,
  );
  for (const { mask, match, row } of bucket) if ((half & mask) === match) return row;
  return undefined;
}

/** Where among {@link compressedMeanings} each 16-bit encoding is; 0: not asked for yet. */
const compressedPlaces = new Uint16Array(1 << 16);
const compressedMeanings: (Decoded | undefined)[] = [undefined];

function decodeCompressed(half: number): Decoded | undefined {
  return compressedMeanings[compressedPlaces[half] || expandCompressed(half)];
}

/** Finds the meaning of an encoding that is met for the first time; gives its place. */
function expandCompressed(half: number): number {
  const wide = compressedRow(half)?.expand(half);
  const place = compressedMeanings.push(wide === undefined ? undefined : decodeWide(wide, 2)) - 1;
  compressedPlaces[half] = place;
  return place;
}

/**
 * Takes an instruction apart. If the low two bits are not ones, it is compressed and only the low 16 bits count.
 *
 * @param bits 32 bits, signed or unsigned
 * @returns undefined if the encoding is illegal here, among them all encodings longer than 32 bits
 */
export function decode(bits: number): Decoded | undefined {
  return (bits & 3) === 3 ? decodeWide(bits, 4) : decodeCompressed(bits & 0xffff);
}
