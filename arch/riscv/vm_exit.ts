/**
 * From a trap into HS-mode to an exit reason: what the hypervisor learns from scause, stval, htval and htinst
 * (Privileged ISA, Hypervisor extension, "Traps").
 *
 * @module
 */
import type { AccessWidth } from "../../core/address.ts";
import type { AccessKind } from "../../core/exit.ts";
import type { Hart } from "./hart.ts";
import { Opcode } from "./isa/encoding.ts";
import { FIELD } from "./layout.ts";
import { Pseudo } from "./mmu/fault.ts";
import { Cause, FAULT_CAUSES } from "./trap/causes.ts";

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

/** A trap that reached HS-mode, sorted by what the hypervisor must do. */
export type HypervisorTrap =
  | { kind: "call" }
  /** `instruction` is left out where no device could answer: a fetch, a page-table walk, the second page of an access. */
  | { kind: "guestPageFault"; addr: number; access: AccessKind; instruction: AccessInstruction | undefined }
  | { kind: "reflect"; cause: number }
  | { kind: "interrupt"; vector: number };

/** Kinds of access by the numbers that `FAULT_CAUSES` and `PendingMmio.access` have for them. */
export const ACCESS_KINDS: readonly AccessKind[] = ["read", "write", "execute"];

/** Kind of access that a guest-page fault interrupted, undefined for other exceptions. */
export function accessOfFault(cause: number): AccessKind | undefined {
  return ACCESS_KINDS[FAULT_CAUSES.guestPage.indexOf(cause)];
}

/** Field of a transformed instruction: how far behind the access's address it failed. Not 0: it crosses a page. */
const ADDRESS_OFFSET = 0x1f << 15;

/** Reads the CSRs of the trap that ended the last run. */
export function readHypervisorTrap(hart: Hart): HypervisorTrap {
  const { state } = hart;
  const cause = state.low(FIELD.scause);
  if (state.high(FIELD.scause) < 0) return { kind: "interrupt", vector: cause };
  if (cause === Cause.ECALL_VS) return { kind: "call" };
  const access = accessOfFault(cause);
  if (access === undefined) return { kind: "reflect", cause };
  const htval = (state.high(FIELD.htval) >>> 0) * 2 ** 32 + (state.low(FIELD.htval) >>> 0);
  const addr = htval * 4 + (state.low(FIELD.stval) & 3);
  const tinst = state.low(FIELD.htinst);
  if (tinst === Pseudo.READ || tinst === Pseudo.WRITE) {
    const implicit = tinst === Pseudo.READ ? "read" : "write";
    return { kind: "guestPageFault", addr, access: implicit, instruction: undefined };
  }
  const isWhole = tinst !== 0 && (tinst & ADDRESS_OFFSET) === 0;
  return { kind: "guestPageFault", addr, access, instruction: isWhole ? decodeAccess(tinst) : undefined };
}
