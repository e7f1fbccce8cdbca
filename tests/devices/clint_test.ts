/** Tests of the core-local interruptor. @module */
import assert from "node:assert/strict";
import { Clint } from "../../devices/clint.ts";
import { deviceContract } from "../contract/device.ts";
import { FakeClock, FakeLine } from "../contract/plugin_context.ts";

const MTIMECMP = 0x4000, MTIME = 0xbff8;

deviceContract({
  name: "Clint",
  size: 0x1_0000,
  offsets: [0, 4, 8, 0x4000, 0x4004, 0x4008, 0x400c, 0x4010, 0xbff8, 0xbffc],
  create: ({ lines, clock }) =>
    new Clint([{ software: lines[0], timer: lines[1] }, { software: lines[2], timer: lines[3] }], clock),
});

function make(): { clint: Clint; clock: FakeClock; software: FakeLine[]; timer: FakeLine[] } {
  const clock = new FakeClock();
  const software = [new FakeLine(), new FakeLine()], timer = [new FakeLine(), new FakeLine()];
  const clint = new Clint([0, 1].map((cpu) => ({ software: software[cpu], timer: timer[cpu] })), clock);
  return { clint, clock, software, timer };
}

function write64(clint: Clint, offset: number, low: number, high: number): void {
  clint.write(offset, low, 4);
  clint.write(offset + 4, high, 4);
}

Deno.test("Clint drives each CPU's software interrupt by bit 0 of msip", () => {
  const { clint, software } = make();
  clint.write(4, 0xffff_ffff, 4);
  assert.equal(clint.read(4, 4), 1);
  assert.deepEqual(software.map((line) => line.level), [false, true]);
  clint.write(4, 2, 4);
  assert.ok(!software[1].level);
  clint.write(8, 1, 4);
  assert.equal(clint.read(8, 4), 0, "no such CPU");
});

Deno.test("Clint raises the timer interrupt when mtime reaches mtimecmp, and lowers it when that moves on", () => {
  const { clint, clock, timer } = make();
  write64(clint, MTIMECMP + 8, 1000, 0);
  clock.advance(999);
  assert.deepEqual(timer.map((line) => line.level), [false, false]);
  clock.advance(1);
  assert.deepEqual(timer.map((line) => line.level), [false, true]);
  write64(clint, MTIMECMP + 8, 5000, 0);
  assert.ok(!timer[1].level);
  assert.equal(clock.deadlines.get("clint/mtimecmp1"), 5000);
});

Deno.test("Clint does not interrupt between the halves of a new mtimecmp when software writes as the manual says", () => {
  const { clint, clock, timer } = make();
  clock.advance(2 ** 33);
  clint.write(MTIMECMP, 0xffff_ffff, 4);
  clint.write(MTIMECMP + 4, 3, 4);
  clint.write(MTIMECMP, 7, 4);
  assert.equal(timer[0].rises, 0);
  assert.deepEqual([clint.read(MTIMECMP, 4), clint.read(MTIMECMP + 4, 4)], [7, 3]);
});

Deno.test("Clint's mtime is the clock in two halves", () => {
  const { clint, clock } = make();
  clock.ticks = 3 * 2 ** 32 + 5.5;
  assert.deepEqual([clint.read(MTIME, 4), clint.read(MTIME + 4, 4)], [5, 3]);
});

Deno.test("Clint lets software set mtime, and timers follow", () => {
  const { clint, clock, timer } = make();
  clock.advance(100);
  write64(clint, MTIMECMP, 2000, 1);
  write64(clint, MTIME, 1000, 1);
  assert.deepEqual([clint.read(MTIME, 4), clint.read(MTIME + 4, 4)], [1000, 1]);
  assert.equal(clock.deadlines.get("clint/mtimecmp0"), 1100);
  clock.advance(1000);
  assert.ok(timer[0].level);
  write64(clint, MTIME, 0, 0);
  assert.ok(!timer[0].level);
});

Deno.test("Clint takes an mtimecmp of all ones for never", () => {
  const { clint, clock } = make();
  write64(clint, MTIMECMP, 1000, 0);
  write64(clint, MTIMECMP, 0xffff_ffff, 0xffff_ffff);
  assert.equal(clock.deadlines.size, 0);
});

Deno.test("Clint sets its timers again after a restore", () => {
  const { clint } = make();
  write64(clint, MTIMECMP, 1000, 0);
  clint.write(0, 1, 4);
  const other = make();
  Object.assign(other.clint.state, structuredClone(clint.state));
  other.clint.restored();
  assert.ok(other.software[0].level);
  other.clock.advance(1000);
  assert.ok(other.timer[0].level);
});

Deno.test("Clint's mtime, read in two halves, is of one moment although the clock goes on between them", () => {
  const { clint, clock } = make();
  clock.ticks = 2 ** 32 - 1;
  assert.equal(clint.read(MTIME, 4), 0xffff_ffff);
  clock.ticks++;
  assert.deepEqual([clint.read(MTIME + 4, 4), clint.read(MTIME + 4, 4)], [0, 1]);
});
