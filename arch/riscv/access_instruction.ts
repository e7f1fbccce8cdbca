/**
 * Loads, stores and atomics by their encodings, for whoever carries one out in the place of an engine: an access to a device
 * (Unprivileged ISA, "Load and Store Instructions"; Privileged ISA, Hypervisor extension, "Transformed Instruction or
 * Pseudoinstruction for mtinst or htinst").
 *
 * @module
 */
import type { AccessWidth } from "../../core/address.ts";
import type { Hart } from "./hart.ts";
import { Opcode } from "./isa/encoding.ts";
import { markFloatDirty } from "./trap/mode.ts";

/** A load, store or atomic as its encoding tells it. */
export interface AccessInstruction {
  /** What it does to memory. */
  readonly kind: "load" | "store" | "amo" | "reserve" | "conditional";
  /** Bytes that it moves. */
  readonly width: AccessWidth;
  /** Whether a loaded value is sign-extended. */
  readonly signed: boolean;
  /** Whether the register is an f register. */
  readonly float: boolean;
  /** Destination register. */
  readonly rd: number;
  /** Register with the data. */
  readonly rs2: number;
  /** Bytes of the instruction. */
  readonly length: 2 | 4;
}

/** Of SYSTEM: HLV, HLVX and HSV. */
const FUNCT3_GUEST = 4;
const FUNCT5_LR = 2;
const FUNCT5_SC = 3;

/** What funct7 and rs2 of HLV, HLVX and HSV tell. */
function guestAccess(bits: number): Pick<AccessInstruction, "kind" | "width" | "signed"> {
  return {
    kind: (bits >>> 25 & 1) !== 0 ? "store" : "load",
    width: 1 << (bits >>> 26 & 3) as AccessWidth,
    signed: (bits >>> 20 & 1) === 0,
  };
}

/**
 * Takes an instruction apart that accesses memory, or its transformed form (there bit 1 clear means that it was compressed).
 *
 * @param length Bytes of the instruction; left out for a transformed one
 */
export function decodeAccess(bits: number, length?: 2 | 4): AccessInstruction | undefined {
  const funct3 = bits >> 12 & 7;
  const common = {
    width: 1 << (funct3 & 3) as AccessWidth,
    signed: (funct3 & 4) === 0,
    rd: bits >> 7 & 31,
    rs2: bits >> 20 & 31,
    length: length ?? ((bits & 2) !== 0 ? 4 : 2),
  };
  switch (bits & 0x7d | 2) {
    case Opcode.LOAD:
      return { ...common, kind: "load", float: false };
    case Opcode.LOAD_FP:
      return { ...common, kind: "load", float: true };
    case Opcode.STORE:
      return { ...common, kind: "store", float: false };
    case Opcode.STORE_FP:
      return { ...common, kind: "store", float: true };
    case Opcode.AMO: {
      const funct5 = bits >>> 27;
      const kind = funct5 === FUNCT5_LR ? "reserve" : funct5 === FUNCT5_SC ? "conditional" : "amo";
      return { ...common, kind, float: false };
    }
    case Opcode.SYSTEM:
      return funct3 === FUNCT3_GUEST ? { ...common, ...guestAccess(bits), float: false } : undefined;
    default:
      return undefined;
  }
}

/** A value of the access's width, sign- or zero-extended to 64 bits. */
export function extendLoaded(
  { width, signed }: AccessInstruction,
  low: number,
  high: number,
): { low: number; high: number } {
  if (width === 8) return { low: low | 0, high: high | 0 };
  const shift = 32 - width * 8;
  if (signed) {
    const value = low << shift >> shift;
    return { low: value, high: value >> 31 };
  }
  return { low: low << shift >>> shift | 0, high: 0 };
}

/**
 * Writes what a load read to its register.
 *
 * @param virtual Whether the load ran with V=1
 */
export function writeLoaded(
  hart: Hart,
  instruction: AccessInstruction,
  low: number,
  high: number,
  virtual: boolean,
): void {
  const { state } = hart;
  if (!instruction.float) {
    const value = extendLoaded(instruction, low, high);
    state.setX(instruction.rd, value.low, value.high);
    return;
  }
  state.setF(instruction.rd, low | 0, instruction.width === 4 ? -1 : high | 0);
  markFloatDirty(hart, virtual);
}

/** Moves a register that holds the address of an instruction, as pc or sepc, behind it. */
export function stepOver(hart: Hart, field: number, length: number): void {
  const { state } = hart;
  const low = (state.low(field) >>> 0) + length;
  state.set(field, low | 0, (state.high(field) + (low > 0xffffffff ? 1 : 0)) | 0);
}
