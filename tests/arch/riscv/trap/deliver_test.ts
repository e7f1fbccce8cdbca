/**
 * Where exceptions go and what they leave in the trap registers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { TLB_ENTRY_SIZE, tlbTag } from "../../../../arch/riscv/mmu/area.ts";
import { causeName } from "../../../../arch/riscv/trap/causes.ts";
import {
  raiseException,
  raiseGuestPageFault,
  raiseIllegal,
  raiseMemoryFault,
  raiseVirtualInstruction,
} from "../../../../arch/riscv/trap/deliver.ts";
import {
  createTestHart,
  enterMode,
  ExitRequest,
  FIELD,
  type ModeName,
  modeOf,
  MODES,
  type TestHart,
} from "../test_hart.ts";

const EXCEPTIONS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 20, 21, 22, 23];

/** Exceptions that medeleg and hedeleg cannot delegate, by the tables of the specification. */
const NEVER_BELOW_M = [11];
const NEVER_BELOW_HS = [9, 10, 11, 20, 21, 22, 23];

const MTVEC = 0x1000n;
const STVEC = 0x2000n;
const VSTVEC = 0x3000n;

function hartIn(mode: ModeName): TestHart {
  const hart = createTestHart();
  writeCsr64(hart, 0x305, MTVEC);
  writeCsr64(hart, 0x105, STVEC);
  writeCsr64(hart, 0x205, VSTVEC);
  enterMode(hart, mode);
  hart.state.set64(FIELD.pc, 0xffff_ffff_8000_1234n);
  return hart;
}

Deno.test("raiseException goes where medeleg and hedeleg send each exception of each mode", () => {
  for (const from of MODES) {
    for (const cause of EXCEPTIONS) {
      for (const [medeleg, hedeleg] of [[0n, ~0n], [~0n, 0n], [~0n, ~0n]]) {
        const hart = hartIn(from);
        writeCsr64(hart, 0x302, medeleg);
        writeCsr64(hart, 0x602, hedeleg);
        let expected: ModeName = "VS";
        if (from === "M" || medeleg === 0n || NEVER_BELOW_M.includes(cause)) expected = "M";
        else if (from === "HS" || from === "U" || hedeleg === 0n || NEVER_BELOW_HS.includes(cause)) expected = "HS";
        assert.equal(raiseException(hart, cause, 0, 0), false);
        const name = `${causeName(cause, false)} from ${from} with ${medeleg}, ${hedeleg}`;
        assert.equal(modeOf(hart), expected, name);
        assert.equal(hart.state.get64(FIELD.pc), { M: MTVEC, HS: STVEC, VS: VSTVEC }[expected as "M"], name);
      }
    }
  }
});

Deno.test("a trap to M-mode stacks MIE, MPP and MPV and fills the machine's registers", () => {
  for (
    const [mode, mpp, mpv] of [["M", 3n, 0n], ["HS", 1n, 0n], ["U", 0n, 0n], ["VS", 1n, 1n], ["VU", 0n, 1n]] as const
  ) {
    const hart = hartIn(mode);
    const { state } = hart;
    state.set64(FIELD.mstatus, state.get64(FIELD.mstatus) | 8n);
    raiseGuestPageFault(hart, 21, 0x5678, 0x7f, 0x3456_7009, -0x7fff_fffd, 0x3020);
    const status = state.get64(FIELD.mstatus);
    assert.equal((status >> 11n) & 3n, mpp, mode);
    assert.equal((status >> 39n) & 1n, mpv, mode);
    assert.equal((status >> 38n) & 1n, 1n, `GVA ${mode}`);
    assert.equal(status & 0x88n, 0x80n, "MPIE takes MIE");
    assert.equal(state.get64(FIELD.mepc), 0xffff_ffff_8000_1234n);
    assert.equal(state.get64(FIELD.mcause), 21n);
    assert.equal(state.get64(FIELD.mtval), 0x7f_0000_5678n);
    assert.equal(state.get64(FIELD.mtval2), 0x8000_0003_3456_7009n >> 2n, "exact, above 53 bits too");
    assert.equal(state.get64(FIELD.mtinst), 0x3020n);
    assert.equal(state.get64(FIELD.hstatus) & 0x1c0n, 0n, "hstatus is untouched");
    assert.equal(state.word(FIELD.trapped), 1);
  }
});

Deno.test("a trap to HS-mode stacks SIE, SPP, SPV and, from V=1 only, SPVP", () => {
  for (
    const [mode, spp, spv, spvp] of [
      ["HS", 1n, 0n, 1n],
      ["U", 0n, 0n, 1n],
      ["VS", 1n, 1n, 1n],
      ["VU", 0n, 1n, 0n],
    ] as const
  ) {
    const hart = hartIn(mode);
    const { state } = hart;
    writeCsr64(hart, 0x302, ~0n);
    writeCsr64(hart, 0x600, 1n << 8n);
    state.set64(FIELD.mstatus, state.get64(FIELD.mstatus) | 2n);
    raiseGuestPageFault(hart, 23, -1, -1, 0x7c, 0x2_0000, 0x1234);
    assert.equal(modeOf(hart), "HS");
    const status = state.get64(FIELD.mstatus);
    assert.equal((status >> 8n) & 1n, spp, mode);
    assert.equal(status & 0x22n, 0x20n);
    const hstatus = state.get64(FIELD.hstatus);
    assert.deepEqual([hstatus >> 7n & 1n, hstatus >> 8n & 1n, hstatus >> 6n & 1n], [spv, spvp, 1n], mode);
    assert.equal(state.get64(FIELD.sepc), 0xffff_ffff_8000_1234n);
    assert.equal(state.get64(FIELD.scause), 23n);
    assert.equal(state.get64(FIELD.stval), 0xffff_ffff_ffff_ffffn);
    assert.equal(state.get64(FIELD.htval), (2n ** 49n + 0x7cn) >> 2n);
    assert.equal(state.get64(FIELD.htinst), 0x1234n);
  }
});

Deno.test("a trap that is no guest-page fault clears htval, htinst and GVA", () => {
  const hart = hartIn("VS");
  const { state } = hart;
  writeCsr64(hart, 0x302, ~0n);
  writeCsr64(hart, 0x600, 1n << 6n);
  for (const field of [FIELD.htval, FIELD.htinst, FIELD.stval]) state.set64(field, 77n);
  raiseException(hart, 10, 0, 0);
  assert.equal(state.get64(FIELD.scause), 10n);
  assert.deepEqual([FIELD.htval, FIELD.htinst, FIELD.stval].map((field) => state.get64(field)), [0n, 0n, 0n]);
  assert.equal(state.get64(FIELD.hstatus) & 0x40n, 0n);
});

Deno.test("raiseException sets GVA for exceptions with an address when V=1", () => {
  for (
    const [mode, cause, gva] of [["VS", 3, 1n], ["VU", 6, 1n], ["VS", 2, 0n], ["VS", 22, 0n], ["U", 3, 0n]] as const
  ) {
    const hart = hartIn(mode);
    raiseException(hart, cause, 1, 0);
    assert.equal((hart.state.get64(FIELD.mstatus) >> 38n) & 1n, gva, `${mode} ${cause}`);
  }
});

Deno.test("a trap to VS-mode changes the VS registers only", () => {
  for (const [mode, spp] of [["VS", 1n], ["VU", 0n]] as const) {
    const hart = hartIn(mode);
    const { state } = hart;
    writeCsr64(hart, 0x302, ~0n);
    writeCsr64(hart, 0x602, ~0n);
    state.set64(FIELD.vsstatus, state.get64(FIELD.vsstatus) | 2n);
    const before = [FIELD.mstatus, FIELD.hstatus, FIELD.scause, FIELD.mcause].map((field) => state.get64(field));
    raiseMemoryFault(hart, 13, 0x10, 0, true);
    assert.equal(modeOf(hart), "VS");
    assert.equal(state.get64(FIELD.vsstatus) & 0x122n, (spp << 8n) | 0x20n);
    assert.equal(state.get64(FIELD.vsepc), 0xffff_ffff_8000_1234n);
    assert.equal(state.get64(FIELD.vscause), 13n);
    assert.equal(state.get64(FIELD.vstval), 0x10n);
    assert.deepEqual([FIELD.mstatus, FIELD.hstatus, FIELD.scause, FIELD.mcause].map((f) => state.get64(f)), before);
  }
});

Deno.test("in guest mode a trap to HS-mode or M-mode leaves the engine, one to VS-mode does not", () => {
  for (const [medeleg, hedeleg, requests] of [[~0n, 0n, 1], [0n, 0n, 1], [~0n, ~0n, 0]] as const) {
    const hart = createTestHart("guest");
    enterMode(hart, "VS");
    writeCsr64(hart, 0x302, medeleg);
    writeCsr64(hart, 0x602, hedeleg);
    raiseException(hart, 13, 0, 0);
    assert.deepEqual(hart.requests, new Array(requests).fill(ExitRequest.HYPERVISOR_TRAP));
  }
});

Deno.test("raiseIllegal and raiseVirtualInstruction report the bits in memory when the instruction was compressed", () => {
  for (const [raise, cause] of [[raiseIllegal, 2n], [raiseVirtualInstruction, 22n]] as const) {
    for (const [inMemory, expected] of [[0x2100, 0x2100n], [0x3053, 0x8765_4321n]] as const) {
      const hart = hartIn("VS");
      const { state, memory } = hart;
      const table = 0x1_4000;
      const page = 0x1_6000;
      const entry = (table + TLB_ENTRY_SIZE) >> 2;
      state.setWord(FIELD.fetchTable, table);
      memory.i32.set([tlbTag(0x8000_1000 | 0), -1, 0, page], entry);
      memory.u16[(page + 0x234) >> 1] = inMemory;
      raise(hart, 0x8765_4321 | 0);
      assert.equal(state.get64(FIELD.mcause), cause);
      assert.equal(state.get64(FIELD.mtval), expected);
    }
  }
});

Deno.test("causeName names exceptions, interrupts and reserved codes", () => {
  assert.equal(causeName(21, false), "load guest-page fault");
  assert.equal(causeName(10, true), "virtual supervisor external interrupt");
  assert.equal(causeName(14, false), "reserved exception 14");
});
