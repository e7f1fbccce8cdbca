/**
 * Tests of `ConsoleStream`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ConsoleStream } from "../../core/console_streams.ts";
import { type AppliedEvent, Inbox } from "../../core/inbox.ts";
import type { AxVM } from "../../core/vm.ts";
import { plugin, scriptedVm } from "./vm_fixture.ts";

function make(): { console: ConsoleStream; inbox: Inbox; print: (text: string) => void } {
  const inbox = new Inbox();
  const console = new ConsoleStream("c", inbox);
  return { console, inbox, print: (text) => console.port.write(new TextEncoder().encode(text)) };
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("ConsoleStream gives input to the guest only when the inbox is drained, in order", () => {
  const { console, inbox } = make();
  let told = 0;
  console.port.onInput(() => told++);
  console.write("ab");
  console.write(new Uint8Array([0]));
  assert.deepEqual([console.port.available, console.port.read()], [0, -1]);
  const applied: unknown[] = [];
  inbox.onApplied = ({ kind, target, bytes, steps }) => applied.push([kind, target, text(bytes), steps]);
  inbox.drain(77, 0);
  assert.deepEqual(applied, [["input", "c", "ab", 77], ["input", "c", "\0", 77]]);
  assert.equal(told, 2);
  assert.equal(console.port.available, 3);
  assert.deepEqual([1, 2, 3, 4].map(() => console.port.read()), [97, 98, 0, -1]);
});

Deno.test("ConsoleStream.waitFor finds what was and what will be written, each once", async () => {
  const { console, print } = make();
  print("login: ");
  assert.equal(await console.waitFor("login: "), "login: ");
  const prompt = console.waitFor(/\w+# /g);
  const next = console.waitFor("é");
  for (const byte of new TextEncoder().encode("hi\nroot# caf")) console.port.write(new Uint8Array([byte]));
  assert.equal(await prompt, "hi\nroot# ");
  for (const byte of new TextEncoder().encode("é!")) console.port.write(new Uint8Array([byte]));
  assert.equal(await next, "café");
  const never = console.waitFor("never");
  console.end("the VM is off");
  await assert.rejects(never, /Console "c" never showed "never": the VM is off; the last that it showed is "!"/);
});

Deno.test("ConsoleStream.output holds the history and what follows, and is bounded when nobody reads", async () => {
  const { console, print } = make();
  print("early ");
  const reader = console.output.getReader();
  print("late");
  assert.equal(text((await reader.read()).value), "early ");
  assert.equal(text((await reader.read()).value), "late");
  const block = new Uint8Array(64 * 1024);
  for (let i = 0; i < 100; i++) console.port.write(block.fill(i));
  let received = 0;
  for (let i = 0; i < 8; i++) received += (await reader.read()).value!.length;
  assert.equal(received, 8 * 65536);
  assert.equal(console.outputBytes, 10 + 100 * 65536);
  const late = make();
  for (let i = 0; i < 300_000; i++) late.print(String(i % 10));
  const first = (await late.console.output.getReader().read()).value!;
  assert.equal(first.length, 256 * 1024);
  assert.equal(text(first.subarray(-5)), "56789");
  await reader.cancel();
  console.port.write(block);
});

Deno.test("ConsoleStream copies what a device writes", () => {
  const { console } = make();
  let seen: Uint8Array | undefined;
  const stop = console.onOutput((bytes) => seen = bytes);
  const buffer = new Uint8Array([1, 2]);
  console.port.write(buffer);
  buffer[0] = 9;
  assert.deepEqual(seen, new Uint8Array([1, 2]));
  stop();
  console.port.write(buffer);
  assert.deepEqual(seen, new Uint8Array([1, 2]));
});

Deno.test("ConsoleStream.input holds its writer back while the guest does not read", async () => {
  const { console, inbox } = make();
  const writer = console.input.getWriter();
  await writer.write(new Uint8Array(20_000));
  inbox.drain(0, 0);
  let written = false;
  const second = writer.write(new Uint8Array([1])).then(() => written = true);
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(written, false);
  inbox.drain(0, 0);
  while (console.port.read() >= 0);
  await second;
  assert.equal(written, true);
});

Deno.test("ConsoleStream.save and restore carry unread input and the count of output", () => {
  const { console, inbox, print } = make();
  print("four");
  console.write("ab");
  console.write("cd");
  inbox.drain(0, 0);
  console.port.read();
  const other = make();
  other.console.restore(structuredClone(console.save()));
  assert.equal(other.console.outputBytes, 4);
  assert.deepEqual([1, 2, 3, 4].map(() => other.console.port.read()), [98, 99, 100, -1]);
});

Deno.test("A console of a VM wakes an idle guest through the inbox, and the run is recorded", async () => {
  const events: unknown[] = [];
  const { vm } = await scriptedVm([[{ kind: "Halt" }, (cpu) => {
    cpu.setInterrupt(9, false);
    return { kind: "SystemDown", action: "shutdown", code: 0 };
  }]], {
    plugins: [plugin((context) => {
      const port = context.console("tty");
      const line = context.irq("cpu0/external")!;
      port.onInput(() => line.set(true));
      context.onExit((_cpu, exit) => exit.kind === "SystemDown" && port.write(new Uint8Array([port.read()])));
    })],
  });
  vm.onEvent = ({ kind, target, steps }): void => void events.push({ kind, target, steps });
  const echoed = vm.console().waitFor("x");
  const running = vm.run();
  await new Promise((resolve) => setTimeout(resolve, 5));
  vm.console("tty").write("x");
  await running;
  assert.equal(await echoed, "x");
  assert.deepEqual(events, [{ kind: "input", target: "tty", steps: 1 }]);
  assert.throws(() => vm.console("lcd"), /VM "vm0" has no console "lcd"; it has "tty"/);
});

Deno.test("RunOptions.replay gives recorded input to the guest at the same moments, busy or idle", async () => {
  const make = async (): Promise<{ vm: AxVM; log: string[] }> => {
    const log: string[] = [];
    const { vm } = await scriptedVm([[{ kind: "Halt" }]], {
      plugins: [plugin((context) => {
        const port = context.console("tty");
        const line = context.irq("cpu0/external")!;
        const timer = context.clock.timer("test/tick", () => timer.set(context.clock.now() + 1_000_000));
        context.onExit((_cpu, exit) => exit.kind === "Halt" && timer.set(1_000_000));
        port.onInput(() => {
          log.push(`${String.fromCharCode(port.read())} at step ${vm.steps}, tick ${context.clock.now()}`);
          line.set(true);
        });
      })],
    });
    return { vm, log };
  };
  const first = await make();
  const events: AppliedEvent[] = [];
  first.vm.onEvent = (event): void => {
    // The second one is written while the guest is busy with the first.
    if (events.push(event) === 1) first.vm.console().write("b");
  };
  const running = first.vm.run({ maxSteps: 5_000_000 });
  await new Promise((resolve) => setTimeout(resolve, 10));
  first.vm.console().write("a");
  await running;
  assert.equal(first.log.length, 2);
  const second = await make();
  await second.vm.run({ maxSteps: 5_000_000, replay: structuredClone(events) });
  assert.deepEqual(second.log, first.log);
});

Deno.test("ConsoleStream.waitFor searches for output of a byte at a time no oftener than the host has turns", async () => {
  const { console, print } = make();
  const found = console.waitFor(/end$/);
  const start = performance.now();
  for (let i = 0; i < 200_000; i++) print("x");
  print("end");
  assert.equal((await found).length, 200_003);
  assert.ok(performance.now() - start < 2000);
});
