/**
 * Zicsr: reads and writes of control and status registers (Unprivileged ISA, "Zicsr").
 *
 * @module
 */
import { executeCsr, isSteadyCsr } from "../csr/csr_file.ts";
import type { Instruction } from "./instruction.ts";

function csr(name: string, funct3: string, source: string): Instruction {
  return {
    name,
    format: "I",
    pattern: `.................${funct3}.....1110011`,
    extension: "zicsr",
    call: executeCsr,
    steady: isSteadyCsr,
    syntax: `rd,csr,${source}`,
  };
}

/** Rows in the order of the specification. */
export const ZICSR: readonly Instruction[] = [
  csr("csrrw", "001", "rs1"),
  csr("csrrs", "010", "rs1"),
  csr("csrrc", "011", "rs1"),
  csr("csrrwi", "101", "uimm"),
  csr("csrrsi", "110", "uimm"),
  csr("csrrci", "111", "uimm"),
];
