/** The performance monitoring unit: matching, values, events, shared memory. @module */
import assert from "node:assert/strict";
import { readCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { countException } from "../../../../arch/riscv/sbi/pmu_state.ts";
import { SbiError } from "../../../../arch/riscv/sbi/sbi.ts";
import { FakeVm, RAM, RAM_SIZE, READ_ONLY } from "./firmware_fixture.ts";

const PMU = 0x504d55, TIME = 0x54494d45, IPI = 0x735049, RFENCE = 0x52464e43;
const GET_INFO = 1, CONFIG = 2, START = 3, STOP = 4, READ = 5, READ_HI = 6, SET_SHMEM = 7, EVENT_INFO = 8;
const SKIP_MATCH = 1, CLEAR = 2, AUTO_START = 4, SET_INIT = 1, INIT_SNAPSHOT = 2, RESET = 1, TAKE_SNAPSHOT = 2;
const CYCLES = 1, INSTRUCTIONS = 2, FIRMWARE = 0xf0000, SET_TIMER = FIRMWARE | 5;
const ALL = 0x3ffff, COUNTERS = 18;

const { SUCCESS, NOT_SUPPORTED, INVALID_PARAM, INVALID_ADDRESS, ALREADY_STARTED, ALREADY_STOPPED, NO_SHMEM, FAILED } =
  SbiError;

function errorOf(vm: FakeVm, fid: number, ...args: (number | bigint)[]): number {
  return vm.call(PMU, fid, ...args).error;
}

/** Configures a counter for an event; its index. */
function configure(vm: FakeVm, event: number, flags = 0, cpu = 0): number {
  const { error, value } = vm.callFrom(cpu, PMU, CONFIG, 0, ALL, flags, event, 0);
  assert.equal(error, SUCCESS);
  return Number(value);
}

function read(vm: FakeVm, counter: number, cpu = 0): bigint {
  const { error, value } = vm.callFrom(cpu, PMU, READ, counter);
  assert.equal(error, SUCCESS);
  return BigInt.asUintN(64, value);
}

/** Lets time pass on a hart: so many steps. */
function step(vm: FakeVm, steps: bigint): void {
  const { state } = vm.harts[0];
  state.set64(FIELD.steps, state.get64(FIELD.steps) + steps);
}

Deno.test("PMU tells its counters: cycle and instret at their places, firmware counters at all others", () => {
  const vm = new FakeVm();
  assert.deepEqual(vm.call(PMU, 0), { error: 0, value: BigInt(COUNTERS), exit: undefined });
  for (let index = 0; index < COUNTERS; index++) {
    const { error, value } = vm.call(PMU, GET_INFO, index);
    assert.equal(error, SUCCESS);
    assert.equal(value, index === 0 ? 0x3fc00n : index === 2 ? 0x3fc02n : -(1n << 63n), `counter ${index}`);
  }
  for (const index of [COUNTERS, -1, 1n << 32n]) assert.equal(errorOf(vm, GET_INFO, index), INVALID_PARAM);
});

Deno.test("PMU config_matching finds the counter that can count an event, and none for other events", () => {
  const vm = new FakeVm();
  assert.equal(configure(vm, CYCLES), 0);
  assert.equal(configure(vm, INSTRUCTIONS), 2);
  assert.equal(configure(vm, SET_TIMER), 1);
  assert.equal(configure(vm, FIRMWARE | 13), 3);
  const none = [
    0,
    3,
    10,
    0x10000,
    0x20000,
    0x30000,
    FIRMWARE | 14,
    FIRMWARE | 256,
    FIRMWARE | 0xffff,
    1 << 20 | CYCLES,
  ];
  for (const event of none) assert.equal(errorOf(vm, CONFIG, 0, ALL, 0, event, 0), NOT_SUPPORTED, event.toString(16));
  assert.equal(errorOf(vm, CONFIG, 0, ALL, 0, CYCLES, 1), NOT_SUPPORTED, "data for an event that takes none");
  assert.equal(errorOf(vm, CONFIG, 0, ALL, 0, CYCLES, 1n << 63n), NOT_SUPPORTED);
  assert.equal(errorOf(vm, CONFIG, 0, ALL, 0, 1n << 32n | 1n, 0), NOT_SUPPORTED);
  assert.equal(errorOf(vm, CONFIG, 1, 1, 0, CYCLES, 0), NOT_SUPPORTED, "not in the set");
  assert.equal(errorOf(vm, CONFIG, 0, 0, 0, CYCLES, 0), NOT_SUPPORTED, "an empty set");
  assert.deepEqual(vm.call(PMU, CONFIG, 5, 0b110, 0, SET_TIMER, 0), { error: 0, value: 6n, exit: undefined });
});

Deno.test("PMU refuses sets with counters that do not exist, and flags that are not defined", () => {
  const vm = new FakeVm();
  configure(vm, CYCLES);
  const sets: [number | bigint, number | bigint][] = [[0, ALL + 1], [18, 1], [17, 2], [-1, 1], [0, 1n << 63n], [
    1n << 40n,
    1,
  ]];
  for (const fid of [CONFIG, START, STOP]) {
    for (const [base, mask] of sets) assert.equal(errorOf(vm, fid, base, mask, 0, CYCLES, 0), INVALID_PARAM);
    assert.equal(errorOf(vm, fid, 0, 1, 1n << 32n, CYCLES, 0), INVALID_PARAM);
    assert.equal(errorOf(vm, fid, 0, 1, 1n << 63n, CYCLES, 0), INVALID_PARAM);
  }
  assert.equal(errorOf(vm, CONFIG, 0, 1, 0x100, CYCLES, 0), INVALID_PARAM);
  assert.equal(errorOf(vm, CONFIG, 0, 1, 0xf8, CYCLES, 0), SUCCESS, "the hints which modes to count in");
  for (const flags of [SET_INIT | INIT_SNAPSHOT, 4, -1]) {
    assert.equal(errorOf(vm, START, 0, 1, flags, 0), INVALID_PARAM);
  }
  assert.equal(errorOf(vm, STOP, 0, 1, 4), INVALID_PARAM);
});

Deno.test("PMU firmware counters count from start to stop, and keep their value between", () => {
  const vm = new FakeVm();
  vm.call(TIME, 0, 1);
  const counter = configure(vm, SET_TIMER);
  vm.call(TIME, 0, 1);
  assert.equal(read(vm, counter), 0n, "not started");
  assert.equal(errorOf(vm, START, counter, 1, 0, 77), SUCCESS);
  vm.call(TIME, 0, 1);
  vm.call(0, 0, 1);
  assert.equal(read(vm, counter), 2n);
  assert.equal(errorOf(vm, START, counter, 1, 0, 0), ALREADY_STARTED);
  assert.equal(errorOf(vm, STOP, counter, 1, 0), SUCCESS);
  vm.call(TIME, 0, 1);
  assert.equal(read(vm, counter), 2n);
  assert.equal(errorOf(vm, STOP, counter, 1, 0), ALREADY_STOPPED);
  assert.equal(errorOf(vm, CONFIG, counter, 1, SKIP_MATCH, SET_TIMER, 0), SUCCESS);
  assert.equal(read(vm, counter), 2n, "configured without CLEAR_VALUE");
  assert.equal(errorOf(vm, START, counter, 1, SET_INIT, -1), SUCCESS);
  vm.call(TIME, 0, 1);
  vm.call(TIME, 0, 1);
  assert.equal(read(vm, counter), 1n, "64 bits, then around");
  vm.callFrom(1, TIME, 0, 1);
  assert.equal(read(vm, counter), 1n, "another hart's event");
});

Deno.test("PMU counts what firmware does, at both ends of a request", () => {
  const vm = new FakeVm();
  const pairs: [event: number, eid: number, fid: number][] = [[6, IPI, 0], [8, RFENCE, 0], [10, RFENCE, 1], [
    12,
    RFENCE,
    2,
  ]];
  for (const [event, eid, fid] of pairs) {
    const sent = configure(vm, FIRMWARE | event, AUTO_START, 1);
    const received = [0, 1, 2].map((cpu) => configure(vm, FIRMWARE | event + 1, AUTO_START, cpu));
    vm.callFrom(1, eid, fid, 0b111, 0, 0, 0, 0);
    vm.callFrom(1, eid, fid, 0b10, 0, 0, 0, 0);
    assert.equal(read(vm, sent, 1), 2n, `event ${event}`);
    assert.deepEqual(received.map((counter, cpu) => read(vm, counter, cpu)), [1n, 0n, 1n], `event ${event + 1}`);
  }
});

Deno.test("countException counts the exceptions that reach the hypervisor", () => {
  const vm = new FakeVm();
  for (const [event, cause] of [[0, 4], [1, 6], [2, 5], [3, 7], [4, 2]]) {
    const counter = configure(vm, FIRMWARE | event, AUTO_START);
    countException(vm.firmware, 0, cause);
    countException(vm.firmware, 0, 13);
    assert.equal(read(vm, counter), 1n);
  }
});

Deno.test("PMU leaves cycle and instret running until they are configured, and again after a reset of the counter", () => {
  const vm = new FakeVm();
  for (const [event, counter, csr] of [[CYCLES, 0, 0xb00], [INSTRUCTIONS, 2, 0xb02]]) {
    const value = () => readCsr64(vm.harts[0], csr);
    const before = value();
    step(vm, 10n);
    assert.equal(value(), before + 10n);
    configure(vm, event, CLEAR);
    step(vm, 10n);
    assert.equal(value(), 0n);
    assert.equal(errorOf(vm, START, counter, 1, SET_INIT, 1n << 40n), SUCCESS);
    step(vm, 5n);
    assert.equal(value(), (1n << 40n) + 5n);
    assert.equal(errorOf(vm, START, counter, 1, 0, 0), ALREADY_STARTED);
    assert.equal(errorOf(vm, CONFIG, 0, ALL, 0, event, 0), NOT_SUPPORTED, "its counter is started");
    assert.equal(errorOf(vm, STOP, counter, 1, 0), SUCCESS);
    step(vm, 5n);
    assert.equal(value(), (1n << 40n) + 5n);
    assert.equal(errorOf(vm, STOP, counter, 1, RESET), ALREADY_STOPPED);
    step(vm, 5n);
    assert.equal(value(), (1n << 40n) + 10n);
    configure(vm, event, CLEAR | AUTO_START);
    step(vm, 3n);
    assert.equal(value(), 3n);
    vm.call(PMU, STOP, counter, 1, RESET);
  }
});

Deno.test("PMU SKIP_MATCH takes the first counter of the set, started or not", () => {
  const vm = new FakeVm();
  assert.equal(vm.call(PMU, CONFIG, 0, 1, SKIP_MATCH, CYCLES, 0).value, 0n);
  configure(vm, SET_TIMER, AUTO_START);
  vm.call(TIME, 0, 1);
  assert.equal(read(vm, 1), 1n);
  assert.equal(vm.call(PMU, CONFIG, 1, ALL >> 1, SKIP_MATCH | CLEAR, SET_TIMER, 0).value, 1n);
  assert.equal(read(vm, 1), 0n);
  assert.equal(errorOf(vm, CONFIG, 0, 0b11, SKIP_MATCH, SET_TIMER, 0), NOT_SUPPORTED, "cycle cannot count it");
});

Deno.test("PMU takes free counters first, then stopped ones, never started ones", () => {
  const vm = new FakeVm();
  const taken = Array.from({ length: COUNTERS - 2 }, () => configure(vm, SET_TIMER));
  assert.equal(new Set(taken).size, COUNTERS - 2);
  assert.equal(configure(vm, FIRMWARE | 6), 1, "all are configured, none is started");
  for (const counter of taken) assert.equal(errorOf(vm, START, counter, 1, 0, 0), SUCCESS);
  assert.equal(errorOf(vm, CONFIG, 0, ALL, 0, SET_TIMER, 0), NOT_SUPPORTED);
  assert.equal(errorOf(vm, STOP, 7, 1, RESET), SUCCESS);
  assert.equal(configure(vm, SET_TIMER), 7);
});

Deno.test("PMU starts and stops sets, and tells of members that were so already", () => {
  const vm = new FakeVm();
  const first = configure(vm, SET_TIMER, AUTO_START);
  const second = configure(vm, SET_TIMER);
  assert.deepEqual([first, second], [1, 3]);
  assert.equal(errorOf(vm, START, 1, 0b101, 0, 0), ALREADY_STARTED);
  vm.call(TIME, 0, 1);
  assert.deepEqual([read(vm, first), read(vm, second)], [1n, 1n]);
  assert.equal(errorOf(vm, START, 0, 0b10000, 0, 0), INVALID_PARAM, "counter 4 counts nothing");
  assert.equal(errorOf(vm, STOP, 0, 0b1010, 0), SUCCESS);
  assert.equal(errorOf(vm, STOP, 0, 0b1010, RESET), ALREADY_STOPPED);
  assert.equal(errorOf(vm, START, 1, 1, 0, 0), INVALID_PARAM, "it counts nothing any more");
  assert.equal(errorOf(vm, STOP, 0, ALL, RESET), ALREADY_STOPPED, "how Linux begins");
});

Deno.test("PMU fw_read and fw_read_hi refuse hardware counters and those that do not exist", () => {
  const vm = new FakeVm();
  for (const fid of [READ, READ_HI]) {
    for (const index of [0, 2, COUNTERS, -1]) assert.equal(errorOf(vm, fid, index), INVALID_PARAM);
    assert.deepEqual(vm.call(PMU, fid, 1), { error: SUCCESS, value: 0n, exit: undefined });
  }
  configure(vm, SET_TIMER);
  vm.call(PMU, START, 1, 1, SET_INIT, -1);
  assert.equal(vm.call(PMU, READ_HI, 1).value, 0n);
});

Deno.test("PMU snapshot memory: which addresses it takes", () => {
  const vm = new FakeVm();
  const rows: [number | bigint, number | bigint, number | bigint, number][] = [
    [RAM, 0, 0, SUCCESS],
    [RAM, 0, 1, INVALID_PARAM],
    [RAM, 0, 1n << 32n, INVALID_PARAM],
    [RAM + 8, 0, 0, INVALID_PARAM],
    [0, 0, 0, INVALID_ADDRESS],
    [RAM, 1, 0, INVALID_ADDRESS],
    [READ_ONLY, 0, 0, INVALID_ADDRESS],
    [RAM + RAM_SIZE, 0, 0, INVALID_ADDRESS],
    [-4096, -1, 0, INVALID_ADDRESS],
    [-1, -1, 0, SUCCESS],
  ];
  for (const [low, high, flags, error] of rows) {
    assert.equal(errorOf(vm, SET_SHMEM, low, high, flags), error, `${low} ${high} ${flags}`);
  }
});

Deno.test("PMU takes and initialises snapshots relative to the base of the set", () => {
  const vm = new FakeVm();
  configure(vm, SET_TIMER);
  configure(vm, SET_TIMER);
  assert.equal(errorOf(vm, START, 1, 1, INIT_SNAPSHOT), NO_SHMEM);
  assert.equal(errorOf(vm, STOP, 1, 1, TAKE_SNAPSHOT), NO_SHMEM);
  const shared = RAM + 4096;
  assert.equal(errorOf(vm, SET_SHMEM, shared, 0, 0), SUCCESS);
  assert.equal(vm.callFrom(1, PMU, STOP, 1, 1, TAKE_SNAPSHOT).error, NO_SHMEM, "it is the calling hart's");
  vm.poke64(shared, 0xffn);
  vm.poke64(shared + 8, 1000n);
  vm.poke64(shared + 16, 1n << 63n);
  vm.poke64(shared + 24, 5000n);
  assert.equal(errorOf(vm, START, 1, 0b101, INIT_SNAPSHOT, 9), SUCCESS);
  vm.call(TIME, 0, 1);
  assert.deepEqual([read(vm, 1), read(vm, 3)], [1001n, 5001n]);
  assert.equal(errorOf(vm, STOP, 1, 0b101, TAKE_SNAPSHOT), SUCCESS);
  const words = [0, 8, 16, 24].map((offset) => vm.peek64(shared + offset));
  assert.deepEqual(words, [0n, 1001n, 1n << 63n, 5001n]);
  assert.equal(errorOf(vm, STOP, 3, 1, TAKE_SNAPSHOT), ALREADY_STOPPED);
  assert.equal(vm.peek64(shared + 8), 5001n);
  configure(vm, INSTRUCTIONS, CLEAR | AUTO_START);
  step(vm, 9n);
  assert.equal(errorOf(vm, STOP, 1, 0b11, TAKE_SNAPSHOT), ALREADY_STOPPED);
  assert.deepEqual([vm.peek64(shared + 8), vm.peek64(shared + 16)], [1001n, 9n]);
  vm.call(PMU, SET_SHMEM, -1, -1, 0);
  assert.equal(errorOf(vm, STOP, 1, 1, TAKE_SNAPSHOT), NO_SHMEM);
});

Deno.test("PMU event_get_info answers for each entry, and for none if one is wrong", () => {
  const vm = new FakeVm();
  const put = (...entries: [event: number, data: bigint][]) =>
    entries.forEach(([event, data], i) => {
      vm.poke64(RAM + i * 16, 0xaaaaaaaa_00000000n | BigInt(event >>> 0));
      vm.poke64(RAM + i * 16 + 8, data);
    });
  const outputs = (count: number) => Array.from({ length: count }, (_, i) => Number(vm.peek64(RAM + i * 16) >> 32n));
  put([CYCLES, 5n], [INSTRUCTIONS, 0n], [3, 0n], [SET_TIMER, 0n], [SET_TIMER, 1n], [FIRMWARE | 14, 0n], [0x20000, 0n]);
  assert.equal(errorOf(vm, EVENT_INFO, RAM, 0, 7, 0), SUCCESS);
  assert.deepEqual(outputs(7), [1, 1, 0, 1, 0, 0, 0]);
  put([CYCLES, 0n], [1 << 20 | CYCLES, 0n]);
  assert.equal(errorOf(vm, EVENT_INFO, RAM, 0, 2, 0), INVALID_PARAM);
  assert.deepEqual(outputs(2), [0xaaaaaaaa, 0xaaaaaaaa]);
  const rows: [number | bigint, number | bigint, number | bigint, number | bigint, number][] = [
    [RAM, 0, 0, 0, SUCCESS],
    [RAM, 0, 1, 1, INVALID_PARAM],
    [RAM + 8, 0, 1, 0, INVALID_PARAM],
    [RAM, 1, 1, 0, INVALID_ADDRESS],
    [0, 0, 1, 0, INVALID_ADDRESS],
    [READ_ONLY, 0, 1, 0, INVALID_ADDRESS],
    [RAM, 0, RAM_SIZE / 16 + 1, 0, INVALID_ADDRESS],
    [RAM, 0, 65536, 0, INVALID_ADDRESS],
    [RAM, 0, 65537, 0, FAILED],
    [RAM, 0, -1, 0, FAILED],
  ];
  for (const [low, high, count, flags, error] of rows) {
    assert.equal(errorOf(vm, EVENT_INFO, low, high, count, flags), error, `${low} ${high} ${count} ${flags}`);
  }
});

Deno.test("PMU state survives a snapshot and is forgotten when its hart starts anew", () => {
  const vm = new FakeVm();
  const counter = configure(vm, SET_TIMER, AUTO_START);
  vm.call(TIME, 0, 1);
  const other = new FakeVm();
  other.firmware.restore(vm.firmware.save());
  other.call(TIME, 0, 1);
  assert.equal(read(other, counter), 2n);
  assert.equal(read(vm, counter), 1n);
  other.firmware.hartReset(0);
  assert.equal(read(other, counter), 0n);
  assert.equal(other.call(PMU, START, counter, 1, 0, 0).error, INVALID_PARAM);
});
