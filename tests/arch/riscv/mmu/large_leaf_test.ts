/** Large leaves of the second stage, of which the MMU keeps the translation as a whole. @module */
import assert from "node:assert/strict";
import { A, ADUE, D, FakeHart, fault, guestFault, PageTable, USER, W } from "./helpers.ts";

const LOAD_ACCESS = 5, LOAD_GUEST = 21, STORE_GUEST = 23;

const LARGE = 2 << 20;

/** Guest-physical address of the leaf. */
const GPA = 0x4000_0000;

/** A hart in VS-mode without a first stage, whose second stage has one leaf of 2 MiB. */
function largeLeaf(flags: number): { hart: FakeHart; second: PageTable; host: number } {
  const hart = new FakeHart("guest");
  const second = new PageTable(hart, 5, { nested: true });
  const host = hart.memory.allocContiguous(512, LARGE)!;
  second.map(BigInt(GPA), host, flags, 1);
  hart.set({ hgatp: second.register(), menvcfg: ADUE });
  hart.setMode(1, 1);
  return { hart, second, host };
}

Deno.test("loadAddress finds every page of a large leaf of the second stage, and nothing one bit away from it", () => {
  const { hart, host } = largeLeaf(USER);
  for (const offset of [0, 0x1ff008, 0x5010, 0x1000, 0x5018]) {
    assert.equal(hart.load(BigInt(GPA + offset)), host + offset);
    for (let k = 21n; k < 59n; k++) {
      const other = BigInt(GPA + offset) ^ 1n << k;
      assert.deepEqual(guestFault(hart.load(other)), [LOAD_GUEST, Number(other)]);
    }
  }
});

Deno.test("a large leaf of the second stage is dirtied by the first store, not by loads, and forgotten when it changes", () => {
  const { hart, second, host } = largeLeaf(USER & ~(A | D));
  const entry = second.entry(BigInt(GPA), 1);
  assert.equal(hart.load(BigInt(GPA)), host);
  assert.equal(hart.memory.u64[entry / 8] & BigInt(A | D), BigInt(A));
  assert.equal(hart.store(BigInt(GPA + 0x3000)), true);
  assert.equal(hart.memory.u64[entry / 8] & BigInt(A | D), BigInt(A | D));
  assert.equal(hart.store(BigInt(GPA + 0x4000)), true);
  const other = hart.memory.allocContiguous(512, LARGE)!;
  second.map(BigInt(GPA), other, USER & ~W, 1);
  hart.mmu.nestedChanged();
  assert.equal(hart.load(BigInt(GPA + 0x3000)), other + 0x3000);
  assert.deepEqual(guestFault(hart.store(BigInt(GPA + 0x3000))), [STORE_GUEST, GPA + 0x3000]);
  second.map(BigInt(GPA), 0, 0, 1);
  hart.mmu.hfenceGvma(0, 0, false, 0, false);
  assert.deepEqual(guestFault(hart.load(BigInt(GPA + 0x3000))), [LOAD_GUEST, GPA + 0x3000]);
});

Deno.test("a large leaf of the second stage may lead to RAM that lies in pieces, or beyond 16 TiB", () => {
  for (const start of [0x8000_0000, 2 ** 45]) {
    const { hart, second, host } = largeLeaf(USER);
    second.map(BigInt(GPA), start, USER, 1);
    const toHost = (pa: number): number => {
      if (pa < hart.memory.size) return pa;
      const offset = pa - start;
      return offset < 0 || offset >= LARGE || (offset & -4096) === 0x6000 ? -1 : host + (offset ^ 0x1f_f000);
    };
    Object.assign(hart.host, { physical: { toHost } });
    hart.mmu.nestedChanged();
    for (const offset of [0x1000, 0x7008, 0]) {
      assert.equal(hart.load(BigInt(GPA + offset)), host + (offset ^ 0x1f_f000));
    }
    assert.deepEqual(fault(hart.load(BigInt(GPA + 0x6000))), [LOAD_ACCESS, BigInt(GPA + 0x6000)]);
  }
});
