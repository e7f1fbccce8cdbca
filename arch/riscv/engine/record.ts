/**
 * The predecoded record of one instruction, as the interpreter reads it: 8 bytes for every halfword of a code page.
 *
 * | bits | content |
 * |---|---|
 * | 7..0 | operation |
 * | 9..8 | instruction length (1: 2 bytes, 2: 4 bytes) |
 * | 12..10 | rounding mode field |
 * | 17..13 | number of rs2 |
 * | 23..18 | number of rd, 32 for x0: the sink |
 * | 26..24 | zero, so that a shift leaves 8 times what is above |
 * | 31..27 | number of rs1 |
 * | 25..16 | for SYSTEM, in place of those: index of the table row |
 * | 63..32 | immediate, times 4 for branches and jumps; for fused multiply-adds rs3 times 8; for SYSTEM and ILLEGAL the encoding; for REGION the region's number |
 *
 * A zeroed record is `DECODE`: it is filled when it, or straight code that leads to it, is first executed. Twice the size would be easier
 * to take apart, but code that runs is spread over many pages, and so is what the interpreter reads.
 *
 * @module
 */

/** Bytes of a record. */
export const RECORD_SIZE = 8;

/** log2 of the bytes of records that a byte of code has. */
export const RECORD_SHIFT = 2;

/** Records of a 4 KiB page that hold instructions. */
export const RECORDS_PER_PAGE = 2048;

/**
 * Where a page's records are followed by 64 bits, one for each line of 64 bytes: whether anything was made of the code there. After the
 * last instruction come two `PAGE_END` records first, for a last one of 2 or 4 bytes.
 */
export const PAGE_LINES = (RECORDS_PER_PAGE + 2) * RECORD_SIZE;

/** Where those are followed by 32 bits: writes that a page without any code left may still take before its records are let go. */
export const PAGE_PATIENCE = PAGE_LINES + 8;

/** Bytes of a page's records, and of what follows them. */
export const RECORD_PAGE_SIZE = PAGE_LINES + 16;

/** log2 of the bytes of a line. */
export const LINE_SHIFT = 6;

/** Operations that stand for no row of the instruction table. */
export const Operation = {
  /** Not decoded yet. */
  DECODE: 0,
  /** Behind the last record of a page: goes on at the next page. */
  PAGE_END: 1,
  /** A 4-byte instruction whose second half lies in the next page. */
  STRADDLE: 2,
  /** No instruction. */
  ILLEGAL: 3,
  /** A row whose meaning is TypeScript. */
  SYSTEM: 4,
  /** A translated region starts here. */
  REGION: 5,
  /** Number of the first row of the instruction table. */
  FIRST_ROW: 6,
} as const;

/** Whether a record's operation is an instruction of the table, so that a region can start there. */
export function isRow(operation: number): boolean {
  return operation >= Operation.FIRST_ROW || operation === Operation.SYSTEM;
}

/** Bits of the operation in a record. */
export const OPERATION_MASK = 0xff;

/** Bit position of the length in a record. */
export const LENGTH_SHIFT = 8;

/** Bit positions of the other fields. */
export const RecordShift = {
  /** Rounding mode. */
  RM: 10,
  /** Second source. */
  RS2: 13,
  /** Destination. */
  RD: 18,
  /** First source, which most instructions have: the uppermost, so that a shift is enough to take it out. */
  RS1: 27,
  /** Row of a SYSTEM record. */
  ROW: 16,
} as const;
