/**
 * G-stage tables as the core's address spaces drive them, walked by the MMU itself.
 *
 * @module
 */
import assert from "node:assert/strict";
import { MappingFlags } from "../../../../core/addrspace/nested_page_table.ts";
import { HypervisorError } from "../../../../core/errors.ts";
import { HostMemory } from "../../../../core/memory.ts";
import { RiscvNestedPageTable } from "../../../../arch/riscv/mmu/nested_table.ts";
import { FakeHart, guestFault } from "./helpers.ts";

const { READ, WRITE, EXECUTE, USER, DEVICE } = MappingFlags;
const ALL = READ | WRITE | EXECUTE;
const MB = 1 << 20, GB = 1 << 30;
const FETCH_GUEST = 20, LOAD_GUEST = 21, STORE_GUEST = 23;

/** A hart in VS-mode with vsatp Bare, whose second stage is `table`. */
function guestOver(levels: 3 | 4 | 5): { hart: FakeHart; table: RiscvNestedPageTable } {
  const hart = new FakeHart("guest");
  const table = new RiscvNestedPageTable(hart.memory, levels, () => hart.mmu.nestedChanged());
  hart.set({ hgatp: BigInt(table.mode) << 60n | BigInt(table.root / 4096) });
  hart.setMode(1, 1);
  return { hart, table };
}

Deno.test("RiscvNestedPageTable maps pages that the MMU then finds, in Sv39x4, Sv48x4 and Sv57x4", () => {
  for (const levels of [3, 4, 5] as const) {
    const { hart, table } = guestOver(levels);
    assert.equal(table.root % 16384, 0);
    assert.equal(table.limit, 2 ** (14 + 9 * levels));
    const page = hart.frame();
    for (const guest of [0, 0x80200000, Math.min(table.limit, 2 ** 50) - 4096]) {
      assert.deepEqual(guestFault(hart.load(BigInt(guest) + 8n)), [LOAD_GUEST, guest + 8]);
      assert.equal(table.map(guest, page, 4096, ALL, true), true);
      table.flush();
      assert.equal(hart.load(BigInt(guest) + 8n), page + 8);
      assert.equal(hart.store(BigInt(guest)), true);
      assert.equal(hart.fetch(BigInt(guest)), page);
      assert.deepEqual(table.query(guest + 5), { host: page + 5, flags: ALL | USER, pageSize: 4096 });
    }
    assert.equal(table.query(table.limit), undefined);
    assert.equal(table.query(0x1000), undefined);
  }
});

Deno.test("RiscvNestedPageTable.map turns flags into rights; writable means readable too; none means no leaf", () => {
  const { hart, table } = guestOver(3);
  const rows: [number, boolean, boolean, boolean][] = [
    [READ, true, false, false],
    [WRITE, true, true, false],
    [EXECUTE, false, false, true],
    [READ | EXECUTE | DEVICE, true, false, true],
    [USER, false, false, false],
  ];
  rows.forEach(([flags, read, write, execute], i) => {
    const guest = i * 4096;
    assert.equal(table.map(guest, 0x100000, 4096, flags, true), true);
    table.flush();
    assert.deepEqual(guestFault(hart.load(BigInt(guest))), read ? 0x100000 : [LOAD_GUEST, guest]);
    assert.deepEqual(guestFault(hart.store(BigInt(guest))), write ? true : [STORE_GUEST, guest]);
    assert.deepEqual(guestFault(hart.fetch(BigInt(guest))), execute ? 0x100000 : [FETCH_GUEST, guest]);
  });
  assert.equal(table.query(3 * 4096)!.flags, READ | EXECUTE | DEVICE | USER);
  assert.equal(table.query(4 * 4096), undefined);
});

Deno.test("RiscvNestedPageTable.map uses the largest leaves that alignment allows, and none when they are not allowed", () => {
  const memory = new HostMemory({ size: 16 * MB, shared: false });
  const table = new RiscvNestedPageTable(memory, 4, () => {});
  assert.equal(table.map(GB - 4096, 2 * GB - 4096, GB + 2 * MB + 8192, ALL, true), true);
  const sizes = [GB - 4096, GB, 2 * GB, 2 * GB + 2 * MB].map((guest) => table.query(guest)?.pageSize);
  assert.deepEqual(sizes, [4096, GB, 2 * MB, 4096]);
  assert.equal(table.query(GB + 12345)!.host, 2 * GB + 12345);
  assert.equal(table.query(2 * GB + 2 * MB + 4096), undefined);
  assert.equal(table.map(4 * GB, 4096 + 2 * MB, 2 * MB, ALL, true), true);
  assert.equal(table.query(4 * GB)!.pageSize, 4096, "the host address is not aligned");
  assert.equal(table.map(5 * GB, 2 * MB, 2 * MB, ALL, false), true);
  assert.equal(table.query(5 * GB)!.pageSize, 4096);
  assert.equal(table.map(5 * GB, 4 * MB, 2 * MB, ALL, true), true);
  assert.deepEqual(table.query(5 * GB + 4096), { host: 4 * MB + 4096, flags: ALL | USER, pageSize: 2 * MB });
});

Deno.test("RiscvNestedPageTable.unmap and protect split huge leaves at the edges of the range", () => {
  const { hart, table } = guestOver(3);
  table.map(0, 0, 32 * MB, ALL, true);
  table.flush();
  assert.equal(hart.load(4n << 20n), 4 * MB);
  table.unmap(4 * MB + 4096, 4096);
  table.protect(6 * MB - 4096, 8192, READ);
  table.flush();
  assert.equal(hart.load(4n << 20n), 4 * MB);
  assert.deepEqual(guestFault(hart.load((4n << 20n) + 4096n)), [LOAD_GUEST, 4 * MB + 4096]);
  assert.equal(hart.load((4n << 20n) + 8192n), 4 * MB + 8192);
  assert.deepEqual(guestFault(hart.store((6n << 20n) - 4096n)), [STORE_GUEST, 6 * MB - 4096]);
  assert.deepEqual(guestFault(hart.store(6n << 20n)), [STORE_GUEST, 6 * MB]);
  assert.equal(hart.store((6n << 20n) + 4096n), true);
  assert.equal(table.query(8 * MB)!.pageSize, 2 * MB);
  table.protect(6 * MB, 4096, ALL);
  table.flush();
  assert.equal(hart.store(6n << 20n), true);
  table.unmap(0, 64 * MB);
  table.flush();
  for (const guest of [0, 4 * MB, 6 * MB, 31 * MB]) assert.equal(table.query(guest), undefined);
});

Deno.test("a change of RiscvNestedPageTable is seen by cached translations once it is flushed", () => {
  const { hart, table } = guestOver(3);
  const [first, second] = [hart.frame(), hart.frame()];
  table.map(0x5000, first, 4096, ALL, true);
  assert.equal(hart.load(0x5000n), first);
  table.map(0x5000, second, 4096, READ, true);
  table.flush();
  assert.equal(hart.lookup(0x5000n), -1);
  assert.equal(hart.load(0x5000n), second);
  assert.deepEqual(guestFault(hart.store(0x5000n)), [STORE_GUEST, 0x5000]);
});

Deno.test("RiscvNestedPageTable.flush reaches the harts only if something cached may be wrong", () => {
  const memory = new HostMemory({ size: 16 * MB, shared: false });
  let flushes = 0;
  const table = new RiscvNestedPageTable(memory, 3, () => flushes++);
  const flushed = (change: () => void): boolean => {
    const before = flushes;
    change();
    table.flush();
    return flushes !== before;
  };
  assert.equal(flushed(() => table.map(0, 0, 4 * MB, READ, true)), false, "new");
  assert.equal(flushed(() => table.map(8 * MB, 0, 4096, ALL, true)), false);
  assert.equal(flushed(() => table.protect(4096, 4096, READ | WRITE)), false, "more rights");
  assert.equal(flushed(() => table.unmap(GB, GB)), false, "a hole");
  assert.equal(flushed(() => table.protect(4096, 4096, READ)), true, "fewer rights");
  assert.equal(flushed(() => table.map(8 * MB, 4096, 4096, ALL, true)), true, "another page");
  assert.equal(flushed(() => table.map(8 * MB, 4096, 4096, ALL, true)), false, "the same again");
  assert.equal(flushed(() => table.map(0, 2 * MB, 2 * MB, ALL, true)), true, "a leaf for a table");
  assert.equal(flushed(() => table.unmap(8 * MB, 4096)), true);
  assert.equal(flushed(() => {}), false);
});

Deno.test("storeValue after a right was given without a flush succeeds", () => {
  const { hart, table } = guestOver(3);
  table.map(0, 0, 2 * MB, READ, true);
  assert.equal(hart.load(0x100000n), 0x100000);
  assert.deepEqual(guestFault(hart.store(0x100000n)), [STORE_GUEST, 0x100000]);
  table.protect(0x100000, 4096, ALL);
  table.flush();
  assert.equal(hart.store(0x100000n), true);
  assert.equal(hart.fetch(0x100000n), 0x100000);
});

Deno.test("RiscvNestedPageTable gives its frames back: emptied tables at once, all with dispose", () => {
  const memory = new HostMemory({ size: 16 * MB, shared: false });
  const before = memory.framesInUse;
  const table = new RiscvNestedPageTable(memory, 5, () => {});
  const empty = memory.framesInUse;
  for (const guest of [0, GB, 2 ** 48]) table.map(guest, 0, 8192, ALL, true);
  table.map(4 * GB, GB, GB, ALL, true);
  table.unmap(4 * GB + 4096, 4096);
  table.unmap(4 * GB, GB);
  assert(memory.framesInUse > empty);
  for (const guest of [0, GB, 2 ** 48]) table.unmap(guest, 8192);
  assert.equal(memory.framesInUse, empty);
  table.map(0, 0, 4 * MB, ALL, false);
  table.map(2 * MB, 0, 2 * MB, ALL, true);
  table.dispose();
  assert.equal(memory.framesInUse, before);
});

Deno.test("RiscvNestedPageTable says when frames run out", () => {
  const memory = new HostMemory({ size: 65536 * 4, shared: false });
  const table = new RiscvNestedPageTable(memory, 3, () => {});
  assert.equal(table.map(0, 0, 2 * MB, ALL, true), true);
  while (memory.allocFrame() !== undefined);
  assert.equal(table.map(GB * 5, 0, 4096, ALL, true), false);
  table.unmap(4096, 4096);
  assert.equal(table.query(0), undefined, "a leaf that cannot be split goes as a whole");
  assert.throws(() => new RiscvNestedPageTable(memory, 3, () => {}), HypervisorError);
});
