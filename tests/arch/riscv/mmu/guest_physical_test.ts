/** `Mmu.guestPhysical`: what a hypervisor makes of its guest's pointers. @module */
import assert from "node:assert/strict";
import { A, ADUE, D, FakeHart, KERNEL, PageTable, pair, R, SPVP, SUM, USER, V, X } from "./helpers.ts";

const VA = 0xffff_ffc0_4020_1000n;

/** A hart in HS-mode below a guest whose first stage leads to guest-physical addresses that the second stage does not map. */
function guestHart(): { hart: FakeHart; first: PageTable; at: (va: bigint) => number } {
  const hart = new FakeHart("guest");
  const first = new PageTable(hart, 3);
  const second = new PageTable(hart, 3, { nested: true });
  for (let frame = 0; frame < 64 << 20; frame += 2 << 20) second.map(BigInt(frame), frame, USER, 1);
  hart.set({ vsatp: first.register(), hgatp: second.register(), hstatus: SPVP });
  hart.setMode(1, 0);
  return { hart, first, at: (va) => hart.mmu.guestPhysical(...pair(va)) };
}

Deno.test("Mmu.guestPhysical goes through the first stage alone, whatever the second one maps", () => {
  const { first, at } = guestHart();
  first.map(VA, 0x9_8765_4000, KERNEL);
  first.map(0x4000_0000n, 0x4000_0000, KERNEL, 2);
  assert.equal(at(VA + 0x123n), 0x9_8765_4123);
  assert.equal(at(0x4765_4321n), 0x4765_4321);
});

Deno.test("Mmu.guestPhysical is the address itself without a first stage", () => {
  const { hart, at } = guestHart();
  hart.set({ vsatp: 0n });
  assert.equal(at(0x8_1234_5678n), 0x8_1234_5678);
  assert.ok(at(-8n) > Number.MAX_SAFE_INTEGER);
});

Deno.test("Mmu.guestPhysical tells the exception of a load that may not be", () => {
  const { first, at } = guestHart();
  first.map(VA, 0x1000, V | X | A | D);
  assert.equal(at(VA), -13, "execute-only");
  assert.equal(at(VA + 0x1000n), -13, "not mapped");
  assert.equal(at(0x40_0000_0000n), -13, "not canonical");
  first.map(VA, 0x1000, KERNEL & ~V);
  assert.equal(at(VA), -13, "not valid");
});

Deno.test("Mmu.guestPhysical obeys the guest's own SUM, and SPVP", () => {
  const { hart, first, at } = guestHart();
  first.map(VA, 0x1000, USER);
  assert.equal(at(VA), -13);
  hart.set({ vsstatus: SUM });
  assert.equal(at(VA), 0x1000);
  hart.set({ vsstatus: 0n, hstatus: 0n });
  assert.equal(at(VA), 0x1000);
});

Deno.test("Mmu.guestPhysical changes nothing: no A bits, no traps", () => {
  const { hart, first, at } = guestHart();
  const entry = first.map(VA, 0x1000, V | R);
  assert.equal(at(VA), -13, "Svade");
  hart.set({ menvcfg: ADUE, henvcfg: ADUE });
  assert.equal(at(VA), 0x1000);
  assert.equal(hart.memory.u64[entry / 8] & BigInt(A | D), 0n);
  assert.equal(hart.trap.cause, -1);
});

Deno.test("Mmu.guestPhysical calls it an access fault when a page table is no memory of the guest's", () => {
  const { hart, at } = guestHart();
  hart.set({ vsatp: 8n << 60n | 0x80000n });
  assert.equal(at(VA), -5);
});
