/**
 * Zicbom, Zicboz, Zicbop: cache-block management, zero and prefetch (Unprivileged ISA, "CMO Extensions for Base Cache Management
 * Operation ISA"). There is no cache: what is left of them is who may execute them, their faults, and the zeros.
 *
 * @module
 */
import { EnvConfig } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { CACHE_BLOCK_SIZE, FIELD } from "../layout.ts";
import { raiseIllegal, raiseVirtualInstruction } from "../trap/deliver.ts";
import { Privilege } from "../trap/mode.ts";
import type { Instruction, QuickName } from "./instruction.ts";
import { row } from "./row.ts";

/** Whether the environment configuration lets the current mode execute what `field` controls; else the trap is raised. */
function allowed(hart: Hart, bits: number, field: number): boolean {
  const { state } = hart;
  const privilege = state.word(FIELD.privilege);
  if (privilege === Privilege.M) return true;
  const virtual = state.word(FIELD.virtual) !== 0;
  const bySupervisor = privilege !== Privilege.U || (state.low(FIELD.senvcfg) & field) !== 0;
  if ((state.low(FIELD.menvcfg) & field) === 0) return raiseIllegal(hart, bits);
  if (!virtual) return bySupervisor || raiseIllegal(hart, bits);
  return (bySupervisor && (state.low(FIELD.henvcfg) & field) !== 0) || raiseVirtualInstruction(hart, bits);
}

function addressRegister(bits: number): number {
  return (bits >>> 15) & 31;
}

/** Nothing is left to do but to see whether it is allowed; the fault is a store's, with the value of rs1. */
function manage(field: number): Instruction["call"] {
  return (hart, bits) => {
    if (!allowed(hart, bits, field)) return false;
    const { state, mmu } = hart;
    const register = addressRegister(bits);
    return mmu.manageBlock(state.xLow(register), state.xHigh(register), CACHE_BLOCK_SIZE);
  };
}

/** The fault of the whole block is that of the byte that rs1 names. */
function zero(hart: Hart, bits: number): boolean {
  if (!allowed(hart, bits, EnvConfig.CBZE)) return false;
  const { state, mmu } = hart;
  const register = addressRegister(bits);
  return mmu.zeroBlock(state.xLow(register), state.xHigh(register), CACHE_BLOCK_SIZE);
}

function block(
  extension: string,
  name: string,
  operation: string,
  call: Instruction["call"],
  quick?: QuickName,
): Instruction {
  const pattern = `${operation}.....010000000001111`;
  return { extension, name, format: "none", pattern, call, steady: () => true, quick, syntax: "(rs1)" };
}

/** A prefetch is a hint that must not trap: it does nothing. */
function prefetch(name: string, kind: string): Instruction {
  return row("zicbop", name, "S", `....... ${kind} ..... 110 00000 0010011`, () => {}, "imm(rs1)");
}

/** Rows in the order of the specification. */
export const ZICBO: readonly Instruction[] = [
  block("zicbom", "cbo.inval", "000000000000", manage(EnvConfig.CBIE)),
  block("zicbom", "cbo.clean", "000000000001", manage(EnvConfig.CBCFE)),
  block("zicbom", "cbo.flush", "000000000010", manage(EnvConfig.CBCFE)),
  block("zicboz", "cbo.zero", "000000000100", zero, "zeroBlock"),
  prefetch("prefetch.i", "00000"),
  prefetch("prefetch.r", "00001"),
  prefetch("prefetch.w", "00011"),
];
