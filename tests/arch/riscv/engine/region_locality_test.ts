/** planLocality: which accesses look first at the page of the access before. @module */
import assert from "node:assert/strict";
import { discoverRegion } from "../../../../arch/riscv/engine/region.ts";
import { analyseRegion } from "../../../../arch/riscv/engine/region_flow.ts";
import { Locality, planLocality } from "../../../../arch/riscv/engine/region_locality.ts";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { asm } from "../assemble.ts";
import { type EngineName, Machine, RAM, RAM_SIZE } from "./machine.ts";

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

Deno.test("planLocality: atomics look at the page before as other accesses do", () => {
  const swap = asm("amoswap.d", { rd: 8, rs1: 10, rs2: 11 });
  const reserve = asm("lr.d", { rd: 8, rs1: 10 });
  assert.equal(localityAt(0, swap, back(-4)), Locality.SURE);
  assert.equal(localityAt(0, swap, asm("addi", { rd: 10, rs1: 10, imm: 768 }), back(-8)), Locality.LIKELY);
  assert.equal(localityAt(0, reserve, back(-4)), Locality.SURE);
  assert.equal(
    localityAt(4, reserve, asm("ld", { rd: 9, rs1: 8, imm: 0 }), back(-8)),
    undefined,
    "a base that is loaded",
  );
});

/** Counts in every 776th byte from the end of RAM down to the code, by swaps, reservations and sums; traps below RAM end it. */
function countDown(engine: EngineName): Machine {
  const machine = new Machine(engine);
  const program = [
    asm("lr.d", { rd: 11, rs1: 10 }),
    asm("addi", { rd: 11, rs1: 11, imm: 3 }),
    asm("sc.d", { rd: 12, rs1: 10, rs2: 11 }),
    asm("amoadd.w", { rd: 13, rs1: 10, rs2: 14 }),
    asm("amoadd.w", { rd: 13, rs1: 10, rs2: 14 }),
    asm("addi", { rd: 14, rs1: 14, imm: 1 }),
    asm("addi", { rd: 10, rs1: 10, imm: -776 }),
    asm("jal", { rd: 0, imm: -28 }),
  ];
  machine.write(RAM + 0x1f00, ...program);
  machine.write(RAM + 0x3000, asm("jal", { rd: 0, imm: 0 }));
  machine.setX(10, BigInt(RAM + RAM_SIZE - 8));
  machine.hart.state.set64(FIELD.pc, BigInt(RAM + 0x1f00));
  machine.hart.state.set64(FIELD.mtvec, BigInt(RAM + 0x3000));
  return machine;
}

Deno.test("Atomics in a loop over pages, some of them code, and out of RAM leave the same behind as the oracle's", () => {
  const [oracle, tested] = [countDown("oracle"), countDown("jit-always")];
  for (let round = 0; round < 60; round++) {
    assert.equal(tested.run(50), oracle.run(50));
    assert.equal(tested.field("pc"), oracle.field("pc"), `round ${round}`);
    for (let i = 1; i < 32; i++) assert.equal(tested.x(i), oracle.x(i), `x${i}, round ${round}`);
    assert.deepEqual(tested.bytes(), oracle.bytes());
  }
  assert.equal(oracle.field("pc"), BigInt(RAM + 0x3000), "the end");
});
