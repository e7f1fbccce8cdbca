/** RangeTable against a Map of pages, and its borders. @module */
import assert from "node:assert/strict";
import { RangeTable } from "../../../core/addrspace/range_table.ts";
import { PAGE, random, READ, RW, RWX } from "./model.ts";

Deno.test("RangeTable.toHost translates inside a range and nowhere else", () => {
  const table = new RangeTable();
  table.map(0x8000_0000, 0x10000, 0x4000, RWX, true);
  assert.equal(table.toHost(0x8000_0000), 0x10000);
  assert.equal(table.toHost(0x8000_3fff), 0x13fff);
  assert.equal(table.hitFlags, RWX);
  assert.equal(table.hitEnd, 0x8000_4000);
  assert.equal(table.toHost(0x8000_4000), -1);
  assert.equal(table.toHost(0x7fff_ffff), -1);
  assert.equal(table.toHost(0), -1);
});

Deno.test("RangeTable joins neighbours that continue each other and splits them at changes", () => {
  const table = new RangeTable();
  for (let i = 7; i >= 0; i--) table.map(i * PAGE, 0x10000 + i * PAGE, PAGE, RW, false);
  assert.equal(table.length, 1);
  table.protect(2 * PAGE, PAGE, READ);
  assert.equal(table.length, 3);
  table.protect(2 * PAGE, PAGE, RW);
  assert.equal(table.length, 1);
  table.unmap(0, 2 * PAGE);
  assert.equal(table.toHost(PAGE), -1);
  assert.deepEqual(table.query(3 * PAGE + 5), { host: 0x10000 + 3 * PAGE + 5, flags: RW, pageSize: PAGE });
});

Deno.test("RangeTable agrees with a Map of pages over random operations", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const next = random(seed);
    const table = new RangeTable();
    const model = new Map<number, { host: number; flags: number }>();
    for (let step = 0; step < 200; step++) {
      const first = next(32);
      const count = 1 + next(8);
      const host = next(64);
      const flags = [READ, RW, RWX][next(3)];
      const kind = next(3);
      if (kind === 0) table.map(first * PAGE, host * PAGE, count * PAGE, flags, true);
      else if (kind === 1) table.unmap(first * PAGE, count * PAGE);
      else table.protect(first * PAGE, count * PAGE, flags);
      for (let i = 0; i < count; i++) {
        const old = model.get(first + i);
        if (kind === 0) model.set(first + i, { host: host + i, flags });
        else if (kind === 1) model.delete(first + i);
        else if (old) old.flags = flags;
      }
      for (let page = 0; page < 42; page++) {
        const wanted = model.get(page);
        assert.equal(table.toHost(page * PAGE + 9), wanted ? wanted.host * PAGE + 9 : -1, `seed ${seed} step ${step}`);
        if (wanted) assert.equal(table.hitFlags, wanted.flags, `seed ${seed} step ${step}`);
      }
    }
  }
});
