/**
 * Which registers an instruction reads and writes, whether it loads or stores, and whether it writes a sign-extended word: found by
 * running its meaning over a vocabulary that notes nothing else.
 *
 * @module
 */
import { type FunctionReference, i64Const, type Local, ModuleBuilder } from "../../../core/wasm/mod.ts";
import { CsrOperation, executeCsr } from "../csr/csr_file.ts";
import { sourceRegister } from "../isa/encoding.ts";
import type { Decoded, Instruction, Ops, RegisterOperand } from "../isa/instruction.ts";
import { INSTRUCTIONS } from "../isa/mod.ts";
import { WasmArithmetic } from "./wasm_arithmetic.ts";
import { constantValue, extended, Extension, isKeptAsWord, loadedExtension, type WasmValue } from "./wasm_value.ts";

/** A field of the encoding that names a register. */
type RegisterField = RegisterOperand["field"];

/** What an instruction does to registers and memory. */
interface Footprint {
  /** 1 for each field of the encoding that names an x register that is read, 0 for the others. */
  readonly reads: Record<RegisterField, number>;
  access: "load" | "store" | undefined;
  /** 1 if rd is written, else 0. */
  writes: number;
  /** Whether what is written is a sign-extended word. */
  writesWord: boolean;
  /** Whether the instruction is one of floating point. */
  isFloat: boolean;
  /** Whether it does nothing but compute a register from others, in a few cycles. */
  isSimple: boolean;
  /** Fields that name f registers whose numbers are computed with: their bits do not do. */
  readonly computesWith: Set<RegisterField>;
}

/** The x registers that an instruction reads, one bit each. */
export function registersRead(decoded: Decoded): number {
  if (decoded.instruction.call !== undefined) return readQuickly(decoded);
  const { rd, rs1, rs2, rs3 } = footprintOf(decoded, 0).reads;
  return (rd << decoded.rd | rs1 << decoded.rs1 | rs2 << decoded.rs2 | rs3 << decoded.rs3) & ~1;
}

/** The x register that an instruction writes, as a bit; 0 if none. Rows that are TypeScript write the one that they name, in memory. */
export function registerWritten(decoded: Decoded): number {
  return footprintOf(decoded, 0).writes << decoded.rd & ~1;
}

/** Whether an instruction is one of floating point: it is illegal while that is off. */
export function isFloat(decoded: Decoded): boolean {
  return footprintOf(decoded, 0).isFloat;
}

/** Numbers of the f registers that an instruction computes with. */
export function floatOperands(decoded: Decoded): number[] {
  return [...footprintOf(decoded, 0).computesWith].map((field) => decoded[field]);
}

/** Whether an instruction needs to be able to load or to store; the address is rs1 and a constant then. */
export function accessOf(decoded: Decoded): "load" | "store" | undefined {
  return footprintOf(decoded, 0).access;
}

/**
 * Whether an instruction writes a sign-extended word to rd.
 *
 * @param words Registers that hold one, one bit each
 */
export function writesWord(decoded: Decoded, words: number): boolean {
  return footprintOf(decoded, words).writesWord;
}

/** Whether an instruction may as well be done in vain: it only writes rd, which is not x0, and takes a few cycles. */
export function isSelectable(decoded: Decoded): boolean {
  return footprintOf(decoded, 0).isSimple && registerWritten(decoded) !== 0;
}

/** What a meaning has that does more than compute, or takes long for it. */
const NOT_SIMPLE: ReadonlySet<string | symbol> = new Set<keyof Ops<WasmValue>>([
  ...["mulHighS", "mulHighU", "mulHighSU", "divS", "divU", "remS", "remU"] as const,
  ...["f", "setF", "requireFloat", "float", "branchIf", "jumpRelative", "jump"] as const,
  ...["load", "store", "amo", "loadReserved", "storeConditional"] as const,
]);

/** Immediates that stand for all others: whether one is negative, 0, a shift of a word or beyond makes a difference to what is noted. */
const IMMEDIATES = [-1, 0, 1, 32] as const;

/** Index of the one in {@link IMMEDIATES} that stands for an immediate. */
function representative(imm: number): number {
  if (imm < 0) return 0;
  return imm === 0 ? 1 : imm < 32 ? 2 : 3;
}

/** By row, what stands for the immediate, and which of rs1 and rs2 are words. */
const known: (Footprint | undefined)[] = [...new Array(INSTRUCTIONS.length * 16)];

/** The source of a row that is TypeScript but that generated code may do by itself. Others read memory. */
function readQuickly({ instruction: { call, quick }, bits }: Decoded): number {
  const reads = quick !== undefined || call === executeCsr && (bits & CsrOperation.IMMEDIATE) === 0;
  return reads ? 1 << sourceRegister(bits) & ~1 : 0;
}

function footprintOf({ instruction, rs1, rs2, imm }: Decoded, words: number): Footprint {
  const kept = (words >>> rs1 & 1) | (words >>> rs2 & 1) << 1;
  const constant = representative(imm);
  return known[instruction.index << 4 | constant << 2 | kept] ??= observe(instruction, IMMEDIATES[constant], kept);
}

/** Where the code of observed meanings goes: it is never built. */
let nowhere: { module: ModuleBuilder; helpers: { mulHighU: FunctionReference } } | undefined;

function makeNowhere(): NonNullable<typeof nowhere> {
  const module = new ModuleBuilder();
  return { module, helpers: { mulHighU: module.importFunction("", "mulHighU", ["i64", "i64"], ["i64"]) } };
}

/** Runs a meaning; bits of `kept` tell whether rs1 and rs2 are words. */
function observe({ run }: Instruction, imm: number, kept: number): Footprint {
  const footprint: Footprint = {
    reads: { rd: 0, rs1: 0, rs2: 0, rs3: 0 },
    access: undefined,
    writes: run === undefined ? 1 : 0,
    writesWord: false,
    isFloat: false,
    isSimple: run !== undefined,
    computesWith: new Set(),
  };
  const { module, helpers } = nowhere ??= makeNowhere();
  module.function("meaning", [], [], (f) => {
    const noted = notingIn(footprint, f.local("i32"), kept);
    const arithmetic = new WasmArithmetic(f, helpers);
    // What is neither noted nor arithmetic does nothing, whatever its name.
    const vocabulary = new Proxy(arithmetic, {
      get: (target, name) => {
        if (NOT_SIMPLE.has(name)) footprint.isSimple = false;
        return noted[name as keyof typeof noted] ?? Reflect.get(target, name)?.bind(target) ?? (() => UNKNOWN);
      },
    }) as unknown as Ops<WasmValue>;
    const imm64 = constantValue(BigInt(imm));
    run?.(vocabulary, {
      rd: { field: "rd" },
      rs1: { field: "rs1" },
      rs2: { field: "rs2" },
      rs3: { field: "rs3" },
      imm: imm64,
    });
  });
  return footprint;
}

const UNKNOWN: WasmValue = { expr: i64Const(0) };

/**
 * The part of the vocabulary that is noted.
 *
 * @param word What words are made of
 */
function notingIn(footprint: Footprint, word: Local, kept: number): Partial<Ops<WasmValue>> {
  const floats = new Map<WasmValue, RegisterField>();
  return {
    requireFloat: () => void (footprint.isFloat = true),
    f: ({ field }) => {
      const value = { ...UNKNOWN };
      floats.set(value, field);
      return value;
    },
    float: (name, ...operands) => {
      for (const operand of operands) if (floats.has(operand)) footprint.computesWith.add(floats.get(operand)!);
      return /^f(eq|lt|le)/.test(name) ? extended(word, Extension.BOTH) : UNKNOWN;
    },
    x: ({ field }) => {
      footprint.reads[field] = 1;
      const isWord = field === "rs1" && (kept & 1) !== 0 || field === "rs2" && (kept & 2) !== 0;
      return isWord ? extended(word, Extension.SIGN) : UNKNOWN;
    },
    setX: (_register, value) => {
      footprint.writes = 1;
      footprint.writesWord = isKeptAsWord(value);
    },
    load: (_address, size, signed) => {
      footprint.access = "load";
      return size === 8 ? UNKNOWN : extended(word, loadedExtension(size, signed));
    },
    store: () => void (footprint.access = "store"),
    loadReserved: () => {
      footprint.access = "load";
      return UNKNOWN;
    },
    storeConditional: () => {
      footprint.access = "store";
      return UNKNOWN;
    },
    amo: (_address, _size, change) => {
      footprint.access = "store";
      change(UNKNOWN);
      return UNKNOWN;
    },
  };
}
