/** The benchmark's guest computes what it computed on QEMU, in small sizes and without QEMU. @module */
import assert from "node:assert/strict";
import { BENCH_IMAGE, guestResult } from "../../bench/machines.ts";
import { ROWS } from "../../bench/rows.ts";
import { Hypervisor, riscv, virtBoard } from "../../mod.ts";
import { readText } from "../source/tree.ts";
import { EXPECTED } from "./expected.ts";

const IMAGE = Deno.readFileSync(BENCH_IMAGE);

/** Runs the guest; gives what it printed. */
async function run(cmdline: string): Promise<string> {
  await using hypervisor = new Hypervisor({ architectures: [riscv] });
  const vm = await hypervisor.createVm({
    kernel: { image: IMAGE, cmdline, memory_regions: [{ gpa: 0x8000_0000, size: 256 * 2 ** 20 }] },
    plugins: [virtBoard],
  });
  const decoder = new TextDecoder();
  let shown = "";
  vm.console().onOutput((bytes) => shown += decoder.decode(bytes.slice(), { stream: true }));
  await vm.run();
  return shown;
}

for (const line of EXPECTED) {
  const [row, , checksum] = line.split(" ");
  Deno.test(`the benchmark's row ${row} ends with its checksum`, async () => {
    const shown = await run(row);
    assert.equal(guestResult(shown, row)?.checksum, checksum, shown);
  });
}

Deno.test("every row of the benchmark is in the guest's table, in the same order, and has a checksum here", () => {
  const table = [...readText("bench/guests/main.c").matchAll(/^ {4}\{"(\w+)", run_\1, \d+\},$/gm)];
  assert.deepEqual(ROWS.map(({ name }) => name), table.map(([, name]) => name));
  assert.deepEqual(EXPECTED.map((line) => line.split(":")[0]), ROWS.map(({ name }) => name));
});

Deno.test("the benchmark's guest says so when its boot arguments name no row", async () => {
  assert.match(await run("sieves:3"), /^FAIL the boot arguments name no row: "sieves:3"$/m);
});
