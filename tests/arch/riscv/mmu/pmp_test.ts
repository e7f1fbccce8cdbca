/**
 * PMP by the rules of the Privileged ISA, "Physical Memory Protection".
 *
 * @module
 */
import assert from "node:assert/strict";
import { FIELD, PMP_ADDRESSES } from "../../../../arch/riscv/layout.ts";
import { FakeHart, fault, KERNEL, PageTable, pair, RAM } from "./helpers.ts";

const OFF = 0, TOR = 8, NA4 = 16, NAPOT = 24, LOCK = 0x80;
const R = 1, W = 2, X = 4;
const FETCH_ACCESS = 1, LOAD_ACCESS = 5, STORE_ACCESS = 7;

/** A hart in machine mode with these PMP entries: configuration and pmpaddr. */
function protectedHart(entries: [number, bigint][]): FakeHart {
  const hart = new FakeHart("machine");
  const config = [0n, 0n];
  for (let i = 0; i < 16; i++) {
    const [bits, address] = entries[i] ?? [OFF, 0n];
    config[i >> 3] |= BigInt(bits) << BigInt((i & 7) * 8);
    hart.state.set64(PMP_ADDRESSES + i * 8, address);
  }
  hart.set({ pmpcfg0: config[0], pmpcfg2: config[1] });
  return hart;
}

/** pmpaddr of a NAPOT region. */
function napot(start: number, size: number): bigint {
  return BigInt(start) >> 2n | (BigInt(size) >> 3n) - 1n;
}

const EVERYWHERE = 0x3fffffffffffffn;
const at = (offset: number): bigint => BigInt(RAM + offset);

Deno.test("PMP with all entries off lets M-mode do everything and S-mode and U-mode nothing", () => {
  const hart = protectedHart([]);
  assert.equal(hart.load(at(8)), 8);
  for (const privilege of [0, 1]) {
    hart.setMode(privilege, 0);
    assert.deepEqual(fault(hart.load(at(8))), [LOAD_ACCESS, at(8)]);
    assert.deepEqual(fault(hart.store(at(8))), [STORE_ACCESS, at(8)]);
    assert.deepEqual(fault(hart.fetch(at(8))), [FETCH_ACCESS, at(8)]);
  }
});

Deno.test("PMP NAPOT entries of 8 bytes up to everything match exactly their range", () => {
  for (const size of [8, 64, 4096, 65536, 2 ** 21]) {
    const hart = protectedHart([[NAPOT | R, napot(RAM + 2 ** 21, size)]]);
    hart.setMode(1, 0);
    assert.equal(hart.load(at(2 ** 21)), 2 ** 21);
    assert.equal(hart.load(at(2 ** 21 + size - 8)), 2 ** 21 + size - 8);
    assert.deepEqual(fault(hart.load(at(2 ** 21 - 8))), [LOAD_ACCESS, at(2 ** 21 - 8)]);
    assert.deepEqual(fault(hart.load(at(2 ** 21 + size))), [LOAD_ACCESS, at(2 ** 21 + size)]);
    assert.deepEqual(fault(hart.store(at(2 ** 21))), [STORE_ACCESS, at(2 ** 21)]);
  }
  for (const address of [EVERYWHERE, EVERYWHERE >> 1n, EVERYWHERE >> 4n]) {
    const hart = protectedHart([[NAPOT | R | W | X, address]]);
    hart.setMode(0, 0);
    assert.equal(hart.store(at(0x123456), 1n, 1), true);
  }
  for (const ones of [49n, 50n, 53n]) {
    const elsewhere = 1n << ones + 1n | (1n << ones) - 1n;
    const hart = protectedHart([[NAPOT | R | W | X, elsewhere & EVERYWHERE]]);
    hart.setMode(0, 0);
    const reached = fault(hart.load(at(0)));
    assert.deepEqual(reached, ones === 53n ? 0 : [LOAD_ACCESS, at(0)], `${ones} ones below a zero and a one`);
  }
});

Deno.test("PMP TOR and NA4 entries: bounds, empty ranges, and entry 0 starting at 0", () => {
  const hart = protectedHart([
    [TOR | R, at(0x1000) >> 2n],
    [TOR | R | W, at(0x3000) >> 2n],
    [TOR | R | W, at(0x2000) >> 2n],
    [NA4 | W | R, at(0x4000) >> 2n],
  ]);
  hart.setMode(1, 0);
  assert.equal(hart.load(at(0xff8)), 0xff8);
  assert.deepEqual(fault(hart.store(at(0xff8))), [STORE_ACCESS, at(0xff8)]);
  assert.equal(hart.store(at(0x1000)), true);
  assert.equal(hart.store(at(0x2ff8)), true);
  assert.deepEqual(fault(hart.load(at(0x3000))), [LOAD_ACCESS, at(0x3000)]);
  assert.equal(hart.store(at(0x4000), 0n, 4), true);
  assert.deepEqual(fault(hart.store(at(0x4004), 0n, 4)), [STORE_ACCESS, at(0x4004)]);
  assert.deepEqual(fault(hart.store(at(0x4000), 0n, 8)), [STORE_ACCESS, at(0x4000)], "matched in part only");
});

Deno.test("PMP takes the lowest entry that matches any byte; the lock makes it bind M-mode", () => {
  const hart = protectedHart([
    [NAPOT | R, napot(RAM + 0x1000, 4096)],
    [NAPOT | R | LOCK, napot(RAM + 0x2000, 4096)],
    [NAPOT | R | W | X, EVERYWHERE],
  ]);
  assert.equal(hart.store(at(0x1000)), true);
  assert.equal(hart.load(at(0x2000)), 0x2000);
  assert.deepEqual(fault(hart.store(at(0x2000))), [STORE_ACCESS, at(0x2000)]);
  assert.deepEqual(fault(hart.fetch(at(0x2000))), [FETCH_ACCESS, at(0x2000)]);
  hart.setMode(1, 0);
  assert.deepEqual(fault(hart.store(at(0x1000))), [STORE_ACCESS, at(0x1000)]);
  assert.equal(hart.store(at(0x3000)), true);
});

Deno.test("pages that PMP covers in part are not cached, others only with the rights that PMP gives", () => {
  const hart = protectedHart([
    [NAPOT | R, napot(RAM + 0x1000, 4096)],
    [NAPOT, napot(RAM + 0x2800, 8)],
    [NAPOT | R | W | X, EVERYWHERE],
  ]);
  hart.setMode(1, 0);
  assert.equal(hart.load(at(0x1000)), 0x1000);
  assert.equal(hart.lookup(at(0x1000)), 0x1000);
  assert.equal(hart.lookup(at(0x1000), "writeTable"), -1);
  assert.equal(hart.load(at(0x2000)), 0x2000);
  assert.equal(hart.lookup(at(0x2000)), -1);
  assert.deepEqual(fault(hart.load(at(0x2800), 1)), [LOAD_ACCESS, at(0x2800)]);
  assert.deepEqual(fault(hart.load(at(0x27fc), 8)), [LOAD_ACCESS, at(0x27fc)]);
  assert.equal(hart.fetch(at(0x2000)), 0x2000);
  hart.mmu.fillFetch(...pair(at(0x2000)), 0x2000, 0x5000);
  assert.equal(hart.lookup(at(0x2000), "fetchTable"), -1);
  assert.equal(hart.store(at(0x3000)), true);
  assert.equal(hart.lookup(at(0x3000), "writeTable"), 0x3000);
});

Deno.test("a write to the PMP drops cached translations", () => {
  const hart = protectedHart([[NAPOT | R | W, EVERYWHERE]]);
  hart.setMode(1, 0);
  assert.equal(hart.load(at(0x1000)), 0x1000);
  hart.state.set64(FIELD.pmpcfg0, BigInt(NAPOT));
  hart.mmu.protectionChanged();
  assert.equal(hart.lookup(at(0x1000)), -1);
  assert.deepEqual(fault(hart.load(at(0x1000))), [LOAD_ACCESS, at(0x1000)]);
});

Deno.test("PMP guards page tables as S-mode accesses; the fault is an access fault of the original access", () => {
  const hart = new FakeHart("machine");
  const table = new PageTable(hart, 3, { base: RAM });
  const page = hart.frame();
  const entry = table.map(0x5000n, page + RAM, KERNEL & ~0xc0);
  hart.state.set64(PMP_ADDRESSES, napot(RAM + (entry & ~0xfff), 4096));
  hart.state.set64(PMP_ADDRESSES + 8, EVERYWHERE);
  const open = BigInt(NAPOT | R | W | X) << 8n;
  hart.set({ pmpcfg0: open | BigInt(NAPOT), satp: table.register(), menvcfg: 1n << 61n });
  hart.setMode(1, 0);
  assert.deepEqual(fault(hart.load(0x5000n)), [LOAD_ACCESS, 0x5000n]);
  assert.deepEqual(fault(hart.fetch(0x5000n)), [FETCH_ACCESS, 0x5000n]);
  hart.set({ pmpcfg0: open | BigInt(NAPOT | R) });
  assert.deepEqual(fault(hart.store(0x5000n)), [STORE_ACCESS, 0x5000n], "A and D cannot be written");
  hart.set({ pmpcfg0: open | BigInt(NAPOT | R | W) });
  assert.equal(hart.store(0x5000n), true);
});

Deno.test("PMP that splits a page table is obeyed by every walk through it, whichever half was read first", () => {
  for (const first of [0x5000n, 0x145000n]) {
    const hart = new FakeHart("machine");
    const table = new PageTable(hart, 3, { base: RAM });
    const page = hart.frame();
    const entry = table.map(0x5000n, page + RAM, KERNEL);
    table.map(0x145000n, page + RAM, KERNEL);
    hart.state.set64(PMP_ADDRESSES, napot(RAM + (entry & ~0xfff) + 2048, 2048));
    hart.state.set64(PMP_ADDRESSES + 8, EVERYWHERE);
    hart.set({ pmpcfg0: BigInt(NAPOT | R | W | X) << 8n | BigInt(NAPOT), satp: table.register() });
    hart.setMode(1, 0);
    for (const va of [first, 0x5000n, 0x145000n, 0x5000n]) {
      if (va === 0x5000n) assert.equal(hart.load(va), page);
      else assert.deepEqual(fault(hart.load(va)), [LOAD_ACCESS, va]);
    }
    hart.set({ pmpcfg0: BigInt(NAPOT | R | W | X) << 8n | BigInt(NAPOT | R) });
    assert.equal(hart.load(0x145000n), page);
    hart.set({ pmpcfg0: BigInt(NAPOT | R | W | X) << 8n | BigInt(NAPOT) });
    assert.deepEqual(fault(hart.load(0x145000n)), [LOAD_ACCESS, 0x145000n]);
  }
});

Deno.test("a cache block that PMP covers in part can be neither zeroed nor managed; the fault names the byte", () => {
  const hart = protectedHart([[NA4, at(0x1020) >> 2n], [NAPOT | R | W | X, EVERYWHERE]]);
  hart.setMode(1, 0);
  for (const operation of ["zeroBlock", "manageBlock"] as const) {
    const block = (offset: number) => hart.attempt((mmu) => mmu[operation](...pair(at(offset)), 64));
    assert.equal(block(0x1040), true);
    assert.deepEqual(fault(block(0x1004)), [STORE_ACCESS, at(0x1004)]);
  }
});

Deno.test("manageBlock is for who may load or store; else it faults as a store", () => {
  const hart = protectedHart([[NAPOT | R, napot(RAM + 0x1000, 4096)], [NAPOT | X, napot(RAM + 0x2000, 4096)]]);
  hart.setMode(1, 0);
  const manage = (offset: number) => hart.attempt((mmu) => mmu.manageBlock(...pair(at(offset)), 64));
  assert.equal(manage(0x1010), true);
  assert.deepEqual(fault(manage(0x2010)), [STORE_ACCESS, at(0x2010)]);
});
