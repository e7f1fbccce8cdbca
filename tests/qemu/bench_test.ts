/** The benchmark's rows come to what their small runs are held to. @module */
import assert from "node:assert/strict";
import { BENCH_IMAGE, qemuCommand } from "../../bench/machines.ts";
import { EXPECTED } from "../bench/expected.ts";

Deno.test("QEMU computes the checksums of the benchmark's rows in small sizes", async () => {
  for (const line of EXPECTED) {
    const [program, ...args] = qemuCommand({ kernel: BENCH_IMAGE, append: line.split(" ")[0] });
    const { stdout } = await new Deno.Command(program, { args, stdin: "null", stderr: "null" }).output();
    const lines = new TextDecoder().decode(stdout).replaceAll("\r", "").trimEnd().split("\n");
    assert.equal(lines.at(-1), line);
  }
});
