/**
 * What a row's pattern and format say about its 32 bits: mask and match, operand fields, encoding (Unprivileged ISA, "Immediate
 * Encoding Variants").
 *
 * @module
 */
import type { Format, Instruction } from "./instruction.ts";

/** Major opcodes of instructions that access memory, bits 6:0 (Unprivileged ISA, "RV32/64G Instruction Set Listings"). */
export const Opcode = {
  /** Loads to x registers. */
  LOAD: 0x03,
  /** Loads to f registers. */
  LOAD_FP: 0x07,
  /** Fences and cache-block operations. */
  MISC_MEM: 0x0f,
  /** Stores of x registers. */
  STORE: 0x23,
  /** Stores of f registers. */
  STORE_FP: 0x27,
  /** Atomics. */
  AMO: 0x2f,
  /** Among others HLV, HLVX and HSV. */
  SYSTEM: 0x73,
} as const;

/** The fixed bits of a pattern: an encoding belongs to it if `(bits & mask) === match`. Signed 32-bit numbers. */
export interface FixedBits {
  /** Ones where the pattern fixes a bit. */
  readonly mask: number;
  /** The fixed bits. */
  readonly match: number;
  /** How many bits are fixed: of two patterns that fit, the one with more is meant. */
  readonly count: number;
}

/** Character code of `0`; that of `1` is the next. */
const ZERO = 0x30;

const readPatterns = new Map<string, FixedBits>();

/** Reads a pattern of 16 or 32 characters, once. */
export function fixedBits(pattern: string): FixedBits {
  let bits = readPatterns.get(pattern);
  if (bits === undefined) readPatterns.set(pattern, bits = readPattern(pattern));
  return bits;
}

/** By codes: as characters, for which V8 makes strings, the patterns of both tables took 2 ms of every start in place of 0.7. */
function readPattern(pattern: string): FixedBits {
  let mask = 0;
  let match = 0;
  let count = 0;
  for (let i = 0; i < pattern.length; i++) {
    const digit = pattern.charCodeAt(i) - ZERO;
    const fixed = digit === 0 || digit === 1 ? 1 : 0;
    mask = (mask << 1) | fixed;
    match = (match << 1) | (digit & fixed);
    count += fixed;
  }
  return { mask, match, count };
}

/** Whether two patterns of one length share an encoding. */
export function overlap(a: FixedBits, b: FixedBits): boolean {
  return ((a.match ^ b.match) & a.mask & b.mask) === 0;
}

/** Register numbers and immediate of an instruction. */
export interface OperandValues {
  /** Destination register. */
  readonly rd?: number;
  /** First source register. */
  readonly rs1?: number;
  /** Second source register. */
  readonly rs2?: number;
  /** Third source register. */
  readonly rs3?: number;
  /** Immediate as a signed 32-bit number, as {@link Decoded} holds it. */
  readonly imm?: number;
}

/** Registers that a format names. */
const REGISTERS: Record<Format, readonly ("rd" | "rs1" | "rs2" | "rs3")[]> = {
  R: ["rd", "rs1", "rs2"],
  R4: ["rd", "rs1", "rs2", "rs3"],
  I: ["rd", "rs1"],
  shift: ["rd", "rs1"],
  shiftw: ["rd", "rs1"],
  S: ["rs1", "rs2"],
  B: ["rs1", "rs2"],
  U: ["rd"],
  J: ["rd"],
  none: [],
};

/** Lowest bit of each register field. */
export const REGISTER_SHIFT = { rd: 7, rs1: 15, rs2: 20, rs3: 27 } as const;

/** Ones for the number in a register field, 0 if the format has no such register. */
export function registerMask(format: Format, field: "rd" | "rs1" | "rs2" | "rs3"): number {
  return REGISTERS[format].includes(field) ? 31 : 0;
}

/** The number in the place of rs1, whatever the format. */
export function sourceRegister(bits: number): number {
  return (bits >>> REGISTER_SHIFT.rs1) & 31;
}

/** The immediate of a 32-bit encoding, sign-extended to a signed 32-bit number. */
export function immediateOf(format: Format, bits: number): number {
  switch (format) {
    case "I":
      return bits >> 20;
    case "shift":
      return (bits >>> 20) & 63;
    case "shiftw":
      return (bits >>> 20) & 31;
    case "S":
      return ((bits >> 25) << 5) | ((bits >>> 7) & 31);
    case "B":
      return ((bits >> 31) << 12) | ((bits << 4) & 0x800) | ((bits >>> 20) & 0x7e0) | ((bits >>> 7) & 0x1e);
    case "U":
      return bits & 0xfffff000;
    case "J":
      return ((bits >> 31) << 20) | (bits & 0xff000) | ((bits >>> 9) & 0x800) | ((bits >>> 20) & 0x7fe);
    default:
      return 0;
  }
}

/** The bits of an encoding that hold an immediate: the inverse of {@link immediateOf}. */
function immediateBits(format: Format, imm: number): number {
  switch (format) {
    case "I":
      return imm << 20;
    case "shift":
      return (imm & 63) << 20;
    case "shiftw":
      return (imm & 31) << 20;
    case "S":
      return ((imm >> 5) << 25) | ((imm & 31) << 7);
    case "B":
      return ((imm >> 12) << 31) | ((imm & 0x7e0) << 20) | ((imm & 0x1e) << 7) | ((imm & 0x800) >> 4);
    case "U":
      return imm & 0xfffff000;
    case "J":
      return ((imm >> 20) << 31) | (imm & 0xff000) | ((imm & 0x800) << 9) | ((imm & 0x7fe) << 20);
    default:
      return 0;
  }
}

/**
 * Encodes an instruction. Operands that its pattern fixes are taken from the pattern; ignored bits are 0, except a rounding mode
 * that assembly can write, which is dynamic. The result is an unsigned 32-bit number.
 */
export function encode(instruction: Instruction, operands: OperandValues): number {
  const { mask, match } = fixedBits(instruction.pattern);
  let bits = immediateBits(instruction.format, operands.imm ?? 0);
  for (const field of REGISTERS[instruction.format]) bits |= ((operands[field] ?? 0) & 31) << REGISTER_SHIFT[field];
  if (hasRoundingMode(instruction) && instruction.syntax?.endsWith(",rm")) bits |= 7 << 12;
  return ((bits & ~mask) | match) >>> 0;
}

/** Whether bits 14:12 are a rounding mode: then the instruction traps if the mode is reserved. */
export function hasRoundingMode(instruction: Instruction): boolean {
  const registersOnly = instruction.format === "R" || instruction.format === "R4";
  return registersOnly && instruction.pattern.slice(17, 20) === "...";
}
