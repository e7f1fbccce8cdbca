/** The command line of the benchmark, and what it does without QEMU. @module */
import assert from "node:assert/strict";
import { HELP, parseBench } from "../../bench/options.ts";
import { ROWS } from "../../bench/rows.ts";
import { UsageError } from "../../cli/parse_options.ts";
import { runDeno } from "../examples/run_example.ts";

Deno.test("parseBench without arguments takes all rows, Debian if it is there, three runs and the jit", () => {
  const options = { rows: ROWS, debian: "if there", start: true, runs: 3, engine: "jit", write: false };
  assert.deepEqual(parseBench([]), options);
});

Deno.test("parseBench takes rows by --row and by name, with sizes", () => {
  const options = parseBench(["--row", "sieve", "--row=debian", "calls:12", "--runs", "5", "--engine", "interpreter"]);
  assert.deepEqual(options?.rows.map(({ name }) => name), ["sieve", "calls:12"]);
  assert.deepEqual([options?.debian, options?.start, options?.runs, options?.engine], [
    "named",
    false,
    5,
    "interpreter",
  ]);
});

Deno.test("parseBench refuses what it does not know, and to write a part of the results", () => {
  for (const args of [["sieves"], ["sieve:x"], ["start:2"], ["--runs", "0"], ["--write", "sieve"], ["--rows"]]) {
    assert.throws(() => parseBench(args), UsageError, args.join(" "));
  }
});

Deno.test("parseBench tells who asks for help; HELP names every row", () => {
  assert.equal(parseBench(["-h"]), undefined);
  for (const { name, what } of ROWS) assert.ok(HELP.includes(name) && HELP.includes(what));
});

Deno.test("deno task bench says in one sentence that QEMU or bash is missing, and exits with 2", async () => {
  const permissions = ["--allow-read=.", "--allow-run=bash", "--allow-env=INIT_CWD,DENOVISOR_DEBUG"];
  const where = await new Deno.Command("bash", { args: ["-c", "type -P bash"] }).output();
  const folder = await Deno.makeTempDir({ prefix: "only bash " });
  try {
    await Deno.symlink(new TextDecoder().decode(where.stdout).trim(), `${folder}/bash`);
    for (const path of [folder, `${folder}/nothing`]) {
      const env = { PATH: path };
      const { code, stdout, stderr } = await runDeno(["run", ...permissions, "bench/run.ts", "sieve:1"], { env });
      // Deno says itself that a program is not there.
      assert.match(
        stderr.replace(/^Info .*\n/, ""),
        /^denovisor: The benchmark needs qemu-system-riscv64 and bash; on Debian, .*\n$/,
      );
      assert.deepEqual([code, stdout], [2, ""]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
