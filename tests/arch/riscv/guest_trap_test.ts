/** How a guest is made to take an exception. @module */
import assert from "node:assert/strict";
import { raiseInGuest } from "../../../arch/riscv/guest_trap.ts";
import { FIELD } from "../../../arch/riscv/layout.ts";
import { createTestHart, enterMode, modeOf } from "./test_hart.ts";

const SPV = 1n << 7n, SPP = 1n << 8n, SIE = 1n << 1n, SPIE = 1n << 5n;

for (const mode of ["VS", "VU"] as const) {
  Deno.test(`raiseInGuest raises an exception at sepc for a guest that was in ${mode}-mode, though it is not delegated`, () => {
    const hart = createTestHart("guest");
    const { state } = hart;
    enterMode(hart, "HS");
    state.set64(FIELD.hedeleg, 0n);
    state.set64(FIELD.hstatus, state.get64(FIELD.hstatus) | SPV);
    state.set64(FIELD.mstatus, state.get64(FIELD.mstatus) & ~SPP | (mode === "VS" ? SPP : 0n));
    state.set64(FIELD.vsstatus, SIE);
    state.set64(FIELD.sepc, 0x8000_1234n);
    state.set64(FIELD.vstvec, 0xffff_ffff_8000_0001n);
    const retired = state.get64(FIELD.instretOffset);
    raiseInGuest(hart, 6, 0x1230, -1);
    assert.equal(modeOf(hart), "VS");
    assert.equal(state.get64(FIELD.pc), 0xffff_ffff_8000_0000n);
    assert.equal(state.get64(FIELD.vsepc), 0x8000_1234n);
    assert.equal(state.get64(FIELD.vscause), 6n);
    assert.equal(state.get64(FIELD.vstval), 0xffff_ffff_0000_1230n);
    assert.equal(state.get64(FIELD.vsstatus) & (SIE | SPIE | SPP), SPIE | (mode === "VS" ? SPP : 0n));
    assert.equal(state.get64(FIELD.instretOffset), retired);
  });
}

Deno.test("raiseInGuest raises an exception at pc while the guest is entered", () => {
  const hart = createTestHart("guest");
  const { state } = hart;
  enterMode(hart, "VU");
  state.set64(FIELD.pc, 0x1000n);
  state.set64(FIELD.sepc, 0x2000n);
  raiseInGuest(hart, 5, 0x77, 0);
  assert.equal(state.get64(FIELD.vsepc), 0x1000n);
  assert.equal(modeOf(hart), "VS");
});
