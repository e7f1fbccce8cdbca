/**
 * Which registers an instruction reads and writes, whether it loads or stores, and whether it writes a sign-extended word: found by
 * running its meaning over a vocabulary that notes nothing else.
 *
 * @module
 */
import { i64Const, ModuleBuilder } from "../../../core/wasm/mod.ts";
import { CsrOperation, executeCsr } from "../csr/csr_file.ts";
import { sourceRegister } from "../isa/encoding.ts";
import type { Decoded, Instruction, Ops, RegisterOperand } from "../isa/instruction.ts";
import { WasmArithmetic } from "./wasm_arithmetic.ts";
import { constantValue, extended, Extension, isKeptAsWord, loadedExtension, type WasmValue } from "./wasm_value.ts";

/** What an instruction does to registers and memory. */
interface Footprint {
  /** Fields of the encoding that name x registers. */
  readonly reads: Set<RegisterOperand["field"]>;
  access: "load" | "store" | undefined;
  /** What is written to rd. */
  written: WasmValue | undefined;
  /** Whether the instruction is one of floating point. */
  isFloat: boolean;
  /** Fields that name f registers whose numbers are computed with: their bits do not do. */
  readonly computesWith: Set<RegisterOperand["field"]>;
}

/** The x registers that an instruction reads, one bit each. */
export function registersRead(decoded: Decoded): number {
  if (decoded.instruction.call !== undefined) return readQuickly(decoded);
  let registers = 0;
  for (const field of footprintOf(decoded, 0).reads) registers |= 1 << decoded[field];
  return registers & ~1;
}

/** The x register that an instruction writes, as a bit; 0 if none. Rows that are TypeScript write the one that they name, in memory. */
export function registerWritten(decoded: Decoded): number {
  return footprintOf(decoded, 0).written === undefined ? 0 : 1 << decoded.rd & ~1;
}

/** Whether an instruction is one of floating point: it is illegal while that is off. */
export function isFloat(decoded: Decoded): boolean {
  return footprintOf(decoded, 0).isFloat;
}

/** Numbers of the f registers that an instruction computes with. */
export function floatOperands(decoded: Decoded): number[] {
  return [...footprintOf(decoded, 0).computesWith].map((field) => decoded[field]);
}

/** Whether an instruction is a plain load or store; the address is rs1 and a constant then. */
export function accessOf(decoded: Decoded): "load" | "store" | undefined {
  return footprintOf(decoded, 0).access;
}

/**
 * Whether an instruction writes a sign-extended word to rd.
 *
 * @param words Registers that hold one, one bit each
 */
export function writesWord(decoded: Decoded, words: number): boolean {
  const { written } = footprintOf(decoded, words);
  return written !== undefined && isKeptAsWord(written);
}

const known = new Map<Instruction, Map<number, Footprint>>();

/** A number that stands for an immediate as far as it makes a difference to what is noted here. */
function representative(imm: number): number {
  if (imm < 0) return -1;
  return imm === 0 || imm >= 32 ? Math.min(imm, 32) : 1;
}

/** The source of a row that is TypeScript but that generated code may do by itself. Others read memory. */
function readQuickly({ instruction: { call, quick }, bits }: Decoded): number {
  const reads = quick !== undefined || call === executeCsr && (bits & CsrOperation.IMMEDIATE) === 0;
  return reads ? 1 << sourceRegister(bits) & ~1 : 0;
}

function footprintOf({ instruction, rs1, rs2, imm }: Decoded, words: number): Footprint {
  let footprints = known.get(instruction);
  if (footprints === undefined) known.set(instruction, footprints = new Map());
  const kept = (words >>> rs1 & 1) | (words >>> rs2 & 1) << 1;
  const constant = representative(imm);
  const key = kept | (constant + 1) << 2;
  let footprint = footprints.get(key);
  if (footprint === undefined) footprints.set(key, footprint = observe(instruction, constant, kept));
  return footprint;
}

/** Runs a meaning; bits of `kept` tell whether rs1 and rs2 are words. */
function observe({ run }: Instruction, imm: number, kept: number): Footprint {
  const [reads, computesWith] = [new Set<RegisterOperand["field"]>(), new Set<RegisterOperand["field"]>()];
  const none = { access: undefined, written: undefined, isFloat: false };
  const footprint: Footprint = { reads, computesWith, ...none };
  const module = new ModuleBuilder();
  const helpers = { mulHighU: module.importFunction("", "mulHighU", ["i64", "i64"], ["i64"]) };
  // The code goes nowhere.
  module.function("meaning", [], [], (f) => {
    const unknown: WasmValue = { expr: i64Const(0) };
    if (run === undefined) footprint.written = unknown;
    const word = f.local("i32");
    const floats = new Map<WasmValue, RegisterOperand["field"]>();
    const noted: Partial<Ops<WasmValue>> = {
      requireFloat: () => void (footprint.isFloat = true),
      f: ({ field }) => {
        const value = { ...unknown };
        floats.set(value, field);
        return value;
      },
      float: (name, ...operands) => {
        for (const operand of operands) if (floats.has(operand)) computesWith.add(floats.get(operand)!);
        return /^f(eq|lt|le)/.test(name) ? extended(word, Extension.BOTH) : unknown;
      },
      x: ({ field }) => {
        reads.add(field);
        const isWord = field === "rs1" && (kept & 1) !== 0 || field === "rs2" && (kept & 2) !== 0;
        return isWord ? extended(word, Extension.SIGN) : unknown;
      },
      setX: (_register, value) => void (footprint.written = value),
      load: (_address, size, signed) => {
        footprint.access = "load";
        return size === 8 ? unknown : extended(word, loadedExtension(size, signed));
      },
      store: () => void (footprint.access = "store"),
      amo: (_address, _size, change) => {
        change(unknown);
        return unknown;
      },
    };
    const arithmetic = new WasmArithmetic(f, helpers);
    // What is neither noted nor arithmetic does nothing, whatever its name.
    const vocabulary = new Proxy(arithmetic, {
      get: (target, name) =>
        noted[name as keyof typeof noted] ?? Reflect.get(target, name)?.bind(target) ?? (() => unknown),
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
