/** Tests of the test finisher. @module */
import assert from "node:assert/strict";
import { TestFinisher } from "../../devices/test_finisher.ts";
import { deviceContract } from "../contract/device.ts";
import { FakeVm } from "../contract/plugin_context.ts";

deviceContract({
  name: "TestFinisher",
  size: 0x1000,
  offsets: [0, 4],
  create: (world) => new TestFinisher(world.vm),
});

Deno.test("TestFinisher powers off with success, with a failure's code, and never with success for a failure", () => {
  const vm = new FakeVm();
  const finisher = new TestFinisher(vm);
  finisher.write(0, 0x5555, 4);
  finisher.write(0, 0x0007_3333, 4);
  finisher.write(0, 0xffff_3333, 4);
  finisher.write(0, 0x3333, 2);
  assert.deepEqual(vm.powerOffs, [0, 7, 0xffff, 1]);
});

Deno.test("TestFinisher reboots", () => {
  const vm = new FakeVm();
  new TestFinisher(vm).write(0, 0x7777, 4);
  assert.equal(vm.reboots, 1);
});

Deno.test("TestFinisher ignores other values, offsets and single bytes", () => {
  const vm = new FakeVm();
  const finisher = new TestFinisher(vm);
  finisher.write(0, 0x1234, 4);
  finisher.write(4, 0x5555, 4);
  finisher.write(0, 0x55, 1);
  assert.deepEqual(vm.powerOffs, []);
  assert.equal(vm.reboots, 0);
});
