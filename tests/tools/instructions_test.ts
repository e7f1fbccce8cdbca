/** The committed list of instructions is what the tables say. @module */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { instructionList } from "../../tools/instructions.ts";

Deno.test("docs/instructions.md is what tools/instructions.ts generates", async () => {
  const committed = await readFile(new URL("../../docs/instructions.md", import.meta.url), "utf8");
  assert.equal(committed, instructionList(), "Run 'deno run --allow-write=docs tools/instructions.ts'");
});
