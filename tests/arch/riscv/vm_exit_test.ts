/** vm_exit: accesses by their encodings, and what a trap into HS-mode means. @module */
import assert from "node:assert/strict";
import { FIELD } from "../../../arch/riscv/layout.ts";
import { transformed } from "../../../arch/riscv/mmu/instruction_bits.ts";
import { accessOfFault, readHypervisorTrap } from "../../../arch/riscv/vm_exit.ts";
import { asm } from "./assemble.ts";
import { createTestHart, type TestHart } from "./test_hart.ts";

const INTERRUPT = 1n << 63n;

function trapped(scause: bigint, htval = 0n, stval = 0n, htinst = 0): TestHart {
  const hart = createTestHart("guest");
  hart.state.set64(FIELD.scause, scause);
  hart.state.set64(FIELD.htval, htval);
  hart.state.set64(FIELD.stval, stval);
  hart.state.set(FIELD.htinst, htinst, 0);
  return hart;
}

Deno.test("readHypervisorTrap tells calls, interrupts and exceptions to reflect apart", () => {
  assert.deepEqual(readHypervisorTrap(trapped(10n)), { kind: "call" });
  assert.deepEqual(readHypervisorTrap(trapped(22n)), { kind: "reflect", cause: 22 });
  assert.deepEqual(readHypervisorTrap(trapped(INTERRUPT | 9n)), { kind: "interrupt", vector: 9 });
});

Deno.test("readHypervisorTrap puts the guest-physical address together from htval and stval", () => {
  const trap = readHypervisorTrap(trapped(21n, 0x3_0000_0123n, 0xffff_ffff_8000_0003n));
  assert.deepEqual(trap, { kind: "guestPageFault", addr: 0xc_0000_048f, access: "read", instruction: undefined });
});

Deno.test("readHypervisorTrap decodes htinst, except for walks, fetches and the second page of an access", () => {
  const load = transformed(asm("lw", { rd: 9, rs1: 5, imm: 40 }) | 0, false, 0);
  const whole = readHypervisorTrap(trapped(21n, 0x400_0000n, 0n, load));
  assert.equal(whole.kind === "guestPageFault" && whole.instruction?.rd, 9);
  const crossing = readHypervisorTrap(trapped(21n, 0x400_0000n, 0n, load | 3 << 15));
  assert.equal(crossing.kind === "guestPageFault" && crossing.instruction, undefined);
  for (const [pseudo, access] of [[0x3000, "read"], [0x3020, "write"]] as const) {
    const walk = readHypervisorTrap(trapped(20n, 0x400_0000n, 0n, pseudo));
    assert.deepEqual(walk, { kind: "guestPageFault", addr: 0x1000_0000, access, instruction: undefined });
  }
});

Deno.test("accessOfFault names the access of each guest-page fault and of nothing else", () => {
  assert.deepEqual([20, 21, 23, 22, 13].map(accessOfFault), ["execute", "read", "write", undefined, undefined]);
});
