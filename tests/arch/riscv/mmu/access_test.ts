/**
 * Memory accesses that leave the fast path: misaligned, page-crossing, to code, to devices (Privileged ISA, "Virtual Address
 * Translation Process"; Unprivileged ISA, "Load and Store Instructions", "A Extension").
 *
 * @module
 */
import assert from "node:assert/strict";
import { ExitRequest, FIELD, STAGING } from "../../../../arch/riscv/layout.ts";
import { FakeHart, fault, guestFault, KERNEL, PageTable, R, RAM, Trap, USER, V } from "./helpers.ts";

const FETCH_ACCESS = 1, LOAD_MISALIGNED = 4, LOAD_ACCESS = 5, STORE_MISALIGNED = 6, STORE_ACCESS = 7;
const LOAD_FAULT = 13, STORE_FAULT = 15, STORE_GUEST = 23;

/** Two neighbouring virtual pages, at 0x5000 and 0x6000, whose frames are not neighbours. */
function twoPages(): { hart: FakeHart; table: PageTable; left: number; right: number } {
  const hart = new FakeHart("guest");
  const table = new PageTable(hart, 3);
  const right = hart.frame();
  hart.frame();
  const left = hart.frame();
  table.map(0x5000n, left, KERNEL);
  table.map(0x6000n, right, KERNEL);
  hart.set({ satp: table.register() });
  hart.setMode(1, 0);
  return { hart, table, left, right };
}

Deno.test("loadAddress and storeValue do misaligned accesses inside a page", () => {
  const { hart, left } = twoPages();
  for (const size of [1, 2, 4, 8]) {
    for (let offset = 0; offset < 8; offset++) {
      hart.memory.u8.fill(0xee, left, left + 32);
      assert.equal(hart.load(0x5000n + BigInt(offset), size), left + offset);
      assert.equal(hart.store(0x5000n + BigInt(offset), 0x8877665544332211n, size), true);
      const expected = new Array(32).fill(0xee);
      for (let i = 0; i < size; i++) expected[offset + i] = 0x11 * (i + 1);
      assert.deepEqual([...hart.memory.u8.subarray(left, left + 32)], expected);
    }
  }
});

Deno.test("loadAddress puts page-crossing loads together in the staging bytes, storeValue takes them apart", () => {
  const { hart, left, right } = twoPages();
  for (const size of [2, 4, 8]) {
    for (let inFirst = 1; inFirst < size; inFirst++) {
      const va = 0x6000n - BigInt(inFirst);
      assert.equal(hart.store(va, 0x8877665544332211n, size), true);
      for (let i = 0; i < size; i++) {
        assert.equal(hart.memory.u8[i < inFirst ? left + 4096 - inFirst + i : right + i - inFirst], 0x11 * (i + 1));
      }
      const address = hart.load(va, size);
      assert.equal(address, hart.state.base + STAGING);
      for (let i = 0; i < size; i++) assert.equal(hart.memory.u8[hart.state.base + STAGING + i], 0x11 * (i + 1));
    }
  }
});

Deno.test("a page-crossing access that faults names the faulting part, and stores nothing", () => {
  const { hart, table, left, right } = twoPages();
  hart.memory.u8[left + 4095] = 0xaa;
  hart.memory.u8[right] = 0xbb;
  table.map(0x6000n, right, V | R | 64);
  assert.deepEqual(fault(hart.store(0x5fffn, 0n, 2)), [STORE_FAULT, 0x6000n]);
  assert.equal(hart.memory.u8[left + 4095], 0xaa);
  table.map(0x6000n, right, 0);
  assert.deepEqual(fault(hart.load(0x5ffdn, 8)), [LOAD_FAULT, 0x6000n]);
  table.map(0x5000n, left, 0);
  assert.deepEqual(fault(hart.load(0x5ffdn, 8)), [LOAD_FAULT, 0x5ffdn]);
  assert.deepEqual(fault(hart.store(0x5ffdn, 0n, 8)), [STORE_FAULT, 0x5ffdn]);
  assert.equal(hart.memory.u8[right], 0xbb);
});

Deno.test("a page-crossing access carries into the high half of the address", () => {
  const hart = new FakeHart("guest");
  const table = new PageTable(hart, 3);
  const [left, right] = [hart.frame(), hart.frame()];
  table.map(0xfffff000n, left, KERNEL);
  table.map(0x100000000n, right, KERNEL);
  hart.set({ satp: table.register() });
  hart.setMode(1, 0);
  assert.equal(hart.store(0xfffffffcn, 0x8877665544332211n), true);
  assert.equal(hart.memory.u32[left / 4 + 1023], 0x44332211);
  assert.equal(hart.memory.u32[right / 4], 0x88776655);
});

Deno.test("the address offset of a crossing access that takes a guest-page fault stands in the rs1 field", () => {
  const hart = new FakeHart("guest");
  const table = new PageTable(hart, 3);
  const second = new PageTable(hart, 3, { nested: true });
  for (let at = 0; at < 0x400000; at += 4096) second.map(BigInt(at), at, USER);
  const code = hart.frame();
  hart.memory.i32[code / 4] = 0x00533c23;
  table.map(0x1000n, code, KERNEL);
  table.map(0x5000n, hart.frame(), KERNEL);
  table.map(0x6000n, 0x10000000, KERNEL);
  hart.set({ hgatp: second.register(), vsatp: table.register(), pc: 0x1000n });
  hart.setMode(1, 1);
  const trap = hart.store(0x5ffdn, 0n, 8);
  assert(trap instanceof Trap);
  assert.deepEqual([trap.cause, trap.tval, trap.guestAddress], [STORE_GUEST, 0x6000n, 0x10000000]);
  assert.equal(trap.tinst, 0x00503023 | 3 << 15);
});

Deno.test("amoAddress and reserveAddress raise misaligned exceptions before anything else", () => {
  const { hart, left } = twoPages();
  const amo = (va: number, size: number): unknown => hart.attempt((mmu) => mmu.amoAddress(va, 0, size));
  const reserve = (va: number, size: number): unknown => hart.attempt((mmu) => mmu.reserveAddress(va, 0, size));
  assert.deepEqual(fault(amo(0x5002, 4)), [STORE_MISALIGNED, 0x5002n]);
  assert.deepEqual(fault(amo(0x9004, 8)), [STORE_MISALIGNED, 0x9004n]);
  assert.deepEqual(fault(reserve(0x9002, 4)), [LOAD_MISALIGNED, 0x9002n]);
  assert.equal(amo(0x5004, 4), left + 4);
  assert.equal(reserve(0x5008, 8), left + 8);
  assert.deepEqual(fault(amo(0x9000, 8)), [STORE_FAULT, 0x9000n]);
  assert.deepEqual(fault(reserve(0x9000, 8)), [LOAD_FAULT, 0x9000n]);
});

Deno.test("a page of code gets no write entry, and every store to it is reported", () => {
  const { hart, left, right } = twoPages();
  hart.codePages.add(left);
  assert.equal(hart.load(0x5000n), left);
  assert.equal(hart.store(0x5010n, 1n, 4), true);
  assert.equal(hart.attempt((mmu) => mmu.amoAddress(0x5020, 0, 4)), left + 0x20);
  assert.equal(hart.lookup(0x5000n), left);
  assert.equal(hart.lookup(0x5000n, "writeTable"), -1);
  assert.deepEqual(hart.codePages.reports, [[left + 0x10, 4]]);
  hart.codePages.add(right);
  assert.equal(hart.store(0x5ffdn, 1n, 8), true);
  assert.deepEqual(hart.codePages.reports.slice(1), [[left + 0xffd, 3], [right, 5]]);
});

Deno.test("in machine mode accesses of every width outside RAM ask to leave with MMIO", () => {
  const hart = new FakeHart("machine");
  for (const size of [1, 2, 4, 8]) {
    assert.equal(hart.load(0x10000008n, size), -1);
    assert.equal(hart.exit, ExitRequest.MMIO);
    assert.deepEqual({ ...hart.mmio, low: 0, high: 0 }, {
      addr: 0x10000008,
      width: size,
      vaLow: 0x10000008,
      vaHigh: 0,
      write: false,
      access: 0,
      virtual: false,
      low: 0,
      high: 0,
    });
    assert.equal(hart.store(0x10000008n, 0x1122334455667788n, size), false);
    assert.equal(hart.exit, ExitRequest.MMIO);
    assert.deepEqual([hart.mmio.write, hart.mmio.low, hart.mmio.high], [true, 0x55667788, 0x11223344]);
  }
  assert.equal(hart.lookup(0x10000008n), -1);
});

Deno.test("in machine mode MMIO behind a page table has the physical address, and PMP comes first", () => {
  const hart = new FakeHart("machine");
  const table = new PageTable(hart, 3, { base: RAM });
  table.map(0x7000n, 0x3ffffffff000, KERNEL);
  hart.set({ satp: table.register() });
  hart.setMode(1, 0);
  assert.equal(hart.load(0x7010n, 4), -1);
  assert.deepEqual([hart.exit, hart.mmio.addr], [ExitRequest.MMIO, 0x3ffffffff010]);
  hart.set({ satp: 0n });
  assert.equal(hart.load(0x10000000n, 4), -1);
  hart.state.set64(FIELD.pmpcfg0, 0n);
  hart.mmu.protectionChanged();
  assert.deepEqual(fault(hart.load(0x10000000n, 4)), [LOAD_ACCESS, 0x10000000n]);
  assert.equal(hart.exit, 0);
});

Deno.test("in machine mode fetches, LR, cache blocks, misaligned and crossing accesses outside RAM are access faults", () => {
  const hart = new FakeHart("machine");
  assert.deepEqual(fault(hart.fetch(0x10000000n)), [FETCH_ACCESS, 0x10000000n]);
  assert.deepEqual(fault(hart.load(0x10000001n, 4)), [LOAD_ACCESS, 0x10000001n]);
  assert.deepEqual(fault(hart.store(0x10000002n, 0n, 8)), [STORE_ACCESS, 0x10000002n]);
  assert.deepEqual(fault(hart.load(0x10000ffdn, 4)), [LOAD_ACCESS, 0x10000ffdn]);
  assert.deepEqual(fault(hart.store(BigInt(RAM) - 3n, 0n, 8)), [STORE_ACCESS, BigInt(RAM) - 3n]);
  const end = BigInt(RAM + hart.memory.size);
  assert.deepEqual(fault(hart.load(end - 3n, 8)), [LOAD_ACCESS, end]);
  assert.deepEqual(fault(hart.attempt((mmu) => mmu.amoAddress(0x10000000, 0, 1))), [STORE_ACCESS, 0x10000000n]);
  assert.deepEqual(fault(hart.attempt((mmu) => mmu.reserveAddress(0x10000000, 0, 4))), [LOAD_ACCESS, 0x10000000n]);
});

Deno.test("in guest mode there is no MMIO at this level", () => {
  const hart = new FakeHart("guest");
  hart.setMode(1, 0);
  assert.deepEqual(fault(hart.load(0x10000000n, 4)), [LOAD_ACCESS, 0x10000000n]);
  const second = new PageTable(hart, 3, { nested: true });
  hart.set({ hgatp: second.register() });
  hart.setMode(1, 1);
  assert.deepEqual(guestFault(hart.store(0x10000004n, 0n, 4)), [STORE_GUEST, 0x10000004]);
  assert.equal(hart.exit, ExitRequest.HYPERVISOR_TRAP);
});

Deno.test("debugTranslate finds what the current mode would reach", () => {
  const { hart, left } = twoPages();
  assert.equal(hart.mmu.debugTranslate(0x5123n, 0), left + 0x123);
  assert.equal(hart.mmu.debugTranslate(0x5123n, 2), left + 0x123);
  assert.equal(hart.mmu.debugTranslate(0x9000n, 0), undefined);
  assert.equal(hart.mmu.debugTranslate(-0x1000n, 1), undefined);
  assert.equal(hart.trap.cause, -1);
  assert.equal(hart.lookup(0x5000n), -1);
  hart.setMode(3, 0);
  assert.equal(hart.mmu.debugTranslate(0x5123n, 0), 0x5123);
});

Deno.test("nestedChanged in machine mode forgets what lay at physical addresses, in every mode", () => {
  const hart = new FakeHart("machine");
  for (const privilege of [3, 1, 0]) {
    hart.setMode(privilege, 0);
    assert.equal(hart.load(BigInt(RAM)), 0);
    assert.equal(hart.lookup(BigInt(RAM)), 0);
    hart.mmu.nestedChanged();
    assert.equal(hart.lookup(BigInt(RAM)), -1);
  }
});
