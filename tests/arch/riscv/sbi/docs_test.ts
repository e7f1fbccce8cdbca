/** The table of docs/sbi.md is the registry. @module */
import assert from "node:assert/strict";
import { STANDARD_EXTENSIONS } from "../../../../arch/riscv/sbi/standard.ts";

const PAGE = new URL("../../../../docs/sbi.md", import.meta.url);

Deno.test("docs/sbi.md lists STANDARD_EXTENSIONS with all their functions, in order", async () => {
  const text = await Deno.readTextFile(PAGE);
  const rows = [...text.matchAll(/^\| (0x[0-9a-f]+) +\| (.+?) +\| (.+?) +\|$/gm)].map(([, eid, name, functions]) => ({
    eid: Number(eid),
    name,
    functions: functions.split(", ").map((entry) => /^(\d+) [a-z_]+$/.exec(entry)?.[1]),
  }));
  const registry = STANDARD_EXTENSIONS.map(({ eid, name, functions }) => ({
    eid,
    name,
    functions: Object.keys(functions),
  }));
  assert.deepEqual(rows, registry);
});

Deno.test("STANDARD_EXTENSIONS have no number twice", () => {
  const numbers = new Set(STANDARD_EXTENSIONS.map(({ eid }) => eid));
  assert.equal(numbers.size, STANDARD_EXTENSIONS.length);
});
