/**
 * What an instruction is: one row with name, format, bit pattern and meaning; every engine instantiates the same meaning.
 *
 * A meaning is a function over an opaque value type `V` and the vocabulary {@link Ops}. It never decides with JavaScript's own
 * `if` or comparison on values: the wasm engines must be able to turn it into code.
 *
 * @module
 */
import type { Hart } from "../hart.ts";

/** Which field of the encoding names a register. Opaque: an engine knows whether the number is constant or read at run time. */
export interface RegisterOperand {
  /** Field of the encoding. */
  readonly field: "rd" | "rs1" | "rs2" | "rs3";
}

/** The operands of an instruction as its meaning sees them. */
export interface Operands<V> {
  /** Destination register. */
  readonly rd: RegisterOperand;
  /** First source register. */
  readonly rs1: RegisterOperand;
  /** Second source register. */
  readonly rs2: RegisterOperand;
  /** Third source register (fused multiply-add). */
  readonly rs3: RegisterOperand;
  /** Immediate, sign-extended to 64 bits; shift amounts are 0..63. */
  readonly imm: V;
}

/** Bytes of a memory access. */
export type AccessSize = 1 | 2 | 4 | 8;

/**
 * The vocabulary of meanings. Values are 64 bits wide. Pure operations may be nested freely, but an engine may evaluate an argument
 * as often as it is used: bind what is used twice with {@link bind}. Effects (registers, memory, jumps) happen in the order written.
 */
export interface Ops<V> {
  /** A constant. */
  constant(value: bigint): V;
  /** Evaluates once; the result can be used many times. */
  bind(value: V): V;

  /** a + b. */
  add(a: V, b: V): V;
  /** a - b. */
  sub(a: V, b: V): V;
  /** Bitwise and. */
  and(a: V, b: V): V;
  /** Bitwise or. */
  or(a: V, b: V): V;
  /** Bitwise exclusive or. */
  xor(a: V, b: V): V;
  /** a << (b mod 64). */
  shl(a: V, b: V): V;
  /** Arithmetic a >> (b mod 64). */
  shrS(a: V, b: V): V;
  /** Logical a >> (b mod 64). */
  shrU(a: V, b: V): V;
  /** Rotates left by b mod 64. */
  rotl(a: V, b: V): V;
  /** Rotates right by b mod 64. */
  rotr(a: V, b: V): V;
  /** Low 64 bits of the product. */
  mul(a: V, b: V): V;
  /** High 64 bits of signed times signed. */
  mulHighS(a: V, b: V): V;
  /** High 64 bits of unsigned times unsigned. */
  mulHighU(a: V, b: V): V;
  /** High 64 bits of signed times unsigned. */
  mulHighSU(a: V, b: V): V;
  /** Signed quotient as RISC-V defines it: x/0 = -1, overflow gives the dividend. */
  divS(a: V, b: V): V;
  /** Unsigned quotient: x/0 = 2^64-1. */
  divU(a: V, b: V): V;
  /** Signed remainder: x%0 = x, overflow gives 0. */
  remS(a: V, b: V): V;
  /** Unsigned remainder: x%0 = x. */
  remU(a: V, b: V): V;
  /** Leading zeros, 64 for 0. */
  clz(a: V): V;
  /** Trailing zeros, 64 for 0. */
  ctz(a: V): V;
  /** Number of ones. */
  popcount(a: V): V;
  /** Sign-extends the low `bits`. */
  sext(a: V, bits: 8 | 16 | 32): V;
  /** Zero-extends the low `bits`. */
  zext(a: V, bits: 8 | 16 | 32): V;
  /** 1 if equal, else 0. */
  eq(a: V, b: V): V;
  /** 1 if different, else 0. */
  ne(a: V, b: V): V;
  /** 1 if signed a < b, else 0. */
  ltS(a: V, b: V): V;
  /** 1 if unsigned a < b, else 0. */
  ltU(a: V, b: V): V;
  /** `whenTrue` if condition is not 0. Both may be evaluated: pure values only. */
  select(condition: V, whenTrue: V, whenFalse: V): V;

  /** The register that a single is held in: its low 32 bits are those of `a`, the others ones (NaN boxing). */
  boxSingle(a: V): V;

  /** Reads an x register. */
  x(register: RegisterOperand): V;
  /** Writes an x register; x0 stays 0. */
  setX(register: RegisterOperand, value: V): void;
  /** Reads an f register's 64 bits. */
  f(register: RegisterOperand): V;
  /** Writes an f register's 64 bits and makes FS dirty. */
  setF(register: RegisterOperand, value: V): void;
  /** Address of this instruction. */
  pc(): V;
  /** Address of the instruction that follows it in memory. */
  nextPc(): V;

  /** Goes to `pc + imm` (the instruction's own immediate) if the condition is not 0. Last effect of its instruction. */
  branchIf(condition: V): void;
  /** Goes to `pc + imm`. Last effect of its instruction. */
  jumpRelative(): void;
  /** Goes to an address whose bit 0 is ignored. Last effect of its instruction. */
  jump(target: V): void;

  /** Reads memory; bound. May trap, then nothing after it happens. */
  load(address: V, size: AccessSize, signed: boolean): V;
  /** Writes the low `size` bytes. May trap, then nothing after it happens. */
  store(address: V, value: V, size: AccessSize): void;
  /**
   * Atomic read-modify-write; the result is the old value, sign-extended; bound, for `change` too. The low `size` bytes of what
   * `change` makes of it are written. Traps if misaligned.
   */
  amo(address: V, size: 4 | 8, change: (old: V) => V): V;
  /** LR: reads and reserves; sign-extended; bound. */
  loadReserved(address: V, size: 4 | 8): V;
  /** SC: 0 if it stored, 1 if not; bound. */
  storeConditional(address: V, value: V, size: 4 | 8): V;

  /** Traps with an illegal-instruction exception unless floating point is on. First in every F and D instruction. */
  requireFloat(): void;
  /**
   * A floating-point operation by the name of `float/`, over raw register bits; accrues its flags, which makes FS dirty if fflags
   * changes; bound. Those that round take the instruction's `rm` field (7: frm) and trap with an illegal-instruction exception if the mode
   * is reserved.
   */
  float(name: string, ...operands: V[]): V;
}

/** How operands lie in the encoding (Unprivileged ISA, "Base Instruction Formats"). */
export type Format =
  | "R" // rd rs1 rs2
  | "R4" // rd rs1 rs2 rs3
  | "I" // rd rs1 imm12
  | "shift" // rd rs1 shamt6
  | "shiftw" // rd rs1 shamt5
  | "S" // rs1 rs2 imm12
  | "B" // rs1 rs2 imm13
  | "U" // rd imm32 (upper 20)
  | "J" // rd imm21
  | "none"; // no operands, or read from the bits by `call`

/** Functions of generated code that do what a `call` row does where that is certain: see `quick_system.ts`. */
export type QuickName = "zeroBlock";

/** A row of the instruction table. Exactly one of `run` and `call` is given. */
export interface Instruction {
  /** Mnemonic, as the specification spells it. */
  readonly name: string;
  /** Where the operands are. */
  readonly format: Format;
  /** 32 characters, most significant bit first: `0`, `1` must match; `.` is covered by an operand; `-` is ignored. */
  readonly pattern: string;
  /** Extension that brings it, as in the ISA string: `i`, `m`, `zba`. */
  readonly extension: string;
  /** Its meaning, for all engines. */
  readonly run?: <V>(o: Ops<V>, a: Operands<V>) => void;
  /**
   * Its meaning as plain TypeScript on the hart, for privileged and rare instructions. On entry `pc` is this instruction. Return true
   * if it retired and the next instruction follows in memory; false if `pc` was set (a trap was raised, or a return taken).
   */
  readonly call?: (hart: Hart, bits: number) => boolean;
  /**
   * Of a `call` row: whether, once it has retired, privilege, V and the translation of code are as they were before, so that what was
   * found out about the code that follows still holds. Left out: they may have changed.
   */
  readonly steady?: (bits: number) => boolean;
  /** Of a steady `call` row of 4 bytes that only reads rs1: what does the same with its value, or nothing. */
  readonly quick?: QuickName;
  /** How its operands are written in assembly where format and pattern do not say it: `fd,fs1,fs2,rm`; see `disassemble.ts`. */
  readonly syntax?: string;
}

/** A row in its place in the table. All are objects of one shape: what V8 compiles for their properties is made for one. */
export interface TableRow extends Instruction {
  /** Its place. */
  readonly index: number;
}

/** A row of the compressed table: 16-bit encodings that stand for 32-bit ones. */
export interface CompressedInstruction {
  /** Mnemonic: `c.addi`. */
  readonly name: string;
  /** 16 characters like {@link Instruction.pattern}. */
  readonly pattern: string;
  /** Name of the 32-bit instruction that it stands for. */
  readonly standsFor: string;
  /** The encoding of that instruction, or undefined if these operands are reserved. */
  readonly expand: (bits: number) => number | undefined;
  /** How the operands of the instruction that it stands for are written in assembly. */
  readonly syntax: string;
}

/** An instruction taken apart. */
export interface Decoded {
  /** Its row. */
  readonly instruction: TableRow;
  /** Bytes in memory: 2 or 4. */
  readonly length: 2 | 4;
  /** The 32-bit encoding as a signed number; the expansion if it was compressed. */
  readonly bits: number;
  /** Register numbers; 0 where the format has none. */
  readonly rd: number;
  /** First source register. */
  readonly rs1: number;
  /** Second source register. */
  readonly rs2: number;
  /** Third source register. */
  readonly rs3: number;
  /** Immediate as a signed 32-bit number. */
  readonly imm: number;
  /** Rounding-mode field, bits 14:12. */
  readonly rm: number;
}
