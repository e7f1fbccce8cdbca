/** Tests of the host-target interface: exit codes, console and system calls, by symbols in RAM and by the window. @module */
import assert from "node:assert/strict";
import { Htif } from "../../devices/htif.ts";
import { deviceContract } from "../contract/device.ts";
import { FakeClock, FakeConsole, FakeMemory, FakeVm } from "../contract/plugin_context.ts";

const TOHOST = 0x8000_1000, FROMHOST = 0x8000_1040, BLOCK = 0x8000_2000, TEXT = 0x8000_3000;

deviceContract({
  name: "Htif",
  size: 16,
  offsets: [0, 4, 8, 12],
  create: ({ memory, clock, console, vm }) => new Htif({ memory, clock, port: console, vm }),
});

class World {
  readonly memory = new FakeMemory();
  readonly clock = new FakeClock();
  readonly console = new FakeConsole();
  readonly vm = new FakeVm();
  readonly htif: Htif;

  constructor(symbols = true) {
    if (symbols) this.vm.symbols.set("tohost", TOHOST).set("fromhost", FROMHOST);
    this.htif = new Htif({ ...this, port: this.console });
  }

  put(address: number, ...words: bigint[]): void {
    this.memory.write(address, new Uint8Array(BigUint64Array.from(words).buffer));
  }

  get(address: number): bigint {
    return new BigUint64Array((this.memory.read(address, 8) ?? new Uint8Array(8)).buffer)[0];
  }

  /** Sends a command and says what `tohost` holds afterwards. */
  send(command: bigint): bigint {
    this.put(TOHOST, command);
    this.htif.poll();
    return this.get(TOHOST);
  }

  /** Makes a system call and returns its result; `fromhost` says that it is there. */
  call(...words: bigint[]): bigint {
    this.put(BLOCK, ...words, ...new Array(8 - words.length).fill(0n));
    this.send(BigInt(BLOCK));
    assert.equal(this.get(FROMHOST), 1n);
    this.put(FROMHOST, 0n);
    return BigInt.asIntN(64, this.get(BLOCK));
  }
}

Deno.test("Htif ends the VM with the code above bit 0", () => {
  const world = new World();
  world.htif.poll();
  assert.deepEqual(world.vm.powerOffs, []);
  world.send(1n);
  world.send(7n);
  world.send(0x1_0000_0001n);
  assert.deepEqual(world.vm.powerOffs, [0, 3, 0x8000_0000]);
});

Deno.test("Htif writes characters and clears tohost", () => {
  const world = new World();
  for (const char of "ok\n") assert.equal(world.send(0x0101n << 48n | BigInt(char.charCodeAt(0))), 0n);
  assert.equal(world.console.text, "ok\n");
});

Deno.test("Htif answers a read when a character is there, and only when fromhost is free", () => {
  const world = new World();
  world.put(FROMHOST, 5n);
  world.send(0x0100n << 48n);
  world.htif.poll();
  assert.equal(world.get(FROMHOST), 5n);
  world.console.type("xy");
  assert.equal(world.get(FROMHOST), 5n);
  world.put(FROMHOST, 0n);
  world.htif.poll();
  assert.equal(world.get(FROMHOST), 0x0100n << 48n | 0x178n);
  assert.equal(world.console.available, 1, "one character for each request");
});

Deno.test("Htif serves write and exit of the system call proxy, and refuses the rest", () => {
  const world = new World();
  world.memory.write(TEXT, new TextEncoder().encode("hello"));
  assert.equal(world.call(64n, 1n, BigInt(TEXT), 5n), 5n);
  assert.equal(world.console.text, "hello");
  assert.equal(world.call(64n, 3n, BigInt(TEXT), 5n), -9n);
  assert.equal(world.call(64n, 1n, 0n, 5n), -14n);
  assert.equal(world.call(64n, 1n, BigInt(TEXT), 1n << 40n), 65536n);
  assert.equal(world.call(1024n), -38n);
  world.put(BLOCK, 93n, 4n);
  world.send(BigInt(BLOCK));
  assert.deepEqual(world.vm.powerOffs, [4]);
});

Deno.test("Htif ignores unknown devices and blocks outside RAM", () => {
  const world = new World();
  assert.equal(world.send(0x0200n << 48n), 0n);
  assert.equal(world.send(0x10n), 0n);
  assert.equal(world.get(FROMHOST), 0n);
});

Deno.test("Htif without symbols speaks through its window", () => {
  const world = new World(false);
  world.htif.poll();
  world.htif.write(8, 0x41, 4);
  assert.equal(world.console.text, "");
  world.htif.write(12, 0x0101_0000, 4);
  assert.equal(world.console.text, "A");
  assert.deepEqual([world.htif.read(8, 4), world.htif.read(12, 4)], [0, 0]);
  world.htif.write(12, 0x0100_0000, 4);
  world.console.type("z");
  assert.deepEqual([world.htif.read(0, 4), world.htif.read(4, 4)], [0x17a, 0x0100_0000]);
  world.htif.write(8, 3, 4);
  world.htif.write(12, 0, 4);
  assert.deepEqual(world.vm.powerOffs, [1]);
});

Deno.test("Htif looks often after a command, ever more seldom without one, and then no more", () => {
  const world = new World();
  world.clock.advance(1_000_000);
  assert.equal(world.clock.deadlines.size, 0, "a guest that says nothing costs nothing");
  world.send(0x0101n << 48n | 65n);
  for (const char of "BCD") {
    world.put(TOHOST, 0x0101n << 48n | BigInt(char.charCodeAt(0)));
    world.clock.advance(100);
    assert.equal(world.get(TOHOST), 0n, char);
  }
  assert.equal(world.console.text, "ABCD");
  world.clock.advance(100_000);
  assert.equal(world.clock.deadlines.size, 0);
  world.put(TOHOST, 0x0101n << 48n | 69n);
  world.htif.poll();
  assert.equal(world.console.text, "ABCDE");
  world.htif.reset();
  assert.equal(world.clock.deadlines.size, 0);
});
