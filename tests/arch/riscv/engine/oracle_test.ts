/** The oracle's loop: fetching, steps, traps, exits. @module */
import assert from "node:assert/strict";
import { encode, INSTRUCTIONS, type OperandValues } from "../../../../arch/riscv/isa/mod.ts";
import { ExitRequest, FIELD } from "../../../../arch/riscv/layout.ts";
import { Machine, RAM, RAM_SIZE } from "./machine.ts";

const HANDLER = RAM + 0x8000;

function assemble(name: string, operands: OperandValues = {}): number {
  return encode(INSTRUCTIONS.find((row) => row.name === name)!, operands);
}

function prepared(): Machine {
  const machine = new Machine();
  machine.hart.state.set64(FIELD.mtvec, BigInt(HANDLER));
  return machine;
}

Deno.test("Oracle.run uses its budget, one step an instruction", () => {
  const machine = prepared();
  machine.write(RAM, ...new Array(10).fill(assemble("addi", { rd: 5, rs1: 5, imm: 1 })));
  assert.equal(machine.run(7), 7);
  assert.equal(machine.x(5), 7n);
  assert.equal(machine.field("pc"), BigInt(RAM + 28));
  assert.equal(machine.run(0), 0);
});

Deno.test("Oracle.run executes compressed instructions, and wide ones across a page", () => {
  const machine = prepared();
  const increment = assemble("addi", { rd: 5, rs1: 5, imm: 100 });
  // c.addi x5, 1; then addi x5, x5, 100 with its halves in two pages
  machine.writeHalves(RAM + 0xffc, 0x0285, increment & 0xffff, increment >>> 16);
  machine.hart.state.set64(FIELD.pc, BigInt(RAM + 0xffc));
  machine.run(2);
  assert.equal(machine.x(5), 101n);
  assert.equal(machine.field("pc"), BigInt(RAM + 0x1002));
});

Deno.test("Oracle.run counts a trapped attempt as a step, but minstret does not", () => {
  const machine = prepared();
  machine.write(RAM, 0);
  machine.write(HANDLER, assemble("csrrs", { rd: 6, imm: 0xb02 }), assemble("csrrs", { rd: 7, imm: 0xb00 }));
  assert.equal(machine.run(3), 3);
  assert.equal(machine.field("mcause"), 2n);
  assert.equal(machine.field("mtval"), 0n);
  assert.equal(machine.x(6), 0n);
  assert.equal(machine.x(7), 2n);
});

Deno.test("Oracle.run: an illegal compressed encoding is reported with 16 bits, a wide one with 32", () => {
  const machine = prepared();
  machine.write(RAM, 0x1234_8002 | 0);
  machine.run(1);
  assert.equal(machine.field("mtval"), 0x8002n);
  machine.write(RAM, 0xffff_ffff | 0);
  machine.hart.state.set64(FIELD.pc, BigInt(RAM));
  machine.run(1);
  assert.equal(machine.field("mtval"), 0xffff_ffffn);
  // c.fld with floating point off
  machine.write(RAM, 0xabcd_2000 | 0);
  machine.hart.state.set64(FIELD.pc, BigInt(RAM));
  machine.run(1);
  assert.deepEqual([machine.field("mcause"), machine.field("mtval")], [2n, 0x2000n]);
});

Deno.test("Oracle.run: fetching from where no memory is raises an access fault at the half that is missing", () => {
  const machine = prepared();
  machine.hart.state.set64(FIELD.pc, 0x1000n);
  assert.equal(machine.run(1), 1);
  assert.deepEqual([machine.field("mcause"), machine.field("mepc"), machine.field("mtval")], [1n, 0x1000n, 0x1000n]);
  const last = RAM + RAM_SIZE - 2;
  machine.writeHalves(last, 0x0003);
  machine.hart.state.set64(FIELD.pc, BigInt(last));
  machine.run(1);
  assert.deepEqual([machine.field("mepc"), machine.field("mtval")], [BigInt(last), BigInt(last + 2)]);
});

Deno.test("Oracle.run abandons an instruction whose load leaves RAM: MMIO exit, pc stays, rd is kept", () => {
  const machine = prepared();
  machine.setX(11, 0x1000_0000n);
  machine.setX(10, 5n);
  machine.write(RAM, assemble("lw", { rd: 10, rs1: 11, imm: 4 }));
  assert.equal(machine.run(10), 1);
  assert.equal(machine.word("exitRequest"), ExitRequest.MMIO);
  assert.equal(machine.field("pc"), BigInt(RAM));
  assert.equal(machine.x(10), 5n);
  const { addr, width, write } = machine.hart.mmio;
  assert.deepEqual([addr, width, write], [0x1000_0004, 4, false]);
});

Deno.test("Oracle.run leaves after WFI with nothing pending, having retired it", () => {
  const machine = prepared();
  machine.write(RAM, assemble("wfi"));
  assert.equal(machine.run(10), 1);
  assert.equal(machine.word("exitRequest"), ExitRequest.WAIT);
  assert.equal(machine.field("pc"), BigInt(RAM + 4));
});

Deno.test("Oracle.run takes an interrupt right after the instruction that enables it", () => {
  const machine = prepared();
  const { state } = machine.hart;
  state.set(FIELD.mie, 1 << 3, 0);
  state.setWord(FIELD.lines, 1 << 3);
  machine.write(RAM, assemble("csrrwi", { rd: 0, rs1: 8, imm: 0x300 }));
  machine.run(1);
  assert.equal(machine.field("pc"), BigInt(HANDLER));
  assert.equal(machine.field("mcause"), (1n << 63n) | 3n);
  assert.equal(machine.field("mepc"), BigInt(RAM + 4));
});
