/** What remote fences do to the MMUs of the harts that they reach. @module */
import assert from "node:assert/strict";
import { FakeVm } from "./firmware_fixture.ts";

const RFENCE = 0x52464e43;
const SFENCE = 1, SFENCE_ASID = 2;

/** Everything, of all address spaces or of one. */
const WHOLE = ["hfenceVvma", 0, 0, false, 0, false];

function page(va: bigint, asid?: number): unknown[] {
  const [low, high] = [Number(BigInt.asIntN(32, va)), Number(BigInt.asIntN(32, va >> 32n))];
  return ["hfenceVvma", low, high, true, asid ?? 0, asid !== undefined];
}

function fenced(vm: FakeVm): unknown[][][] {
  return vm.harts.map((_, cpu) => vm.mmuCalls(cpu));
}

Deno.test("RFNC reaches the harts of the mask, the caller included, and passes stopped ones by", () => {
  const vm = new FakeVm();
  vm.call(RFENCE, SFENCE, 0b101, 0, 0, 0);
  assert.deepEqual(fenced(vm), [[WHOLE], [], [WHOLE]]);
  vm.statuses[2] = "stopped";
  vm.statuses[1] = "suspended";
  vm.call(RFENCE, SFENCE, 0, -1, 0, 0);
  assert.deepEqual(fenced(vm), [[WHOLE], [WHOLE], []]);
  vm.call(RFENCE, SFENCE, 0b1001, 0, 0, 0);
  assert.deepEqual(fenced(vm), [[], [], []], "an invalid mask fences nothing");
});

Deno.test("RFNC fences each page that a range touches", () => {
  const vm = new FakeVm(1);
  const ranges: [bigint, bigint, bigint[]][] = [
    [0x1000n, 0x1000n, [0x1000n]],
    [0x1001n, 0x1000n, [0x1000n, 0x2000n]],
    [0x1fffn, 1n, [0x1000n]],
    [0x1fffn, 2n, [0x1000n, 0x2000n]],
    [0xffff_f800n, 0x1000n, [0xffff_f000n, 0x1_0000_0000n]],
    [0xffff_ffff_ffff_f000n, 0x1000n, [0xffff_ffff_ffff_f000n]],
    [0xffff_ffd8_0000_0000n, 0x2000n, [0xffff_ffd8_0000_0000n, 0xffff_ffd8_0000_1000n]],
  ];
  for (const [start, size, pages] of ranges) {
    assert.equal(vm.call(RFENCE, SFENCE, 1, 0, start, size).error, 0);
    assert.deepEqual(fenced(vm), [pages.map((va) => page(va))]);
    assert.equal(vm.call(RFENCE, SFENCE_ASID, 1, 0, start, size, 0x7_0042).error, 0);
    assert.deepEqual(fenced(vm), [pages.map((va) => page(va, 0x42))]);
  }
});

Deno.test("RFNC fences everything for an empty or endless range, and for one of many pages", () => {
  const vm = new FakeVm(1);
  const ranges: [bigint, bigint][] = [
    [0n, 0n],
    [0x5000n, 0n],
    [0x5000n, 2n ** 64n - 1n],
    [0n, 65n * 4096n],
    [4095n, 64n * 4096n],
    [0n, 1n << 62n],
  ];
  for (const [start, size] of ranges) {
    vm.call(RFENCE, SFENCE, 1, 0, start, size);
    assert.deepEqual(fenced(vm), [[WHOLE]], `${start} ${size}`);
    vm.call(RFENCE, SFENCE_ASID, 1, 0, start, size, 9);
    assert.deepEqual(fenced(vm), [[["hfenceVvma", 0, 0, false, 9, true]]]);
  }
  vm.call(RFENCE, SFENCE, 1, 0, 0, 64 * 4096);
  assert.equal(fenced(vm)[0].length, 64);
});

Deno.test("RFNC refuses a range that wraps without fencing anything", () => {
  const vm = new FakeVm(1);
  const ranges: [bigint, bigint][] = [
    [-4096n, 4097n],
    [-4096n, 1n << 32n | 4096n],
    [-4096n, 0xffff_ffffn],
    [0x5000n, 2n ** 64n - 4096n],
    [-1n, 2n],
    [1n, 2n ** 64n - 2n],
    [1n << 63n, 1n << 63n | 1n],
  ];
  for (const [start, size] of ranges) {
    const { error } = vm.call(RFENCE, SFENCE, 1, 0, start, size);
    const wraps = BigInt.asUintN(64, start) + size > 2n ** 64n;
    assert.equal(error, wraps ? -5 : 0, `${start} ${size}`);
    assert.equal(fenced(vm)[0].length, wraps ? 0 : 1);
  }
});
