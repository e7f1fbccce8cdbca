/** SlotTable: every slot can be called at any time, and belongs to one place. @module */
import assert from "node:assert/strict";
import { makeVacancy, SlotTable, type TableFunction } from "../../../core/engine/slot_table.ts";
import { i32Const, ModuleBuilder } from "../../../core/wasm/mod.ts";

type Run = (budget: number, depth: number) => number;

/** A region's function that gives a number. */
function answering(number: number): TableFunction {
  const module = new ModuleBuilder();
  module.function("r", ["i32", "i32"], ["i32"], (f) => f.return(i32Const(number)), { export: true });
  return new WebAssembly.Instance(new WebAssembly.Module(module.build())).exports.r as TableFunction;
}

const vacancy = makeVacancy(["i32", "i32"]);

Deno.test("makeVacancy gives the budget back", () => {
  assert.equal((vacancy as Run)(1234, 5), 1234);
});

Deno.test("SlotTable: a slot holds a function from the start, when it is filled, and after it was vacated", () => {
  const slots = new SlotTable(vacancy, 5000);
  const run = (slot: number) => (slots.table.get(slot) as Run)(7, 0);
  for (let place = 0; place < 3000; place++) assert.equal(slots.slotOf(place * 4), place);
  assert.ok(slots.table.length >= 3000, "it grew");
  assert.equal(run(2999), 7);
  slots.fill(2999, answering(42));
  assert.equal(run(2999), 42);
  slots.vacate(2999);
  assert.equal(run(2999), 7);
  for (let slot = 0; slot < slots.table.length; slot++) assert.equal(run(slot), 7);
});

Deno.test("SlotTable: a slot stays with its place until the table is cleared, and there is an end of slots", () => {
  const slots = new SlotTable(vacancy, 2);
  const [first, second] = [slots.slotOf(100), slots.slotOf(200)];
  slots.vacate(first);
  assert.deepEqual([slots.slotOf(100), slots.slotOf(200)], [first, second]);
  assert.equal(slots.hasRoom([200, 100]), true);
  assert.equal(slots.hasRoom([100, 300]), false);
  slots.clear();
  assert.equal(slots.hasRoom([300, 400]), true);
  assert.equal(slots.slotOf(300), first);
});
