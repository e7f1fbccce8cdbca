/** Raw mode, commands, collected output, and what happens when an end of it goes away. @module */
import assert from "node:assert/strict";
import { Terminal, type TerminalInput } from "../../host/terminal.ts";

/** Input that is given piece by piece. */
class FakeInput implements TerminalInput {
  readonly raws: boolean[] = [];
  #interactive: boolean;
  #waiting: ((piece: string | null | Error) => void) | undefined;

  constructor(interactive: boolean) {
    this.#interactive = interactive;
  }

  isTerminal(): boolean {
    return this.#interactive;
  }

  setRaw(raw: boolean): void {
    this.raws.push(raw);
  }

  async read(bytes: Uint8Array): Promise<number | null> {
    const piece = await new Promise<string | null | Error>((resolve) => this.#waiting = resolve);
    if (piece instanceof Error) throw piece;
    return piece === null ? null : new TextEncoder().encodeInto(piece, bytes).written;
  }

  async give(piece: string | null | Error): Promise<void> {
    this.#waiting!(piece);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
}

class FakeSink {
  text = "";
  writes = 0;
  error: Error | undefined;

  writeSync(bytes: Uint8Array): number {
    if (this.error) throw this.error;
    this.writes++;
    this.text += new TextDecoder().decode(bytes);
    return bytes.length;
  }
}

function fixture(interactive: boolean) {
  const input = new FakeInput(interactive);
  const output = new FakeSink();
  const messages = new FakeSink();
  const terminal = new Terminal({ input, output, messages });
  const seen: string[] = [];
  const attach = (): void =>
    terminal.attach({
      onInput: (bytes) => void seen.push(new TextDecoder().decode(bytes)),
      onQuit: () => void seen.push("QUIT"),
    });
  return { input, output, messages, terminal, seen, attach };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("Terminal is raw from attach to restore, and restored once", async () => {
  const { input, terminal, seen, attach, messages } = fixture(true);
  attach();
  assert.deepEqual(input.raws, [true]);
  await input.give("a\x01h\x01x");
  assert.deepEqual(seen, ["a", "QUIT"]);
  assert.match(messages.text, /Ctrl-A X/);
  terminal.restore();
  terminal.restore();
  assert.deepEqual(input.raws, [true, false]);
  await input.give("late");
  assert.deepEqual(seen, ["a", "QUIT"]);
});

Deno.test("Terminal passes a pipe as it is, and its end stops nothing", async () => {
  const { input, terminal, seen, attach } = fixture(false);
  attach();
  await input.give("\x01x");
  await input.give(null);
  assert.deepEqual(seen, ["\x01x"]);
  terminal.restore();
  assert.deepEqual(input.raws, []);
});

Deno.test("Terminal takes a terminal that is gone as the end of input", async () => {
  const { input, terminal, seen, attach } = fixture(true);
  attach();
  await input.give(new Error("Input/output error (os error 5)"));
  input.setRaw = (): void => {
    throw new Error("gone");
  };
  terminal.restore();
  assert.deepEqual(seen, []);
});

Deno.test("Terminal collects what is written in one task, and keeps the order with messages", async () => {
  const { output, messages, terminal } = fixture(false);
  for (const letter of "hello") terminal.write(bytes(letter));
  assert.equal(output.text, "");
  await Promise.resolve();
  assert.equal(output.text, "hello");
  assert.equal(output.writes, 1);
  terminal.write(bytes("!"));
  terminal.message("note");
  assert.equal(output.text, "hello!");
  assert.equal(messages.text, "note\n");
});

Deno.test("Terminal.write takes pieces of any size", () => {
  const { output, terminal } = fixture(false);
  const text = "0123456789abcdef".repeat(10_000);
  terminal.write(bytes("<"));
  terminal.write(bytes(text));
  for (let at = 0; at < text.length; at += 1000) terminal.write(bytes(text.slice(at, at + 1000)));
  terminal.restore();
  assert.equal(output.text, `<${text}${text}`);
});

Deno.test("Terminal says once that nobody reads its output any more", () => {
  const { output, messages, terminal } = fixture(false);
  let broken = 0;
  terminal.onBroken = (): void => void broken++;
  output.error = new Deno.errors.BrokenPipe("gone");
  terminal.write(bytes("a"));
  terminal.flush();
  terminal.write(bytes("b"));
  terminal.restore();
  assert.equal(broken, 1);
  assert.equal(messages.text, "");
});

Deno.test("Terminal tells why output fails otherwise", () => {
  const { output, messages, terminal } = fixture(false);
  output.error = new Error("No space left on device (os error 28)");
  terminal.write(bytes("a"));
  terminal.restore();
  assert.equal(messages.text, "denovisor: Cannot write to standard output: No space left on device (os error 28)\n");
});
