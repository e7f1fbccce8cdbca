/** Instructions by mnemonic, for tests that write guest code by hand. @module */
import { encode, INSTRUCTIONS, type OperandValues } from "../../../arch/riscv/isa/mod.ts";

/** The encoding of an instruction of the table; CSR numbers are immediates. */
export function asm(name: string, operands: OperandValues = {}): number {
  const row = INSTRUCTIONS.find((candidate) => candidate.name === name);
  if (row === undefined) throw new TypeError(`No instruction is called '${name}'`);
  return encode(row, operands);
}

/** Instructions that set a register to a 32-bit value, sign-extended. */
export function li(rd: number, value: number): number[] {
  const low = value << 20 >> 20;
  const upper = asm("lui", { rd, imm: (value - low) | 0 });
  return [upper, asm("addiw", { rd, rs1: rd, imm: low })];
}

/** The same for a value without sign: upper half of the register 0. */
export function liu(rd: number, value: number): number[] {
  return [
    ...li(rd, value | 0),
    asm("slli", { rd, rs1: rd, imm: 32 }),
    asm("srli", { rd, rs1: rd, imm: 32 }),
  ];
}

/** Reads a CSR. */
export function csrr(rd: number, csr: number): number {
  return asm("csrrs", { rd, rs1: 0, imm: csr });
}

/** Writes a CSR. */
export function csrw(csr: number, rs1: number): number {
  return asm("csrrw", { rd: 0, rs1, imm: csr });
}
