/** vm_exit: accesses by their encodings, and what a trap into HS-mode means. @module */
import assert from "node:assert/strict";
import { FIELD } from "../../../arch/riscv/layout.ts";
import { transformed } from "../../../arch/riscv/mmu/instruction_bits.ts";
import { accessOfFault, decodeAccess, readHypervisorTrap } from "../../../arch/riscv/vm_exit.ts";
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

Deno.test("decodeAccess knows every load, store and atomic, and their transformed forms", () => {
  const kinds: [string, string, number, boolean, boolean][] = [
    ["lb", "load", 1, true, false],
    ["lhu", "load", 2, false, false],
    ["lw", "load", 4, true, false],
    ["ld", "load", 8, true, false],
    ["flw", "load", 4, true, true],
    ["fld", "load", 8, true, true],
    ["sb", "store", 1, true, false],
    ["sd", "store", 8, true, false],
    ["fsw", "store", 4, true, true],
    ["fsd", "store", 8, true, true],
    ["lr.w", "reserve", 4, true, false],
    ["lr.d", "reserve", 8, true, false],
    ["sc.d", "conditional", 8, true, false],
    ["amoswap.w", "amo", 4, true, false],
    ["amomaxu.d", "amo", 8, true, false],
  ];
  for (const [name, kind, width, signed, float] of kinds) {
    const bits = asm(name, { rd: 9, rs1: 5, rs2: name.startsWith("lr") ? 0 : 10, imm: 40 }) | 0;
    for (const compressed of [false, true]) {
      const decoded = decodeAccess(transformed(bits, compressed, 0));
      const isAtomic = kind === "amo" || kind === "reserve" || kind === "conditional";
      assert.deepEqual(
        [decoded?.kind, decoded?.width, decoded?.signed, decoded?.float],
        [kind, width, signed, float],
        name,
      );
      assert.equal(decoded?.length, compressed && !isAtomic ? 2 : 4, name);
      if (kind === "store") assert.equal(decoded?.rs2, 10);
      else assert.equal(decoded?.rd, 9);
    }
    assert.equal(decodeAccess(bits, 2)?.length, 2, "the length given counts");
  }
});

Deno.test("decodeAccess knows HLV, HLVX and HSV", () => {
  const rows: [string, string, number, boolean][] = [
    ["hlv.b", "load", 1, true],
    ["hlv.bu", "load", 1, false],
    ["hlv.h", "load", 2, true],
    ["hlv.hu", "load", 2, false],
    ["hlvx.hu", "load", 2, false],
    ["hlv.w", "load", 4, true],
    ["hlv.wu", "load", 4, false],
    ["hlvx.wu", "load", 4, false],
    ["hlv.d", "load", 8, true],
  ];
  for (const [name, ...expected] of rows) {
    const access = decodeAccess(asm(name, { rd: 9, rs1: 5 }) | 0, 4)!;
    assert.deepEqual(
      [access.kind, access.width, access.signed, access.rd, access.float],
      [...expected, 9, false],
      name,
    );
  }
  for (const [name, width] of [["hsv.b", 1], ["hsv.h", 2], ["hsv.w", 4], ["hsv.d", 8]] as const) {
    const access = decodeAccess(asm(name, { rs1: 5, rs2: 11 }) | 0, 4)!;
    assert.deepEqual([access.kind, access.width, access.rs2], ["store", width, 11], name);
  }
});

Deno.test("decodeAccess gives undefined for what is no access", () => {
  for (const name of ["addi", "jalr", "ecall", "cbo.zero", "fence", "csrrw", "hfence.gvma"]) {
    assert.equal(decodeAccess(asm(name, {}) | 0, 4), undefined, name);
  }
});

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
