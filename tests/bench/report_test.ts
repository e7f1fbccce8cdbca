/** The document of results. @module */
import assert from "node:assert/strict";
import { document } from "../../bench/report.ts";

const CIRCUMSTANCES = {
  qemu: "QEMU emulator version 7.2",
  deno: "2.9.6",
  v8: "15.0",
  processors: 2,
  runs: 3,
  engine: "jit",
};

Deno.test("document names the command, the versions and the processors, and holds the tables", () => {
  const text = document("| a |\n| - |", CIRCUMSTANCES);
  assert.match(text, /^# Results of the benchmark\n\nSeconds of CPU time/);
  assert.match(text, /the median of 3\s+runs\s+each/);
  assert.match(text, /^- Command: `deno task bench --write`$/m);
  assert.match(text, /^- QEMU emulator version 7\.2: /m);
  assert.match(text, /^- Deno 2\.9\.6, V8 15\.0, 2 processors$/m);
  assert.ok(text.endsWith("\n\n| a |\n| - |\n"));
  assert.ok(text.split("\n").every((line) => line.length <= 120));
});

Deno.test("document names the options that the results were made with", () => {
  const text = document("", { ...CIRCUMSTANCES, runs: 1, engine: "interpreter" });
  assert.match(text, /`deno task bench --write --runs 1 --engine interpreter`/);
  assert.match(text, /the median of 1\s+run\s+each/);
});
