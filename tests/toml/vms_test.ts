/** Every VM in examples/vms/ is right and runs, with the task that its header names. Needs the TOML parser from npm. @module */
import assert from "node:assert/strict";
import { listFiles, readText, ROOT } from "../source/tree.ts";
import { runDeno } from "../examples/run_example.ts";

/** The last line that each prints. */
const LAST_LINE: Readonly<Record<string, string>> = {
  "examples/vms/hello.toml": "Hello from a guest in S-mode: hart 0, device tree given",
  "examples/vms/parts.toml": "Hello from a guest in S-mode: hart 0, device tree given",
  "examples/vms/machine.toml": "done",
  "examples/vms/smp.toml": "done",
};

Deno.test("every file in examples/vms/ is tested, and names the command that runs it", () => {
  const files = listFiles(".toml", "examples/");
  assert.deepEqual(files, Object.keys(LAST_LINE).sort());
  for (const path of files) assert.ok(readText(path).includes(`deno task denovisor run ${path}\n`), path);
});

for (const [path, lastLine] of Object.entries(LAST_LINE)) {
  Deno.test(`${path} passes denovisor check and runs to its end`, async () => {
    const place = new URL(path, ROOT).pathname;
    const checked = await runDeno(["task", "-q", "denovisor", "check", place]);
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(checked.stdout, / is right: VM "/);
    const { code, stdout, stderr } = await runDeno(["task", "-q", "denovisor", "run", place, "--timeout", "60"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trimEnd().split("\n").at(-1)?.trim(), lastLine);
  });
}
