/**
 * What CSR fields take and show: WARL rules, aliases, gates, side effects.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readCsr64, writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { setLine } from "../../../../arch/riscv/trap/interrupts.ts";
import { attempt, createTestHart, csrInstruction, enterMode, FIELD, type TestHart } from "../test_hart.ts";

const ONES = ~0n;

/** What a CSR reads after a write. */
function after(hart: TestHart, number: number, value: bigint): bigint {
  writeCsr64(hart, number, value);
  return readCsr64(hart, number);
}

Deno.test("after resetCsrs the hart is in M-mode with the fixed fields in place", () => {
  const hart = createTestHart();
  assert.equal(hart.state.word(FIELD.privilege), 3);
  assert.equal(readCsr64(hart, 0x301), (2n << 62n) | 0x1411adn);
  assert.equal(readCsr64(hart, 0x300), 0xa_0000_0000n);
  assert.equal(readCsr64(hart, 0x200), 0x2_0000_0000n);
  assert.equal(readCsr64(hart, 0x600), 0x2_0000_0000n);
  assert.equal(readCsr64(hart, 0x303), 0x1444n);
  assert.equal(readCsr64(hart, 0xf14), 5n);
  assert.deepEqual([0x14d, 0x24d].map((number) => readCsr64(hart, number)), [2n ** 64n - 1n, 2n ** 64n - 1n]);
});

Deno.test("in guest mode resetCsrs hands over an open HS-mode", () => {
  const hart = createTestHart("guest");
  assert.deepEqual([hart.state.word(FIELD.privilege), hart.state.word(FIELD.virtual)], [1, 0]);
  assert.equal(readCsr64(hart, 0x303), 0x1666n);
  assert.equal(readCsr64(hart, 0x302), 0xf0b7ffn);
  assert.equal(hart.state.word(FIELD.fpAccess), 1);
});

Deno.test("writing ones shows which bits exist", () => {
  const expected: readonly [number, bigint][] = [
    [0x301, (2n << 62n) | 0x1411adn],
    [0x302, 0xf0b7ffn],
    [0x303, 0x1666n],
    [0x304, 0x1eeen],
    [0x305, ~2n],
    [0x306, 0xffff_ffffn],
    [0x30a, 0xe000_0000_0000_00f1n],
    [0x10a, 0xf1n],
    [0x141, ~1n],
    [0x341, ~1n],
    [0x205, ~2n],
    [0x320, 5n],
    [0x602, 0xb1ffn],
    [0x603, 0x444n],
    [0x604, 0x1444n],
    [0x607, 0xfen],
    [0x645, 0x444n],
    [0x300, 0x8000_00ca_007e_79aan],
    [0x100, 0x8000_0002_000c_6122n],
    [0x200, 0x8000_0002_000c_6122n],
    [0x600, 0x2_0070_03c0n],
    [0xb03, 0n],
    [0x323, 0n],
    [0xf11, 0n],
  ];
  for (const [number, value] of expected) {
    const hart = createTestHart();
    assert.equal(after(hart, number, ONES), BigInt.asUintN(64, value), `0x${number.toString(16)}`);
  }
});

Deno.test("mstatus keeps MPP when the reserved mode is written, and SD follows FS", () => {
  const hart = createTestHart();
  assert.equal(after(hart, 0x300, 1n << 11n) & 0x1800n, 1n << 11n);
  assert.equal(after(hart, 0x300, 2n << 11n) & 0x1800n, 1n << 11n);
  assert.equal(after(hart, 0x300, 3n << 13n) >> 63n, 1n);
  assert.equal(after(hart, 0x100, 2n << 13n) >> 63n, 0n);
  assert.equal((readCsr64(hart, 0x300) >> 13n) & 3n, 2n);
});

Deno.test("a write of sstatus leaves machine-mode fields of mstatus alone", () => {
  const hart = createTestHart();
  writeCsr64(hart, 0x300, 0x7e_1888n);
  const machine = 0x72_1888n;
  writeCsr64(hart, 0x100, 0n);
  assert.equal(readCsr64(hart, 0x300) & 0xffff_ffffn, machine);
  assert.equal(readCsr64(hart, 0x100), 0x2_0000_0000n);
});

Deno.test("satp and vsatp ignore a write with an unsupported mode, hgatp keeps its mode only", () => {
  const hart = createTestHart();
  for (const number of [0x180, 0x280]) {
    for (const mode of [0n, 8n, 9n, 10n]) {
      const value = (mode << 60n) | 0xffff_0000_0001_2345n & 0x0fff_ffff_ffff_ffffn;
      assert.equal(after(hart, number, value), value);
      assert.equal(after(hart, number, (11n << 60n) | 7n), value);
      assert.equal(after(hart, number, (1n << 60n) | 7n), value);
    }
  }
  assert.equal(after(hart, 0x680, (9n << 60n) | (0x3fffn << 44n) | 0xfffn), (9n << 60n) | (0x3fffn << 44n) | 0xffcn);
  assert.equal(after(hart, 0x680, (5n << 60n) | (1n << 58n) | 0x1003n), (9n << 60n) | 0x1000n);
});

Deno.test("CBIE keeps its value when the reserved one is written", () => {
  for (const number of [0x30a, 0x10a, 0x60a]) {
    const hart = createTestHart();
    assert.equal(after(hart, number, 0x10n), 0x10n);
    assert.equal(after(hart, number, 0x60n), 0x50n);
    assert.equal(after(hart, number, 0x30n), 0x30n);
  }
});

Deno.test("henvcfg has ADUE, PBMTE and STCE only while menvcfg has them", () => {
  const hart = createTestHart();
  assert.equal(after(hart, 0x60a, ONES), 0xf1n);
  writeCsr64(hart, 0x30a, 5n << 61n);
  assert.equal(after(hart, 0x60a, ONES), (5n << 61n) | 0xf1n);
  writeCsr64(hart, 0x30a, 4n << 61n);
  assert.equal(readCsr64(hart, 0x60a), (4n << 61n) | 0xf1n);
});

Deno.test("VGEIN takes no guest external interrupt that does not exist", () => {
  const hart = createTestHart();
  const vgein = () => (readCsr64(hart, 0x600) >> 12n) & 0x3fn;
  writeCsr64(hart, 0x600, 7n << 12n);
  assert.equal(vgein(), 7n);
  writeCsr64(hart, 0x600, 8n << 12n);
  assert.equal(vgein(), 7n);
});

Deno.test("sie and sip show what mideleg delegates", () => {
  const hart = createTestHart();
  writeCsr64(hart, 0x304, ONES);
  writeCsr64(hart, 0x344, ONES);
  assert.equal(readCsr64(hart, 0x104), 0n);
  assert.equal(readCsr64(hart, 0x144), 0n);
  writeCsr64(hart, 0x303, 0x22n);
  assert.equal(readCsr64(hart, 0x104), 0x22n);
  assert.equal(readCsr64(hart, 0x144), 0x22n);
  writeCsr64(hart, 0x104, 0n);
  writeCsr64(hart, 0x144, 0n);
  assert.equal(readCsr64(hart, 0x304), 0x1ecen & ~2n, "only the delegated bits were cleared");
  assert.equal(readCsr64(hart, 0x344) & 0x222n, 0x220n, "only SSIP can be written through sip");
});

Deno.test("vsie and vsip are hideleg's bits of mie and mip, shifted by one", () => {
  const hart = createTestHart();
  writeCsr64(hart, 0x645, 0x444n);
  writeCsr64(hart, 0x604, 0x444n);
  assert.deepEqual([readCsr64(hart, 0x204), readCsr64(hart, 0x244)], [0n, 0n]);
  writeCsr64(hart, 0x244, 0n);
  writeCsr64(hart, 0x603, 0x44n);
  assert.deepEqual([readCsr64(hart, 0x204), readCsr64(hart, 0x244)], [0x22n, 0x22n]);
  writeCsr64(hart, 0x603, 0x404n);
  writeCsr64(hart, 0x204, 0n);
  writeCsr64(hart, 0x244, 0n);
  assert.equal(readCsr64(hart, 0x604), 0x40n);
  assert.equal(readCsr64(hart, 0x645), 0x440n, "of vsip only SSIP can be written");
  writeCsr64(hart, 0x244, 0x222n);
  assert.equal(readCsr64(hart, 0x645), 0x444n);
  assert.equal(readCsr64(hart, 0x644), 0x444n);
});

Deno.test("VSSIP is one bit in mip, hip and hvip; VSTIP and VSEIP are written in hvip only", () => {
  for (const number of [0x344, 0x644, 0x645]) {
    const hart = createTestHart();
    writeCsr64(hart, number, 0x444n);
    const bits = number === 0x645 ? 0x444n : 4n;
    assert.deepEqual([0x344, 0x644, 0x645].map((seen) => readCsr64(hart, seen)), [bits, bits, bits]);
  }
});

Deno.test("csrrs of mip does not copy a wire's SEIP into the software bit", () => {
  const hart = createTestHart();
  setLine(hart, 9, true);
  attempt(hart, "M", csrInstruction("rsi", 0x344, 1, 2));
  assert.equal(hart.state.get64(8), 0x200n);
  setLine(hart, 9, false);
  assert.equal(readCsr64(hart, 0x344), 2n);
  writeCsr64(hart, 0x344, 0x200n);
  setLine(hart, 9, true);
  setLine(hart, 9, false);
  assert.equal(readCsr64(hart, 0x344), 0x200n, "the software bit is independent of the wire");
});

Deno.test("fcsr is frm and fflags together, and a write makes FS dirty in both status registers", () => {
  const hart = createTestHart();
  writeCsr64(hart, 0x300, 1n << 13n);
  writeCsr64(hart, 0x200, 1n << 13n);
  hart.state.set64(8, 0xffff_ff75n);
  enterMode(hart, "VU");
  assert.equal(attempt(hart, "VU", csrInstruction("rs", 3, 0, 0)), "ok");
  assert.equal(hart.state.word(FIELD.fpAccess), 1);
  assert.equal(attempt(hart, "VU", csrInstruction("rw", 3, 0, 1)), "ok");
  assert.equal(hart.state.word(FIELD.fpAccess), 2);
  assert.deepEqual([1, 2, 3].map((number) => readCsr64(hart, number)), [0x15n, 3n, 0x75n]);
  for (const number of [0x300, 0x200]) {
    assert.equal(readCsr64(hart, number) & ((1n << 63n) | 0x6000n), 0x8000_0000_0000_6000n);
  }
  writeCsr64(hart, 2, 0xffn);
  writeCsr64(hart, 1, 0n);
  assert.equal(readCsr64(hart, 3), 0xe0n);
});

Deno.test("writes that change translation or the access mode reach the MMU, others do not", () => {
  const hart = createTestHart();
  const effects = (number: number, value: bigint) => {
    hart.calls.length = 0;
    writeCsr64(hart, number, value);
    return hart.calls.map(([name]) => name).join();
  };
  for (const number of [0x180, 0x280, 0x680]) {
    assert.equal(effects(number, (8n << 60n) | 4n), "translationChanged");
    assert.equal(effects(number, (8n << 60n) | 4n), "", "nothing changed");
  }
  assert.equal(effects(0x3a0, 0x1fn), "protectionChanged");
  assert.equal(effects(0x3b0, 0x1fn), "protectionChanged");
  assert.equal(effects(0x30a, 1n << 61n), "translationChanged");
  assert.equal(effects(0x60a, 1n << 61n), "translationChanged");
  for (const bit of [17n, 18n, 19n, 39n]) assert.equal(effects(0x300, 1n << bit), "modeChanged", `bit ${bit}`);
  writeCsr64(hart, 0x300, 0n);
  assert.equal(effects(0x300, 0x1aan), "");
  assert.equal(effects(0x200, 1n << 18n), "modeChanged");
  assert.equal(effects(0x340, 1n), "");
});
