/**
 * The order of operations, and what it says of rows, against their meanings.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  FIRST_RARE,
  OPERATIONS,
  RARE_ROWS,
  ROW_CASES,
  SHORT_OPERATIONS,
  writesFloat,
} from "../../../../arch/riscv/engine/row_order.ts";
import { Operation } from "../../../../arch/riscv/engine/record.ts";
import { decode, INSTRUCTIONS } from "../../../../arch/riscv/isa/mod.ts";
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

Deno.test("OPERATIONS numbers every row with a meaning once, in a byte, those of the loop first", () => {
  const rows = INSTRUCTIONS.filter(({ run }) => run !== undefined);
  const numbers = rows.map(({ index }) => OPERATIONS[index]);
  assert.equal(new Set(numbers).size, rows.length);
  // Records have a byte for it.
  for (const operation of numbers) assert.ok(operation >= Operation.FIRST_ROW && operation < 256);
  for (const { index } of RARE_ROWS) assert.ok(OPERATIONS[index] >= FIRST_RARE);
  // Those of rows that are TypeScript have ten bits for the row.
  assert.ok(INSTRUCTIONS.length <= 1024);
  for (const { index, run } of INSTRUCTIONS) assert.equal(OPERATIONS[index] === Operation.SYSTEM, run === undefined);
});

Deno.test("SHORT_OPERATIONS are those of all 16-bit instructions: cases of that length, or those of rare rows", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const row = (bits & 3) === 3 ? undefined : decode(bits)?.instruction;
    if (row === undefined) continue;
    const operation = SHORT_OPERATIONS[row.index];
    if (row.run === undefined) assert.equal(operation, Operation.SYSTEM);
    else if (operation >= FIRST_RARE) assert.equal(operation, OPERATIONS[row.index]);
    else assert.deepEqual(ROW_CASES[operation - Operation.FIRST_ROW], { row, length: 2 });
  }
});

Deno.test("RARE_ROWS never jump: their functions do not know the records of a page", () => {
  for (const { name, run } of RARE_ROWS) {
    const words = wordsOf(run);
    for (const jump of ["jump", "jumpRelative", "branchIf"]) assert.ok(!words.has(jump), name);
  }
});

Deno.test("writesFloat says of every row what its meaning does", () => {
  for (const row of [...ROW_CASES.map(({ row }) => row), ...RARE_ROWS]) {
    assert.equal(writesFloat(row), wordsOf(row.run).has("setF"), row.name);
  }
});
