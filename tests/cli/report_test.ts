/** Exit codes, statistics and signatures as text. @module */
import assert from "node:assert/strict";
import { exitCode } from "../../cli/exit_code.ts";
import { formatSignature } from "../../cli/signature.ts";
import { describeStatistics, Stopwatch } from "../../cli/stats.ts";

Deno.test("exitCode keeps a failure a failure in 8 bits", () => {
  const cases: [code: number, exit: number][] = [[0, 0], [1, 1], [255, 255], [256, 1], [257, 1], [2 ** 32 - 1, 255], [
    512,
    1,
  ]];
  for (const [code, exit] of cases) assert.equal(exitCode({ reason: "shutdown", code }), exit);
  assert.equal(exitCode({ reason: "failed", code: 1, message: "x" }), 1);
  assert.equal(exitCode({ reason: "stopped", code: 0 }), 0);
});

Deno.test("formatSignature writes the last byte of a word first and fills the last word with zeroes", () => {
  const bytes = Uint8Array.from({ length: 10 }, (_, i) => i + 1);
  assert.equal(formatSignature(bytes, 4), "04030201\n08070605\n00000a09\n");
  assert.equal(formatSignature(bytes, 8), "0807060504030201\n0000000000000a09\n");
  assert.equal(formatSignature(bytes, 16), "0000000000000a090807060504030201\n");
  assert.equal(formatSignature(new Uint8Array(0), 8), "");
});

Deno.test("describeStatistics aligns names and values and sorts exits", () => {
  const statistics = {
    steps: 2_000_000,
    exits: { Nothing: 3, Halt: 1 },
    deviceReads: 4,
    deviceWrites: 5,
    reboots: 0,
    arch: {},
  };
  const text = describeStatistics(statistics, {
    cpu: 0.5,
    real: 1,
    ticks: 10_000_000,
    consoleBytes: 7,
    memoryHash: "ab",
  });
  assert.deepEqual(text.split("\n").map((line) => line.split(/ {2,}/)), [
    ["instructions", "2000000"],
    ["MIPS", "4.0"],
    ["CPU seconds", "0.500"],
    ["seconds", "1.000"],
    ["guest seconds", "1.000"],
    ["console bytes", "7"],
    ["device reads", "4"],
    ["device writes", "5"],
    ["reboots", "0"],
    ["exits Halt", "1"],
    ["exits Nothing", "3"],
    ["RAM SHA-256", "ab"],
  ]);
});

Deno.test("Stopwatch measures the time of the CPU and of the clock", async () => {
  const stopwatch = await Stopwatch.start();
  for (const start = performance.now(); performance.now() - start < 30;);
  const { cpu, real } = stopwatch.read();
  assert.ok(real >= 0.03 && cpu > 0.005, `${cpu} ${real}`);
});
