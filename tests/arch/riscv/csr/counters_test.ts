/**
 * Counters and time: exact values inside an instruction, writes, inhibition, what a guest sees of time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readCsr64, writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { raiseIllegal } from "../../../../arch/riscv/trap/deliver.ts";
import { attempt, createTestHart, csrInstruction, enterMode, FIELD, type TestHart } from "../test_hart.ts";

const MCYCLE = 0xb00;
const MINSTRET = 0xb02;
const INHIBIT = 0x320;

/** Executes a read as the next step of a run; the result is in x1. */
function readNext(hart: TestHart, number: number): bigint {
  hart.stepsOfRun++;
  attempt(hart, "M", csrInstruction("rs", number, 1, 0));
  return hart.state.get64(8);
}

/** Executes a write as the next step of a run. */
function writeNext(hart: TestHart, number: number, value: bigint): void {
  hart.stepsOfRun++;
  hart.state.set64(16, value);
  attempt(hart, "M", csrInstruction("rw", number, 0, 2));
}

Deno.test("minstret read by an instruction counts those before it, over runs and 32 bits", () => {
  const hart = createTestHart();
  assert.equal(readNext(hart, MINSTRET), 0n);
  assert.equal(readNext(hart, MINSTRET), 1n);
  hart.state.set64(FIELD.steps, 0xffff_fffen);
  assert.equal(readNext(hart, 0xc02), 0x1_0000_0000n);
  assert.equal(readCsr64(hart, MINSTRET), 0x1_0000_0001n, "a debugger sees the instruction retired");
});

Deno.test("what is written to minstret and mcycle is what the next instruction reads", () => {
  for (const number of [MINSTRET, MCYCLE]) {
    for (const value of [0n, 41n, 0xffff_ffffn, ~0n & 0xffff_ffff_ffff_ffffn]) {
      const hart = createTestHart();
      hart.stepsOfRun = 123;
      writeNext(hart, number, value);
      assert.equal(readNext(hart, number), value);
      assert.equal(readNext(hart, number), BigInt.asUintN(64, value + 1n));
    }
  }
});

Deno.test("an attempt that traps counts in mcycle and not in minstret", () => {
  const hart = createTestHart();
  hart.stepsOfRun = 10;
  raiseIllegal(hart, 0);
  assert.equal(hart.state.word(FIELD.trapped), 1);
  assert.equal(readCsr64(hart, MINSTRET), 9n);
  assert.equal(readCsr64(hart, MCYCLE), 10n);
  assert.equal(readNext(hart, MINSTRET), 9n);
});

Deno.test("mcountinhibit stops each counter at the instruction that writes it, and lets it go on", () => {
  const hart = createTestHart();
  hart.stepsOfRun = 100;
  writeNext(hart, INHIBIT, 4n);
  assert.equal(readNext(hart, MINSTRET), 101n);
  raiseIllegal(hart, 0);
  hart.stepsOfRun += 50;
  assert.equal(readNext(hart, MINSTRET), 101n);
  assert.equal(readNext(hart, MCYCLE), 153n);
  writeNext(hart, MINSTRET, 7n);
  assert.equal(readNext(hart, MINSTRET), 7n);
  writeNext(hart, INHIBIT, 0n);
  assert.equal(readNext(hart, MINSTRET), 7n);
  assert.equal(readNext(hart, MINSTRET), 8n);
  assert.equal(readNext(hart, 0xc00), 159n);
});

Deno.test("time is the host's, plus htimedelta when V=1, modulo 2^64", () => {
  const hart = createTestHart();
  writeCsr64(hart, 0x306, ~0n);
  writeCsr64(hart, 0x606, ~0n);
  hart.now = 2 ** 40 + 5;
  writeCsr64(hart, 0x605, 0x1_ffff_ffffn);
  const seen = (mode: "HS" | "VS") => {
    attempt(hart, mode, csrInstruction("rs", 0xc01, 1, 0));
    return hart.state.get64(8);
  };
  assert.equal(seen("HS"), (1n << 40n) + 5n);
  assert.equal(seen("VS"), (1n << 40n) + 0x2_0000_0004n);
  writeCsr64(hart, 0x605, BigInt.asUintN(64, -(1n << 40n) - 6n));
  assert.equal(seen("VS"), 0xffff_ffff_ffff_ffffn);
  enterMode(hart, "M");
  assert.equal(readCsr64(hart, 0xc01), (1n << 40n) + 5n);
});
