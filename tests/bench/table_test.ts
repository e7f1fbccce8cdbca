/** What becomes of measured seconds. @module */
import assert from "node:assert/strict";
import { figuresTable, fill, geometricMean, median, ratio, timesTable } from "../../bench/table.ts";

Deno.test("median is the middle of an odd number of values, and the mean of the middle two of an even one", () => {
  assert.equal(median([10, 9, 2]), 9);
  assert.equal(median([4, 1, 10, 2]), 3);
  assert.equal(median([5]), 5);
});

Deno.test("geometricMean of a ratio and its inverse is one", () => {
  assert.ok(Math.abs(geometricMean([4, 0.25]) - 1) < 1e-12);
  assert.ok(Math.abs(geometricMean([1, 2, 4]) - 2) < 1e-12);
});

Deno.test("ratio compares medians: above one, ours is faster", () => {
  assert.equal(ratio({ name: "a", what: "", qemu: [3, 100, 3], ours: [1.5, 1, 80] }), 2);
});

Deno.test("timesTable shows medians with two digits, the mean, the least row and those below one", () => {
  const rows = [
    { name: "fast", what: "much work", qemu: [2, 2, 2], ours: [1, 1, 1] },
    { name: "slow", what: "work", qemu: [1.004, 1, 9], ours: [2.008, 2.1, 1] },
  ];
  assert.deepEqual(timesTable(rows).split("\n"), [
    "| row  | what it does | QEMU, CPU s | ours, CPU s | QEMU / ours |",
    "| ---- | ------------ | ----------: | ----------: | ----------: |",
    "| fast | much work    |        2.00 |        1.00 |        2.00 |",
    "| slow | work         |        1.00 |        2.01 |        0.50 |",
    "",
    "Geometric mean 1.00, least 0.50 (slow), least of any run 0.48 (slow), 1 of 2 below 1.00: slow.",
  ]);
  assert.match(timesTable(rows.slice(0, 1)), /^Geometric mean 2\.00, .* 0 of 1 below 1\.00\.$/m);
});

Deno.test("figuresTable shows each figure with its unit", () => {
  const figures = [
    { what: "size", unit: "MiB", qemu: 1234.5, ours: 617.25 },
    { what: "start", unit: "ms", qemu: 0.12345, ours: 1 },
  ];
  assert.deepEqual(figuresTable(figures).split("\n"), [
    "| figure |     QEMU |    ours | QEMU / ours |",
    "| ------ | -------: | ------: | ----------: |",
    "| size   | 1235 MiB | 617 MiB |        2.00 |",
    "| start  | 0.123 ms | 1.00 ms |        0.12 |",
  ]);
});

Deno.test("fill breaks lines at spaces before they are longer than 120 characters", () => {
  const words = Array.from({ length: 100 }, (_, i) => "w".repeat(i % 9 + 1));
  const lines = fill(words.join(" ")).split("\n");
  assert.ok(lines.length > 1 && lines.every((line) => line.length <= 120));
  assert.equal(lines.join(" "), words.join(" "));
  for (const [i, line] of lines.slice(0, -1).entries()) {
    assert.ok(line.length + 1 + lines[i + 1].split(" ")[0].length > 120, "a line has room for the next word");
  }
});
