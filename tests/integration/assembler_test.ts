/** Tests of the tests' assembler: what it writes is what the disassembler reads. @module */
import assert from "node:assert/strict";
import { disassemble } from "../../arch/riscv/disassemble.ts";
import { assemble } from "./assembler.ts";

function words(source: string, base = 0x1000): string[] {
  const { bytes } = assemble(base, source);
  const view = new DataView(bytes.buffer);
  return Array.from(
    { length: bytes.length / 4 },
    (_, i) => disassemble(view.getUint32(i * 4, true), BigInt(base + i * 4)),
  );
}

Deno.test("assemble encodes every kind of operand", () => {
  const lines = [
    "add a0,a1,a2",
    "addi t0,t1,-5",
    "ld a0,8(sp)",
    "sd a0,-8(sp)",
    "slli a0,a0,0x3f",
    "lui a0,0xfffff",
    "csrrw a0,sstatus,a1",
    "csrrsi zero,sie,2",
    "amoadd.w.aqrl a0,a1,(a2)",
    "lr.d a0,(a1)",
    "sc.d a0,a1,(a2)",
    "fld fa0,16(a0)",
    "fadd.d fa0,fa1,fa2",
    "cbo.zero (a0)",
    "sfence.vma zero,a0",
    "wfi",
  ];
  assert.deepEqual(words(lines.join("\n")), lines);
});

Deno.test("assemble resolves labels forwards and backwards", () => {
  assert.deepEqual(words("start: beq a0,a1,end\nj start\nend: la a0,start"), [
    "beq a0,a1,0x1008",
    "jal zero,0x1000",
    "auipc a0,0x0",
    "addi a0,a0,-8",
  ]);
});

Deno.test("assemble builds constants that lui and addi give back", () => {
  assert.deepEqual(words("li a0,-1\nli a1,0x12345678\nli a2,0x80200000"), [
    "addi a0,zero,-1",
    "lui a1,0x12345",
    "addiw a1,a1,1656",
    "lui a2,0x80",
    "addiw a2,a2,512",
    "slli a2,a2,0xc",
  ]);
});

Deno.test("assemble names the line that it cannot read", () => {
  assert.throws(
    () => assemble(0, "nop\nfrobnicate a0"),
    /Cannot assemble "frobnicate a0": there is no such instruction/,
  );
  assert.throws(() => assemble(0, "add a0,a1"), /its operands are rd,rs1,rs2/);
  assert.throws(() => assemble(0, "j nowhere"), /no label "nowhere"/);
});
