/** access_instruction: accesses by their encodings. @module */
import assert from "node:assert/strict";
import { decodeAccess } from "../../../arch/riscv/access_instruction.ts";
import { transformed } from "../../../arch/riscv/mmu/instruction_bits.ts";
import { asm } from "./assemble.ts";

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
