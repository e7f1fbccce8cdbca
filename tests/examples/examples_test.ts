/** Every example runs with the permissions that its header names, and needs each of them. @module */
import assert from "node:assert/strict";
import { GUEST as COUNTDOWN_GUEST } from "../../examples/countdown.ts";
import { GUEST as GREET_GUEST } from "../../examples/greet.ts";
import { disassemble } from "../../mod.ts";
import { listFiles } from "../source/tree.ts";
import { commandOf, runDeno, runExample } from "./run_example.ts";

/** What each example prints. `linux.ts` needs Debian's kernel and has a test of its own. */
const PRINTED: Readonly<Record<string, RegExp>> = {
  "examples/hello.ts": /^Hello from a guest in S-mode: hart 0, device tree given\n$/,
  "examples/countdown.ts": /^The guest printed "-" and ended by shutdown after 25\.\d+ ms of virtual time\.\n$/,
  "examples/greet.ts": /^Good morning, guest!\n$/,
};

Deno.test("every program in examples/ is tested", () => {
  const programs = listFiles(".ts", "examples/").filter((path) => path.split("/").length === 2);
  assert.deepEqual(programs, [...Object.keys(PRINTED), "examples/linux.ts"].sort());
});

for (const [path, printed] of Object.entries(PRINTED)) {
  Deno.test(`${path} runs with exactly the permissions of its header`, async () => {
    const { code, stdout, stderr } = await runExample(path);
    assert.equal(stderr, "");
    assert.match(stdout, printed);
    assert.equal(code, 0);
  });

  Deno.test(`${path} needs the permissions of its header`, async () => {
    const without = commandOf(path).filter((argument) => !argument.startsWith("--allow"));
    const { code, stderr } = await runDeno(without);
    assert.notEqual(code, 0);
    assert.match(stderr, /Requires read access/);
  });
}

Deno.test("disassemble gives the assembly that the guests of the examples are listed with", () => {
  for (const [word, assembly] of [...COUNTDOWN_GUEST, ...GREET_GUEST]) assert.equal(disassemble(word), assembly);
});
