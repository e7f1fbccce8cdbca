/** Tests of the interrupt controller: priorities, thresholds, claim and complete, gateways. @module */
import assert from "node:assert/strict";
import { Plic } from "../../devices/plic.ts";
import { deviceContract } from "../contract/device.ts";
import { FakeLine } from "../contract/plugin_context.ts";

const PENDING = 0x1000;

/** Offsets of a context's enable word, threshold and claim register. */
function context(number: number): { enable: number; threshold: number; claim: number } {
  const registers = 0x20_0000 + number * 0x1000;
  return { enable: 0x2000 + number * 0x80, threshold: registers, claim: registers + 4 };
}

const S = context(1);

deviceContract({
  name: "Plic",
  size: 0x60_0000,
  offsets: [4, 8, 40, 44, 0x1000, 0x2000, 0x2080, 0x2084, 0x20_0000, 0x20_0004, 0x20_1000, 0x20_1004, 0x20_2004],
  create: (world) => new Plic([world.lines[0], world.lines[1], undefined, world.lines[3]]),
  prepare(plic) {
    for (const source of [1, 2, 10, 11]) {
      plic.write(4 * source, 1 + source % 7, 4);
      plic.irqController?.setIrq(source, true);
    }
    for (const c of [0, 1, 2, 3]) plic.write(0x2000 + 0x80 * c, 0xfffe >> c, 4);
  },
});

function make(): { plic: Plic; machine: FakeLine; supervisor: FakeLine } {
  const machine = new FakeLine(), supervisor = new FakeLine();
  return { plic: new Plic([machine, supervisor, undefined, undefined]), machine, supervisor };
}

/** Gives sources a priority and enables them for context 1. */
function enable(plic: Plic, priorities: Record<number, number>): void {
  for (const [source, priority] of Object.entries(priorities)) {
    plic.write(4 * Number(source), priority, 4);
    const word = S.enable + 4 * (Number(source) >> 5);
    plic.write(word, (plic.read(word, 4) | (1 << (Number(source) & 31))) >>> 0, 4);
  }
}

Deno.test("Plic interrupts the context that enables the source, and no other", () => {
  const { plic, machine, supervisor } = make();
  enable(plic, { 10: 1 });
  plic.setIrq(10, true);
  assert.ok(supervisor.level);
  assert.ok(!machine.level);
  assert.equal(plic.read(PENDING, 4), 1 << 10);
  assert.equal(plic.read(S.claim, 4), 10);
  assert.ok(!supervisor.level, "claiming clears the request");
  assert.equal(plic.read(PENDING, 4), 0);
});

Deno.test("Plic claims the highest priority, then the lowest number", () => {
  const { plic } = make();
  enable(plic, { 3: 2, 5: 7, 7: 7, 40: 3, 96: 7 });
  for (const source of [96, 40, 7, 5, 3]) plic.setIrq(source, true);
  const order = Array.from({ length: 6 }, () => plic.read(S.claim, 4));
  assert.deepEqual(order, [5, 7, 96, 40, 3, 0]);
});

Deno.test("Plic holds a source back between claim and complete, and asks again while its wire is asserted", () => {
  const { plic, supervisor } = make();
  enable(plic, { 10: 1 });
  plic.setIrq(10, true);
  plic.read(S.claim, 4);
  plic.setIrq(10, false);
  plic.setIrq(10, true);
  assert.ok(!supervisor.level, "the gateway is shut");
  assert.equal(plic.read(S.claim, 4), 0);
  plic.write(S.claim, 10, 4);
  assert.ok(supervisor.level, "still asserted, so pending again");
  assert.equal(plic.read(S.claim, 4), 10);
  plic.setIrq(10, false);
  plic.write(S.claim, 10, 4);
  assert.ok(!supervisor.level);
  assert.equal(plic.read(S.claim, 4), 0);
});

Deno.test("Plic keeps a request whose wire fell before it was claimed", () => {
  const { plic } = make();
  enable(plic, { 10: 1 });
  plic.setIrq(10, true);
  plic.setIrq(10, false);
  assert.equal(plic.read(S.claim, 4), 10);
});

Deno.test("Plic ignores the completion of a source that the context does not enable", () => {
  const { plic } = make();
  enable(plic, { 10: 1 });
  plic.setIrq(10, true);
  plic.read(S.claim, 4);
  plic.write(context(0).claim, 10, 4);
  plic.write(S.claim, 11, 4);
  plic.write(S.claim, 0xffff_ffff, 4);
  assert.equal(plic.read(PENDING, 4), 0);
  plic.write(S.claim, 10, 4);
  assert.equal(plic.read(PENDING, 4), 1 << 10);
});

Deno.test("Plic masks by threshold and priority 0, but a claim sees past the threshold", () => {
  const { plic, supervisor } = make();
  enable(plic, { 4: 3, 6: 0 });
  plic.write(S.threshold, 3, 4);
  plic.setIrq(4, true);
  plic.setIrq(6, true);
  assert.ok(!supervisor.level);
  plic.write(S.threshold, 2, 4);
  assert.ok(supervisor.level);
  plic.write(S.threshold, 7, 4);
  assert.equal(plic.read(S.claim, 4), 4);
  assert.equal(plic.read(S.claim, 4), 0, "priority 0 never interrupts");
});

Deno.test("Plic keeps three bits of a priority and no bit of sources that do not exist", () => {
  const { plic } = make();
  plic.write(0, 5, 4);
  plic.write(4, 0xff, 4);
  plic.write(4 * 97, 5, 4);
  plic.write(S.enable, 0xffff_ffff, 4);
  plic.write(S.enable + 12, 0xffff_ffff, 4);
  plic.write(S.enable + 16, 0xffff_ffff, 4);
  plic.write(S.threshold, 0xf9, 4);
  assert.deepEqual(
    [0, 4, 4 * 97, S.enable, S.enable + 12, S.enable + 16, S.threshold].map((offset) => plic.read(offset, 4)),
    [0, 7, 0, 0xffff_fffe, 1, 0, 1],
  );
  plic.setIrq(0, true);
  plic.setIrq(97, true);
  assert.equal(plic.read(PENDING, 4), 0);
});

Deno.test("Plic keeps registers of a context without a CPU input, and drives nothing", () => {
  const { plic } = make();
  const absent = context(2);
  plic.write(4, 1, 4);
  plic.write(absent.enable, 2, 4);
  plic.setIrq(1, true);
  assert.equal(plic.read(absent.enable, 4), 2);
  assert.equal(plic.read(absent.claim, 4), 1);
  assert.equal(plic.read(context(4).claim, 4), 0);
});

Deno.test("Plic asserts its outputs again after a restore", () => {
  const { plic } = make();
  enable(plic, { 10: 1 });
  plic.setIrq(10, true);
  const line = new FakeLine();
  const other = new Plic([undefined, line, undefined, undefined]);
  Object.assign(other.state, structuredClone(plic.state));
  other.restored();
  assert.ok(line.level);
  assert.equal(other.read(S.claim, 4), 10);
});
