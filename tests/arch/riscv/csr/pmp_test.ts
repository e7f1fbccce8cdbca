/**
 * Locks and legal values of the PMP registers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readCsr64, writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { createTestHart } from "../test_hart.ts";

const CFG0 = 0x3a0;
const CFG2 = 0x3a2;
const ADDRESS0 = 0x3b0;

Deno.test("pmpaddr has bits 55:2 of an address and pmpcfg no reserved bits", () => {
  const hart = createTestHart();
  writeCsr64(hart, ADDRESS0, ~0n);
  assert.equal(readCsr64(hart, ADDRESS0), (1n << 54n) - 1n);
  writeCsr64(hart, CFG2, 0x7f7f_7f7f_7f7f_7f7fn);
  assert.equal(readCsr64(hart, CFG2), 0x1f1f_1f1f_1f1f_1f1fn);
});

Deno.test("a pmpcfg byte with W and without R loses W", () => {
  const hart = createTestHart();
  writeCsr64(hart, CFG0, 0x1e_1a_06_02n);
  assert.equal(readCsr64(hart, CFG0), 0x1c_18_04_00n);
});

Deno.test("a locked entry keeps its configuration and address, its neighbours do not", () => {
  const hart = createTestHart();
  writeCsr64(hart, ADDRESS0 + 4, 0x1234n);
  writeCsr64(hart, ADDRESS0 + 5, 0x2345n);
  writeCsr64(hart, CFG0, 0x99n << 32n);
  writeCsr64(hart, CFG0, ~0n & 0x1f1f_1f1f_1f1f_1f1fn);
  assert.equal(readCsr64(hart, CFG0), 0x1f1f_1f99_1f1f_1f1fn);
  for (let i = 4; i < 6; i++) writeCsr64(hart, ADDRESS0 + i, 1n);
  assert.equal(readCsr64(hart, ADDRESS0 + 4), 0x1234n);
  assert.equal(readCsr64(hart, ADDRESS0 + 5), 1n);
});

Deno.test("a locked top of range locks the address below it, across pmpcfg0 and pmpcfg2 too", () => {
  const hart = createTestHart();
  const TOR_LOCKED = 0x89n;
  const NAPOT_LOCKED = 0x99n;
  writeCsr64(hart, CFG2, TOR_LOCKED | (NAPOT_LOCKED << 16n));
  for (const index of [6, 7, 8, 9, 10, 15]) writeCsr64(hart, ADDRESS0 + index, 5n);
  const values = [6, 7, 8, 9, 10, 15].map((index) => readCsr64(hart, ADDRESS0 + index));
  assert.deepEqual(values, [5n, 0n, 0n, 5n, 0n, 5n]);
});

Deno.test("a top of range that is not locked locks nothing", () => {
  const hart = createTestHart();
  writeCsr64(hart, CFG0, 0x09n << 8n);
  for (const index of [0, 1]) writeCsr64(hart, ADDRESS0 + index, 5n);
  assert.deepEqual([0, 1].map((index) => readCsr64(hart, ADDRESS0 + index)), [5n, 5n]);
});
