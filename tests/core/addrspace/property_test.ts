/** AddrSpace agrees with a Map of pages, over a range table and over real two-stage tables with huge leaves. @module */
import assert from "node:assert/strict";
import { RiscvNestedPageTable } from "../../../arch/riscv/mmu/nested_table.ts";
import { HostMemory } from "../../../core/memory.ts";
import { access, guestStore, MIB, PAGE, RW, RWX, setup, setupOver } from "./model.ts";
import { checkAgainstModel } from "./model_check.ts";

/** A border of 2 MiB, inside the windows. */
const BORDER = 0x8020_0000;

for (let seed = 1; seed <= 8; seed++) {
  Deno.test(`AddrSpace over RangeTable agrees with a Map of pages over random operations, seed ${seed}`, () => {
    const made = setup(8 * MIB);
    checkAgainstModel(made, seed, 400, 80, BORDER - 40 * PAGE);
    assert.equal(made.table.length, 0);
  });
}

for (const levels of [3, 4, 5] as const) {
  Deno.test(`AddrSpace over a real table of ${levels} levels with huge leaves agrees with a Map of pages`, () => {
    const memory = new HostMemory({ size: 32 * MIB });
    const made = setupOver(memory, new RiscvNestedPageTable(memory, levels, () => {}));
    checkAgainstModel(made, levels, 300, 1300, BORDER - 100 * PAGE);
    made.space.dispose();
  });
}

Deno.test("AddrSpace keeps the dirty log page exact where huge leaves map the memory", () => {
  const memory = new HostMemory({ size: 32 * MIB });
  const made = setupOver(memory, new RiscvNestedPageTable(memory, 4, () => {}));
  made.space.mapLinear(0x8000_0000, memory.allocContiguous(1024, 2 * MIB)!, 4 * MIB, RWX);
  made.space.mapAlloc(0x9000_0000, 4 * MIB, RW, false);
  assert.equal(guestStore(made, 0x9000_0000, 1), true);
  assert.equal(made.table.query(0x8000_0000)!.pageSize, 2 * MIB);
  assert.equal(made.table.query(0x9000_0000)!.pageSize, 2 * MIB);
  made.space.startDirtyLog();
  const written = [0x8000_3000, 0x8020_0000, 0x9000_5000, 0x9020_1000];
  for (const address of written) assert.equal(guestStore(made, address + 9, 1), true);
  assert.notEqual(access(made, 0x9020_9000, "read"), -1);
  assert.deepEqual(made.space.takeDirtyLog(), written);
  assert.deepEqual(made.space.takeDirtyLog(), []);
});

Deno.test("AddrSpace.handlePageFault maps a page again whose huge leaf was dropped for want of a frame", () => {
  const memory = new HostMemory({ size: 4 * MIB });
  const made = setupOver(memory, new RiscvNestedPageTable(memory, 3, () => {}));
  const ram = memory.allocContiguous(512, 2 * MIB)!;
  made.space.mapLinear(0x8000_0000, ram, 2 * MIB, RW);
  const hoard: number[] = [];
  for (let frame = memory.allocFrame(); frame !== undefined; frame = memory.allocFrame()) hoard.push(frame);
  made.space.unmap(0x8000_0000, PAGE);
  assert.equal(made.table.query(0x8010_0000), undefined);
  assert.equal(access(made, 0x8010_0000, "write"), -1, "no frame to map it with");
  memory.freeFrame(hoard.pop()!);
  assert.equal(access(made, 0x8010_0000, "write"), ram + MIB);
  assert.equal(access(made, 0x8000_0000, "read"), -1);
});
