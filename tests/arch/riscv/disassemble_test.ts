/** Tests of the disassembler against text that GNU objdump wrote. @module */
import assert from "node:assert/strict";
import { disassemble, F_NAMES, X_NAMES } from "../../../arch/riscv/disassemble.ts";
import { COMPRESSED, INSTRUCTIONS } from "../../../arch/riscv/isa/mod.ts";
import { ASSEMBLY } from "./assembly_fixture.ts";

Deno.test("disassemble writes every row as objdump does", () => {
  for (const line of ASSEMBLY) {
    const [address, bits, ...text] = line.split(" ");
    assert.equal(disassemble(parseInt(bits, 16), BigInt(`0x${address}`)), text.join(" "), line);
  }
});

Deno.test("disassemble's fixture has every row of both tables", () => {
  const written = new Set(ASSEMBLY.map((line) => line.split(" ")[2].replace(/\.(aq|rl|aqrl)$/, "")));
  const missing = [...INSTRUCTIONS, ...COMPRESSED].map((row) => row.name).filter((name) => !written.has(name));
  assert.deepEqual(missing, []);
});

Deno.test("disassemble writes data where there is no instruction", () => {
  assert.equal(disassemble(0), ".2byte 0x0");
  assert.equal(disassemble(0xffffffff), ".4byte 0xffffffff");
  assert.equal(disassemble(-1), ".4byte 0xffffffff");
});

Deno.test("disassemble knows a rounding mode, ordering bits, CSR names and numbers, and the end of the address space", () => {
  assert.equal(disassemble(0x00c58553), "fadd.s fa0,fa1,fa2,rne");
  assert.equal(disassemble(0x00c5f553), "fadd.s fa0,fa1,fa2");
  assert.equal(disassemble(0x06c5a52f), "amoadd.w.aqrl a0,a2,(a1)");
  assert.equal(disassemble(0x30001073), "csrrw zero,mstatus,zero");
  assert.equal(disassemble(0x7c001073), "csrrw zero,0x7c0,zero");
  assert.equal(disassemble(0x0000006f, 0xffffffff_fffffffcn), "jal zero,0xfffffffffffffffc");
});

Deno.test("X_NAMES and F_NAMES have 32 different names each", () => {
  assert.equal(new Set([...X_NAMES, ...F_NAMES]).size, 64);
});
