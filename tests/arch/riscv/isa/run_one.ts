/** Executes single instructions by name, through the oracle. @module */
import { encode, INSTRUCTIONS, type OperandValues } from "../../../../arch/riscv/isa/mod.ts";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { Machine, RAM } from "../engine/machine.ts";

const ROWS = new Map(INSTRUCTIONS.map((row) => [row.name, row]));

/** The encoding of an instruction. */
export function assemble(name: string, operands: OperandValues): number {
  return encode(ROWS.get(name)!, operands);
}

/** Registers that {@link Executor.compute} uses. */
const RD = 10;
const RS1 = 11;
const RS2 = 12;

/** A machine that executes one instruction at a time, always at the same address. */
export class Executor {
  /** The machine. */
  readonly machine: Machine = new Machine();

  /** Executes one instruction at RAM's first byte. */
  run(name: string, operands: OperandValues): void {
    this.runBits(assemble(name, operands));
  }

  /** Executes one encoding there. */
  runBits(bits: number): void {
    const { machine } = this;
    machine.write(RAM, bits);
    machine.hart.state.set64(FIELD.pc, BigInt(RAM));
    machine.run(1);
  }

  /** rd of a register-register or register-immediate instruction. */
  compute(name: string, rs1: bigint, rs2: bigint, imm = 0): bigint {
    this.machine.setX(RS1, rs1);
    this.machine.setX(RS2, rs2);
    this.run(name, { rd: RD, rs1: RS1, rs2: RS2, imm });
    return this.machine.x(RD);
  }
}
