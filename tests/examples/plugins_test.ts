/** Tests of the example plugins: the contract of devices, and what each promises. @module */
import assert from "node:assert/strict";
import adder, { Adder } from "../../examples/plugins/adder.ts";
import countdown, { Countdown } from "../../examples/plugins/countdown.ts";
import dice from "../../examples/plugins/dice.ts";
import greet, { greetExtension } from "../../examples/plugins/greet_sbi.ts";
import { Hypervisor, riscv, type SbiCall, sbiExtension, type SbiMachine, virtBoard } from "../../mod.ts";
import { deviceContract } from "../contract/device.ts";
import { createGuest, runToEnd } from "../integration/guest.ts";
import { FakeClock, FakeLine, FakeMemory, FakePluginContext, setUp } from "../contract/plugin_context.ts";

const MS = 10_000;

deviceContract({
  name: "Countdown",
  size: 0x1000,
  offsets: [0, 4],
  create: (world) => new Countdown(world.irq, world.clock),
});

Deno.test("Countdown rings after as many milliseconds as COUNT says, and until STATUS is written", () => {
  const clock = new FakeClock();
  const irq = new FakeLine();
  const device = new Countdown(irq, clock);
  device.write(0, 3, 4);
  clock.advance(2 * MS);
  assert.equal(device.read(0, 4), 1);
  assert.ok(!irq.level);
  clock.advance(MS);
  assert.deepEqual([device.read(0, 4), device.read(4, 4), irq.level], [0, 1, true]);
  device.write(4, 1, 4);
  assert.deepEqual([device.read(4, 4), irq.level], [0, false]);
});

Deno.test("Countdown is stopped by a count of 0", () => {
  const clock = new FakeClock();
  const irq = new FakeLine();
  const device = new Countdown(irq, clock);
  device.write(0, 3, 4);
  device.write(0, 0, 4);
  clock.advance(10 * MS);
  assert.ok(!irq.level);
});

deviceContract({
  name: "the dice",
  size: 0x1000,
  offsets: [0],
  create: (world) => {
    const context = Object.assign(new FakePluginContext(), { vm: world.vm });
    void dice.setup(context);
    return context.spec("dice").create({ irq: world.irq });
  },
});

Deno.test("dice refuses a number of sides that no die has", () => {
  for (const sides of [1, 101, "six"]) {
    assert.throws(() => void dice.setup(new FakePluginContext({ sides })), /Option "sides" must be 2 to 100/);
  }
});

/** A machine that has memory and the extension's state, and nothing else. */
function call(state: object, memory: FakeMemory, args: number[]): SbiCall {
  const machine = {
    stateOf: () => state,
    writeGuest: (address: number, bytes: Uint8Array) => memory.write(address, bytes),
  } as unknown as SbiMachine;
  return { machine, number: (index: number) => args[index] } as unknown as SbiCall;
}

Deno.test("greetExtension counts its calls in state that a snapshot holds", () => {
  const { functions, createState } = greetExtension("hi");
  const state = createState!({} as SbiMachine);
  const memory = new FakeMemory();
  assert.equal(functions[0](call(state, memory, [])).low, 1);
  assert.equal(functions[0](call(structuredClone(state), memory, [])).low, 2);
});

Deno.test("greetExtension writes where the guest says, and nowhere else", () => {
  const { functions } = greetExtension("hi");
  const memory = new FakeMemory();
  assert.deepEqual(functions[1](call({}, memory, [memory.base, 0, 2])), { error: 0, low: 2 });
  assert.deepEqual([...memory.bytes.slice(0, 3)], [104, 105, 0]);
  assert.equal(functions[1](call({}, memory, [memory.base, 0, 1])).error, -3);
  assert.equal(functions[1](call({}, memory, [memory.base, 1, 2])).error, -3);
  assert.equal(functions[1](call({}, memory, [4096, 0, 2])).error, -5);
});

Deno.test("greet_sbi extends the architecture's point, and refuses a greeting that is no text", async () => {
  const context = await setUp(greet, new FakePluginContext());
  assert.equal(context.extensions[0].point, sbiExtension.name);
  assert.throws(() => void greet.setup(new FakePluginContext({ text: 1 })), /Option "text" must be a string/);
});

Deno.test("all example plugins fit beside the default board", async () => {
  await using hypervisor = new Hypervisor({ architectures: [riscv] });
  const image = new Uint8Array(4);
  const vm = await hypervisor.createVm({ kernel: { image }, plugins: [virtBoard, countdown, dice, greet] });
  assert.deepEqual(vm.devices.filter(({ base }) => base > 0x1000_8000).map(({ name }) => name), ["countdown", "dice"]);
});

deviceContract({
  name: "Adder",
  size: 0x1000,
  offsets: [0, 4, 8, 12],
  create: (world) => new Adder(world.irq, world.memory),
});

Deno.test("Adder says so if the guest names what is no RAM, and copies no more than it may", () => {
  const memory = new FakeMemory();
  memory.bytes.fill(1);
  const adder = new Adder(new FakeLine(), memory);
  const sum = (address: number, length: number): number => {
    adder.write(0, address, 4);
    adder.write(4, length, 4);
    adder.write(8, 1, 4);
    return adder.read(8, 4);
  };
  assert.deepEqual([sum(0x8000_0000, 5), sum(0, 5), sum(0x8000_0000, 0xffff_ffff)], [5, 0xffff_ffff, 65536]);
});

Deno.test("adder reads a guest's memory and wakes it through the PLIC", async () => {
  await using guest = await createGuest(
    `
      li s0,0x0c000034
      li t0,1
      sw t0,0(s0)
      li s0,0x0c002080
      li t1,0x2000
      sw t1,0(s0)
      li s2,0x0c201000
      sw zero,0(s2)
      li t2,512
      csrrs zero,sie,t2
      li s3,0x1000c000
      li t0,0x80300000
      li t1,0x01020304
      sw t1,0(t0)
      sw t0,0(s3)
      li t1,4
      sw t1,4(s3)
      sw zero,8(s3)
      wfi
      lw s4,4(s2)
      lw s5,8(s3)
      sw zero,12(s3)
      sw s4,4(s2)
      j shutdown
    `,
    { plugins: [adder] },
  );
  await runToEnd(guest);
  assert.deepEqual([guest.vm.vcpus[0].arch.getGpr(20), guest.vm.vcpus[0].arch.getGpr(21)], [13n, 10n]);
});
