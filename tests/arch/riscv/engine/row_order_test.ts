/**
 * The order of operations, and what it says of rows, against their meanings.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  COMMON_ROWS,
  FIRST_RARE,
  OPERATIONS,
  RARE_ROWS,
  writesFloat,
} from "../../../../arch/riscv/engine/row_order.ts";
import { Operation } from "../../../../arch/riscv/engine/record.ts";
import { INSTRUCTIONS } from "../../../../arch/riscv/isa/mod.ts";
import type { Operands, Ops } from "../../../../arch/riscv/isa/mod.ts";

/** Names of the words of the vocabulary that a meaning uses. */
function wordsOf(run: NonNullable<(typeof INSTRUCTIONS)[number]["run"]>): Set<string> {
  const used = new Set<string>();
  const vocabulary = new Proxy({}, {
    get: (_, name) => (...args: unknown[]) => {
      used.add(String(name));
      for (const arg of args) if (typeof arg === "function") arg(0n);
      return 0n;
    },
  });
  const operands: Operands<bigint> = {
    rd: { field: "rd" },
    rs1: { field: "rs1" },
    rs2: { field: "rs2" },
    rs3: { field: "rs3" },
    imm: 0n,
  };
  run(vocabulary as Ops<bigint>, operands);
  return used;
}

Deno.test("OPERATIONS numbers every row with a meaning once, in a byte, common ones first", () => {
  const rows = INSTRUCTIONS.filter(({ run }) => run !== undefined);
  const numbers = rows.map(({ index }) => OPERATIONS[index]);
  assert.equal(new Set(numbers).size, rows.length);
  // Records have a byte for it.
  for (const operation of numbers) assert.ok(operation >= Operation.FIRST_ROW && operation < 256);
  for (const { index } of COMMON_ROWS) assert.ok(OPERATIONS[index] < FIRST_RARE);
  for (const { index } of RARE_ROWS) assert.ok(OPERATIONS[index] >= FIRST_RARE);
  for (const { index, run } of INSTRUCTIONS) assert.equal(OPERATIONS[index] === Operation.SYSTEM, run === undefined);
});

Deno.test("RARE_ROWS never jump: their functions do not know the records of a page", () => {
  for (const { name, run } of RARE_ROWS) {
    const words = wordsOf(run);
    for (const jump of ["jump", "jumpRelative", "branchIf"]) assert.ok(!words.has(jump), name);
  }
});

Deno.test("writesFloat says of every row what its meaning does", () => {
  for (const row of [...COMMON_ROWS, ...RARE_ROWS]) {
    assert.equal(writesFloat(row), wordsOf(row.run).has("setF"), row.name);
  }
});
