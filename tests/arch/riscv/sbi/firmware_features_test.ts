/** Firmware features: which there are, what they switch, locks. @module */
import assert from "node:assert/strict";
import { SbiError } from "../../../../arch/riscv/sbi/sbi.ts";
import { FakeVm } from "./firmware_fixture.ts";

const FWFT = 0x46574654;
const SET = 0, GET = 1, LOCK = 1;
const MISALIGNED = 0, HARDWARE_UPDATING = 4;
const { SUCCESS, NOT_SUPPORTED, INVALID_PARAM, DENIED, DENIED_LOCKED } = SbiError;

Deno.test("FWFT: features without hardware are not supported, reserved and platform's ones are denied", () => {
  const vm = new FakeVm();
  const rows: [feature: number, error: number][] = [
    ...[1, 2, 3, 5].map((feature): [number, number] => [feature, NOT_SUPPORTED]),
    ...[6, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xbfffffff, 0xc0000000, 0xffffffff].map(
      (feature): [number, number] => [feature, DENIED],
    ),
  ];
  for (const [feature, error] of rows) {
    assert.equal(vm.call(FWFT, SET, feature, 1, 0).error, error, `set ${feature.toString(16)}`);
    assert.deepEqual(vm.call(FWFT, GET, feature), { error, value: 0n, exit: undefined });
  }
});

for (const feature of [MISALIGNED, HARDWARE_UPDATING]) {
  const reset = feature === MISALIGNED ? 1n : 0n;

  Deno.test(`FWFT feature ${feature} is set and got on the calling hart alone, whatever its number's upper bits`, () => {
    const vm = new FakeVm();
    assert.deepEqual(vm.callFrom(1, FWFT, GET, feature), { error: SUCCESS, value: reset, exit: undefined });
    for (const value of [1n, 0n, 0n, 1n]) {
      assert.equal(vm.callFrom(1, FWFT, SET, 1n << 32n | BigInt(feature), value, 0).error, SUCCESS);
      assert.equal(vm.callFrom(1, FWFT, GET, feature).value, value);
      assert.equal(vm.callFrom(0, FWFT, GET, feature).value, reset);
    }
  });

  Deno.test(`FWFT feature ${feature} refuses values other than 0 and 1, and flags other than LOCK`, () => {
    const vm = new FakeVm();
    for (const value of [2, 0xffffffff, -1, 1n << 32n, 1n << 32n | 1n]) {
      assert.equal(vm.call(FWFT, SET, feature, value, 0).error, INVALID_PARAM);
    }
    for (const flags of [2, 3, -1, 1n << 32n, 1n << 63n]) {
      assert.equal(vm.call(FWFT, SET, feature, 1n - reset, flags).error, INVALID_PARAM);
    }
    assert.equal(vm.call(FWFT, GET, feature).value, reset);
  });

  Deno.test(`FWFT feature ${feature}: a lock holds every value of this hart and feature until the hart starts anew`, () => {
    const vm = new FakeVm();
    const other = feature === MISALIGNED ? HARDWARE_UPDATING : MISALIGNED;
    assert.equal(vm.call(FWFT, SET, feature, 1n - reset, LOCK).error, SUCCESS);
    for (const value of [0, 1]) {
      for (const flags of [0, LOCK]) assert.equal(vm.call(FWFT, SET, feature, value, flags).error, DENIED_LOCKED);
    }
    assert.equal(vm.call(FWFT, GET, feature).value, 1n - reset);
    assert.equal(vm.call(FWFT, SET, other, 1, 0).error, SUCCESS);
    assert.equal(vm.callFrom(1, FWFT, SET, feature, 1, 0).error, SUCCESS);
    const saved = vm.firmware.save();
    vm.firmware.hartReset(0);
    assert.equal(vm.call(FWFT, SET, feature, 1, 0).error, SUCCESS);
    vm.firmware.restore(saved);
    assert.equal(vm.call(FWFT, SET, feature, 1, 0).error, DENIED_LOCKED);
  });
}

Deno.test("FWFT PTE_AD_HW_UPDATING is henvcfg.ADUE and tells the MMU", () => {
  const vm = new FakeVm();
  vm.setField(0, "henvcfg", 0xc000_0000_0000_00f0n);
  vm.mmuCalls(0);
  vm.call(FWFT, SET, HARDWARE_UPDATING, 1, 0);
  assert.equal(vm.field(0, "henvcfg"), 0xe000_0000_0000_00f0n);
  assert.deepEqual(vm.mmuCalls(0), [["translationChanged"]]);
  vm.call(FWFT, SET, HARDWARE_UPDATING, 0, 0);
  assert.equal(vm.field(0, "henvcfg"), 0xc000_0000_0000_00f0n);
  assert.deepEqual(vm.mmuCalls(0), [["translationChanged"]]);
});

Deno.test("FWFT MISALIGNED_EXC_DELEG is bits 4 and 6 of hedeleg", () => {
  const vm = new FakeVm();
  vm.call(FWFT, SET, MISALIGNED, 0, 0);
  assert.equal(vm.field(0, "hedeleg"), 0xb1afn);
  vm.call(FWFT, SET, MISALIGNED, 1, 0);
  assert.equal(vm.field(0, "hedeleg"), 0xb1ffn);
});
