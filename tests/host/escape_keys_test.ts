/** Commands among the keys. @module */
import assert from "node:assert/strict";
import { EscapeKeys } from "../../host/escape_keys.ts";

function feed(...pieces: string[]): { text: string; commands: string[] } {
  const keys = new EscapeKeys();
  let text = "";
  const commands: string[] = [];
  for (const piece of pieces) {
    const found = keys.feed(new TextEncoder().encode(piece));
    text += new TextDecoder().decode(found.data);
    commands.push(...found.commands);
  }
  return { text, commands };
}

Deno.test("EscapeKeys lets ordinary keys pass, Ctrl-C among them", () => {
  assert.deepEqual(feed("ls\r", "\x03\x1b[A"), { text: "ls\r\x03\x1b[A", commands: [] });
});

Deno.test("EscapeKeys finds Ctrl-A X and Ctrl-A H in either case, also in two pieces", () => {
  assert.deepEqual(feed("a\x01xb", "\x01", "H", "c\x01X\x01h"), {
    text: "abc",
    commands: ["quit", "help", "quit", "help"],
  });
});

Deno.test("EscapeKeys sends Ctrl-A for Ctrl-A Ctrl-A, and drops what means nothing", () => {
  assert.deepEqual(feed("\x01\x01x", "\x01qz"), { text: "\x01xz", commands: [] });
});
