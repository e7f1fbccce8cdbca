/**
 * Returns from traps, and floating-point access as the status registers grant it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readCsr64, writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { markFloatDirty, returnFromMachine, returnFromSupervisor, setMode } from "../../../../arch/riscv/trap/mode.ts";
import { createTestHart, enterMode, FIELD, type ModeName, modeOf } from "../test_hart.ts";

const MPRV = 1n << 17n;

Deno.test("returnFromMachine goes to MPP and MPV, which it resets, and drops MPRV when it leaves M-mode", () => {
  const cases: readonly [bigint, bigint, ModeName][] = [
    [3n, 0n, "M"],
    [3n, 1n, "M"],
    [1n, 0n, "HS"],
    [0n, 0n, "U"],
    [1n, 1n, "VS"],
    [0n, 1n, "VU"],
  ];
  for (const [mpp, mpv, expected] of cases) {
    for (const mpie of [0n, 1n]) {
      const hart = createTestHart();
      writeCsr64(hart, 0x300, (mpp << 11n) | (mpv << 39n) | MPRV | (mpie << 7n) | 8n);
      writeCsr64(hart, 0x341, 0x1_0000_2002n);
      returnFromMachine(hart);
      assert.equal(modeOf(hart), expected);
      assert.equal(hart.state.get64(FIELD.pc), 0x1_0000_2002n);
      const status = readCsr64(hart, 0x300);
      assert.equal(status & 0x88n, 0x80n | (mpie << 3n));
      assert.equal(status & ((3n << 11n) | (1n << 39n)), 0n);
      assert.equal(status & MPRV, expected === "M" ? MPRV : 0n);
    }
  }
});

Deno.test("returnFromSupervisor with V=0 goes to SPP and SPV and resets them and MPRV, SPVP stays", () => {
  const cases: readonly [bigint, bigint, ModeName][] = [[0n, 0n, "U"], [1n, 0n, "HS"], [0n, 1n, "VU"], [1n, 1n, "VS"]];
  for (const [spp, spv, expected] of cases) {
    for (const from of ["HS", "M"] as const) {
      for (const spie of [0n, 1n]) {
        const hart = createTestHart();
        writeCsr64(hart, 0x300, (spp << 8n) | MPRV | (spie << 5n) | 2n | (1n << 11n));
        writeCsr64(hart, 0x600, (spv << 7n) | (1n << 8n));
        writeCsr64(hart, 0x141, 0x3004n);
        enterMode(hart, from);
        returnFromSupervisor(hart);
        assert.equal(modeOf(hart), expected);
        assert.equal(hart.state.get64(FIELD.pc), 0x3004n);
        const status = readCsr64(hart, 0x300);
        assert.equal(status & 0x2_1922n, 0x820n | (spie << 1n), "MPP is not SRET's");
        assert.equal(readCsr64(hart, 0x600) & 0x180n, 0x100n);
      }
    }
  }
});

Deno.test("returnFromSupervisor with V=1 uses vsstatus and vsepc, stays in V=1 and drops MPRV", () => {
  for (const [spp, expected] of [[0n, "VU"], [1n, "VS"]] as const) {
    const hart = createTestHart();
    writeCsr64(hart, 0x300, MPRV | 0x102n);
    writeCsr64(hart, 0x200, (spp << 8n) | 0x20n);
    writeCsr64(hart, 0x600, 0x180n);
    writeCsr64(hart, 0x241, 0x4000n);
    enterMode(hart, "VS");
    returnFromSupervisor(hart);
    assert.equal(modeOf(hart), expected);
    assert.equal(hart.state.get64(FIELD.pc), 0x4000n);
    assert.equal(readCsr64(hart, 0x200) & 0x122n, 0x22n);
    assert.equal(readCsr64(hart, 0x300) & (MPRV | 0x122n), 0x102n);
    assert.equal(readCsr64(hart, 0x600) & 0x180n, 0x180n);
  }
});

Deno.test("setMode tells the MMU and ends a reservation", () => {
  const hart = createTestHart();
  hart.state.setWord(FIELD.reservation, 0x5000);
  setMode(hart, 1, 1);
  assert.deepEqual(hart.calls, [["modeChanged"]]);
  assert.equal(hart.state.word(FIELD.reservation), -1);
});

Deno.test("fpAccess follows FS of mstatus and, when V=1, of vsstatus", () => {
  for (const own of [0, 1, 2, 3]) {
    for (const guest of [0, 1, 2, 3]) {
      const hart = createTestHart();
      writeCsr64(hart, 0x300, BigInt(own) << 13n);
      writeCsr64(hart, 0x200, BigInt(guest) << 13n);
      const access = () => hart.state.word(FIELD.fpAccess);
      assert.equal(access(), own === 0 ? 0 : own === 3 ? 2 : 1);
      enterMode(hart, "VS");
      assert.equal(access(), own === 0 || guest === 0 ? 0 : own === 3 && guest === 3 ? 2 : 1);
      if (access() === 0) continue;
      markFloatDirty(hart);
      assert.equal(access(), 2);
      for (const number of [0x300, 0x200]) {
        assert.equal(readCsr64(hart, number) & ((1n << 63n) | 0x6000n), (1n << 63n) | 0x6000n);
      }
    }
  }
  const hart = createTestHart();
  writeCsr64(hart, 0x300, 1n << 13n);
  markFloatDirty(hart);
  assert.equal(readCsr64(hart, 0x200), 0x2_0000_0000n, "vsstatus is not touched with V=0");
});
