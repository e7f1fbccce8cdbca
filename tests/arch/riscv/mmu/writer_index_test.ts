/** The index of write entries: what it finds, what it does not keep room for, and when it gives up. @module */
import assert from "node:assert/strict";
import { HostMemory } from "../../../../core/memory.ts";
import {
  MmuArea,
  mmuAreaSize,
  TLB_ENTRY_SIZE,
  TLB_LEAST_CONTEXTS,
  TLB_TABLE_SIZE,
} from "../../../../arch/riscv/mmu/area.ts";
import { Access } from "../../../../arch/riscv/mmu/pte.ts";
import { instantiateTlbCode } from "../../../../arch/riscv/mmu/tlb_code.ts";
import { WriterIndex } from "../../../../arch/riscv/mmu/writer_index.ts";

/** Pages that share a set. */
const FAR = 64 << 20;

function setUp(): {
  index: WriterIndex;
  enter: (number: number, page: number) => void;
  has: (number: number) => boolean;
} {
  const memory = new HostMemory({ size: 8 << 20, shared: false });
  const area = memory.reserve(mmuAreaSize(TLB_LEAST_CONTEXTS));
  const table = area + MmuArea.BANKS + Access.WRITE * TLB_TABLE_SIZE;
  const index = new WriterIndex(memory, area + MmuArea.WRITERS);
  const code = instantiateTlbCode(memory);
  const at = (number: number): number => (table + number * TLB_ENTRY_SIZE) / 4;
  const enter = (number: number, page: number): void => {
    const va = number << 12;
    code.enter(area, table, Access.WRITE, va | 1, 0, (page - va) | 0, 0, 12);
  };
  return { index, enter, has: (number) => memory.i32[at(number)] !== 0 };
}

Deno.test("WriterIndex.clear clears the entries of a page, and no others", () => {
  const { index, enter, has } = setUp();
  const pages = [0x5000, 0x5000, 0x6000, 0x5000 + FAR, 0x80005000];
  pages.forEach((page, number) => enter(number, page));
  assert.ok(index.clear(0x5000));
  assert.deepEqual(pages.map((_, number) => has(number)), [false, false, true, true, true]);
  assert.ok(index.clear(0x80005000));
  assert.ok(!has(4));
  assert.ok(index.clear(0x7000), "nothing leads there");
});

Deno.test("WriterIndex: entries that lead elsewhere meanwhile, or are gone, take no room", () => {
  const { index, enter, has } = setUp();
  for (let round = 0; round < 10; round++) {
    for (let number = 0; number < 4; number++) enter(round * 4 + number, 0x5000);
    if (round % 2 === 0) assert.ok(index.clear(0x5000));
    else for (let number = 0; number < 4; number++) enter(round * 4 + number, 0x6000 + number * 0x1000);
  }
  enter(100, 0x5000);
  assert.ok(index.clear(0x5000));
  assert.ok(!has(100));
});

Deno.test("WriterIndex: the same entry entered again takes no more room", () => {
  const { index, enter, has } = setUp();
  for (let i = 0; i < 20; i++) enter(7, 0x5000);
  assert.ok(index.clear(0x5000));
  assert.ok(!has(7));
});

Deno.test("WriterIndex.clear says so if there were more entries than it knows, until it is reset", () => {
  const { index, enter, has } = setUp();
  for (let number = 0; number < 5; number++) enter(number, 0x5000 + (number & 1) * FAR);
  enter(9, 0x6000);
  assert.ok(!index.clear(0x5000) && !index.clear(0x5000 + FAR));
  assert.ok(has(0) && has(4));
  assert.ok(index.clear(0x6000), "another set");
  index.reset();
  enter(20, 0x5000);
  assert.ok(index.clear(0x5000));
  assert.ok(!has(20));
});
