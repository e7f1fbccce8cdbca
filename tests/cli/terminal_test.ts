/**
 * The program on a terminal, which util-linux's `script` provides: keys reach the guest one by one, and the terminal is put back on every
 * way out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ENVIRONMENT, MAIN, PERMISSIONS, twoAtATime, withGuests } from "./cli_process.ts";

/** Runs a command on a terminal between two `stty -g`; `keys` are typed one after the other once the guest has shown its prompt. */
async function onTerminal(command: string, folder: string, keys: readonly string[]): Promise<string> {
  const line = `stty -g; ${command}; echo code=$?; stty -g`;
  const child = new Deno.Command("script", {
    args: ["--quiet", "--flush", "--command", line, "/dev/null"],
    cwd: folder,
    env: { ...ENVIRONMENT, SHELL: "/bin/sh" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  let text = "";
  let typed = 0;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes(">") && typed < keys.length) await input.write(new TextEncoder().encode(keys[typed++]));
  }
  await child.status;
  await input.close().catch(() => {});
  return text;
}

const DENO = `"${Deno.execPath()}" run ${PERMISSIONS.join(" ")} "${MAIN}" run`;

/** A plugin whose error nobody catches. */
const LATE =
  `export default { name: "late", apiVersion: 1, setup() { setTimeout(() => { throw new Error("late") }, 300) } };`;

Deno.test("denovisor's terminal is raw while the guest runs, and put back on every way out", () =>
  withGuests(async (folder) => {
    await Deno.writeTextFile(`${folder}/late.ts`, LATE);
    const cases: [command: string, keys: string[], shows: RegExp][] = [
      [`${DENO} prompt.bin`, ["\x03k", "\x01h", "\x01x"], />.k[^]*Ctrl-A X +power the VM off[^]*code=0/],
      [`timeout --foreground -s TERM 1 ${DENO} prompt.bin`, [], />/],
      [`timeout --foreground -s HUP 1 ${DENO} prompt.bin`, [], />/],
      [`${DENO} prompt.bin --timeout 0.3`, [], /powered off after 0\.3 s[^]*code=124/],
      [`${DENO} prompt.bin --plugin late.ts`, [], /Unexpected Error: late[^]*code=1/],
      [`${DENO} shutdown.bin`, [], /code=0/],
    ];
    await twoAtATime(cases, async ([command, keys, shows]) => {
      const text = await onTerminal(command, folder, keys);
      assert.match(text, shows);
      const [before, ...rest] = text.trim().split(/\r?\n/);
      assert.match(before, /^[\da-f:]{20,}$/);
      assert.equal(rest.at(-1), before, `${command}\n${text}`);
    });
  }));
