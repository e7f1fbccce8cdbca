/** `deno task demo` and the options of `deno task linux`, as processes. @module */
import assert from "node:assert/strict";
import { ENVIRONMENT, ROOT } from "./cli_process.ts";

async function task(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", ...args],
    cwd: ROOT,
    env: ENVIRONMENT,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("deno task demo shows every part of the board and powers off, alike under --virtual-time", async () => {
  const runs = await Promise.all([0, 1].map(() => task("demo", "--virtual-time", "--stats")));
  for (const { code, stdout, stderr } of runs) {
    assert.equal(code, 0, stderr);
    for (const part of ["firmware", "board", "paging", "uart", "timer", "disk", "arithmetic", "extension"]) {
      assert.match(stdout, new RegExp(`^ ${part} `, "m"));
    }
    const [, passed, all] = /(\d+) of (\d+) checks passed\. Powering off\./.exec(stdout) ?? [];
    assert.equal(passed, all);
    assert.ok(Number(all) >= 12);
  }
  // Times are the host's, and so is into how many slices it cut the run.
  const counts = runs.map(({ stderr }) =>
    stderr.split("\n").filter((line) => !/^(MIPS|CPU|seconds|exits Nothing)/.test(line))
  );
  assert.equal(runs[0].stdout, runs[1].stdout);
  assert.deepEqual(counts[0], counts[1]);
});

Deno.test("deno task demo and linux explain themselves and refuse what they do not know", async () => {
  const [demo, linux, wrong, command] = await Promise.all([
    task("demo", "--help"),
    task("linux", "--help"),
    task("demo", "--disk", "x"),
    task("linux", "uname"),
  ]);
  assert.match(demo.stdout, /--virtual-time/);
  assert.match(linux.stdout, /--run COMMAND .*\n.*-v, --verbose/);
  assert.deepEqual([demo.code, linux.code, wrong.code, command.code], [0, 0, 2, 2]);
  assert.match(wrong.stderr, /There is no option "--disk"/);
  assert.match(command.stderr, /a command for the guest is written --run 'uname'/);
});
