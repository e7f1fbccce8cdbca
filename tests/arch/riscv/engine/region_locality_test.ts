/** planLocality: which accesses look first at the page of the access before. @module */
import assert from "node:assert/strict";
import { discoverRegion } from "../../../../arch/riscv/engine/region.ts";
import { analyseRegion } from "../../../../arch/riscv/engine/region_flow.ts";
import { Locality, planLocality } from "../../../../arch/riscv/engine/region_locality.ts";
import { asm } from "../assemble.ts";

const back = (imm: number) => asm("bne", { rs1: 7, rs2: 0, imm });

/** The locality of the access at an offset; undefined: no page is remembered for it. */
function localityAt(offset: number, ...program: number[]): number | undefined {
  const memory = new Int32Array(1024);
  memory.set(program);
  const region = discoverRegion(new Uint16Array(memory.buffer), 0, { privilege: 3, virtual: 0 })!;
  const plan = planLocality(region, analyseRegion(region));
  const placed = region.blocks.flatMap(({ instructions }) => instructions).find((one) => one.offset === offset)!;
  return plan.pageOf(placed)?.locality;
}

Deno.test("planLocality: in a loop, by how a base register moves", () => {
  const load = asm("ld", { rd: 8, rs1: 10, imm: 0 });
  const step = (imm: number) => asm("addi", { rd: 10, rs1: 10, imm });
  assert.equal(localityAt(0, load, back(-4)), Locality.SURE, "it stays");
  assert.equal(localityAt(0, load, step(8), back(-8)), Locality.SURE, "it moves in small steps");
  for (const imm of [768, -768]) {
    assert.equal(localityAt(0, load, step(imm), back(-8)), Locality.LIKELY, "a page is left after a few steps");
  }
  assert.equal(localityAt(0, load, asm("add", { rd: 10, rs1: 11, rs2: 12 }), back(-8)), Locality.LIKELY);
  assert.equal(localityAt(0, asm("ld", { rd: 10, rs1: 10, imm: 0 }), back(-4)), undefined, "it is itself loaded");
});

Deno.test("planLocality: outside of loops, two accesses by one register that nothing changes", () => {
  const [first, second] = [0, 8].map((imm) => asm("ld", { rd: 8 + imm / 8, rs1: 2, imm }));
  const leave = asm("jalr", { rd: 0, rs1: 1, imm: 0 });
  assert.equal(localityAt(0, first, second, leave), Locality.SURE);
  assert.equal(localityAt(0, first, leave), undefined);
  assert.equal(localityAt(0, first, asm("addi", { rd: 2, rs1: 2, imm: 16 }), second, leave), undefined);
});
