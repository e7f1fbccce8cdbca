/** Every function of the extensions without state, with good and bad arguments. @module */
import assert from "node:assert/strict";
import { SbiError } from "../../../../arch/riscv/sbi/sbi.ts";
import { type Answer, FakeVm, RAM, RAM_SIZE, READ_ONLY, UNTOUCHED } from "./firmware_fixture.ts";

const { SUCCESS, NOT_SUPPORTED, INVALID_PARAM, INVALID_ADDRESS, DENIED, ALREADY_AVAILABLE } = SbiError;
const BASE = 0x10, TIME = 0x54494d45, IPI = 0x735049, RFENCE = 0x52464e43, HSM = 0x48534d;
const SRST = 0x53525354, DBCN = 0x4442434e, SUSP = 0x53555350, HVC = 0x485643;
const VSSI = 2;
const ALL = -1;
const TOP = 1n << 63n;

type Exit = Answer["exit"];

/** One call and what it answers; `value` is left out where it must be 0, `exit` where there must be none. */
interface Row {
  readonly what: string;
  readonly call: readonly [eid: number, fid: number, ...args: (number | bigint)[]];
  readonly error?: number;
  readonly value?: number | bigint;
  readonly exit?: Exit;
  /** Statuses of the three harts; started unless said otherwise. */
  readonly statuses?: FakeVm["statuses"];
  /** a0 and a1 stay as they were. */
  readonly silent?: boolean;
}

function ipiTo(...targets: number[]): Exit {
  return { kind: "SendIPI", targets, vector: VSSI };
}

const HALT: Exit = { kind: "Halt", suspend: true };
const STARTED = ["started", "stopped", "suspended"] as const;
const ALONE: FakeVm["statuses"] = ["started", "stopped", "stopped"];

const ROWS: readonly Row[] = [
  { what: "version", call: [BASE, 0], value: 0x03000000 },
  { what: "implementation", call: [BASE, 1], value: 0x44656e6f },
  { what: "implementation's version", call: [BASE, 2], value: 0x100 },
  { what: "mvendorid", call: [BASE, 4] },
  { what: "marchid", call: [BASE, 5] },
  { what: "mimpid", call: [BASE, 6] },

  { what: "timer", call: [TIME, 0, 5], exit: { kind: "Nothing" } },

  { what: "IPI by mask", call: [IPI, 0, 0b101, 0], exit: ipiTo(0, 2) },
  { what: "IPI by mask and base", call: [IPI, 0, 0b11, 1], exit: ipiTo(1, 2) },
  { what: "IPI to all ignores the mask", call: [IPI, 0, 0x40, ALL], exit: ipiTo(0, 1, 2) },
  { what: "IPI passes stopped harts by", call: [IPI, 0, 0b111, 0], statuses: [...STARTED], exit: ipiTo(0, 2) },
  { what: "IPI to nobody", call: [IPI, 0, 0, 0], exit: ipiTo() },
  { what: "IPI to nobody from a base that does not exist", call: [IPI, 0, 0, 77], exit: ipiTo() },
  { what: "IPI beyond the last hart", call: [IPI, 0, 0b1000, 0], error: INVALID_PARAM },
  { what: "IPI beyond the last hart by its base", call: [IPI, 0, 1, 3], error: INVALID_PARAM },
  { what: "IPI with the top bit", call: [IPI, 0, TOP, 0], error: INVALID_PARAM },
  { what: "IPI from a huge base", call: [IPI, 0, 1, -2], error: INVALID_PARAM },

  { what: "FENCE.I", call: [RFENCE, 0, 0b111, 0] },
  { what: "FENCE.I on hart 3", call: [RFENCE, 0, 1, 3], error: INVALID_PARAM },
  { what: "SFENCE.VMA on hart 3", call: [RFENCE, 1, 1, 3, 0, 0], error: INVALID_PARAM },
  { what: "SFENCE.VMA of a range that wraps", call: [RFENCE, 1, 1, 0, -4096, 8192], error: INVALID_ADDRESS },
  { what: "SFENCE.VMA up to the last address", call: [RFENCE, 1, 1, 0, -4096, 4096] },
  { what: "SFENCE.VMA with ASID on hart 3", call: [RFENCE, 2, 8, 0, 0, 0, 1], error: INVALID_PARAM },
  { what: "HFENCE.GVMA with VMID", call: [RFENCE, 3, 1, 0, 0, 0, 0], error: NOT_SUPPORTED },
  { what: "HFENCE.GVMA", call: [RFENCE, 4, 1, 0, 0, 0], error: NOT_SUPPORTED },
  { what: "HFENCE.VVMA with ASID", call: [RFENCE, 5, 1, 0, 0, 0, 0], error: NOT_SUPPORTED },
  { what: "HFENCE.VVMA", call: [RFENCE, 6, 1, 0, 0, 0], error: NOT_SUPPORTED },

  {
    what: "start",
    call: [HSM, 0, 1, RAM + 0x200, 0x1_0000_0002n - TOP],
    statuses: [...STARTED],
    exit: { kind: "CpuUp", targetCpu: 1, entryPoint: RAM + 0x200, argLow: 2, argHigh: -0x7fffffff },
  },
  { what: "start of itself", call: [HSM, 0, 0, RAM, 0], error: ALREADY_AVAILABLE },
  { what: "start of a started hart", call: [HSM, 0, 2, RAM, 0], error: ALREADY_AVAILABLE },
  {
    what: "start of a suspended hart",
    call: [HSM, 0, 2, RAM, 0],
    statuses: [...STARTED],
    error: ALREADY_AVAILABLE,
  },
  { what: "start of hart 3", call: [HSM, 0, 3, RAM, 0], error: INVALID_PARAM },
  { what: "start of hart -1", call: [HSM, 0, -1, RAM, 0], error: INVALID_PARAM },
  { what: "start of hart 2^32", call: [HSM, 0, 1n << 32n, RAM, 0], error: INVALID_PARAM },
  ...[0, RAM - 2, RAM + 1, RAM + RAM_SIZE, RAM + RAM_SIZE - 1, -1, -2, TOP, 1n << 53n].map((address): Row => ({
    what: `start at ${address}`,
    call: [HSM, 0, 1, address, 0],
    statuses: [...STARTED],
    error: INVALID_ADDRESS,
  })),
  { what: "stop", call: [HSM, 1], exit: { kind: "CpuDown" }, silent: true },
  { what: "status of a started hart", call: [HSM, 2, 0], statuses: [...STARTED], value: 0 },
  { what: "status of a stopped hart", call: [HSM, 2, 1], statuses: [...STARTED], value: 1 },
  { what: "status of a suspended hart", call: [HSM, 2, 2], statuses: [...STARTED], value: 4 },
  { what: "status of hart 3", call: [HSM, 2, 3], error: INVALID_PARAM },
  { what: "status of hart -1", call: [HSM, 2, -1], error: INVALID_PARAM },
  { what: "retentive suspend", call: [HSM, 3, 0, -1, 0], exit: HALT },
  { what: "retentive suspend with upper bits", call: [HSM, 3, TOP, 0, 0], exit: HALT },
  ...[1, 0x0fffffff, 0x10000000, 0x7fffffff, 0x80000001, 0x90000000, 0xffffffff].map((type): Row => ({
    what: `suspend type ${type}`,
    call: [HSM, 3, type, RAM, 0],
    error: INVALID_PARAM,
  })),
  { what: "non-retentive suspend to nowhere", call: [HSM, 3, 0x80000000, 4096, 0], error: INVALID_ADDRESS },
  { what: "non-retentive suspend to an odd address", call: [HSM, 3, 0x80000000, RAM + 3, 0], error: INVALID_ADDRESS },

  { what: "system suspend with others awake", call: [SUSP, 0, 0, RAM, 0], error: DENIED },
  {
    what: "system suspend with another one suspended",
    call: [SUSP, 0, 0, RAM, 0],
    statuses: [...STARTED],
    error: DENIED,
  },
  { what: "system suspend to nowhere", call: [SUSP, 0, 0, 0, 0], statuses: ALONE, error: INVALID_ADDRESS },
  { what: "system suspend, reserved", call: [SUSP, 0, 1, RAM, 0], statuses: ALONE, error: INVALID_PARAM },
  { what: "system suspend, platform", call: [SUSP, 0, 0x80000000, RAM, 0], statuses: ALONE, error: INVALID_PARAM },

  ...([["shutdown", 0], ["reboot", 1], ["reboot", 2]] as const).flatMap(([action, type]): Row[] =>
    [0, 1].map((code) => ({
      what: `reset type ${type}, reason ${code}`,
      call: [SRST, 0, type, code],
      exit: { kind: "SystemDown", action, code },
      silent: true,
    }))
  ),
  {
    what: "reset with upper bits",
    call: [SRST, 0, TOP, 1n << 32n],
    exit: { kind: "SystemDown", action: "shutdown", code: 0 },
    silent: true,
  },
  { what: "reserved reset", call: [SRST, 0, 3, 0], error: INVALID_PARAM },
  { what: "vendor's reset", call: [SRST, 0, 0xf0000000, 0], error: INVALID_PARAM },
  { what: "reserved reason", call: [SRST, 0, 0, 2], error: INVALID_PARAM },
  { what: "vendor's reason", call: [SRST, 0, 0, 0xe0000000], error: INVALID_PARAM },

  { what: "write nothing to nowhere", call: [DBCN, 0, 0, 0, 0] },
  { what: "write", call: [DBCN, 0, 10, RAM, 0], value: 10 },
  { what: "write from the last byte", call: [DBCN, 0, 1, RAM + RAM_SIZE - 1, 0], value: 1 },
  { what: "write more than one call moves", call: [DBCN, 0, RAM_SIZE, RAM, 0], value: 65536 },
  { what: "write beyond the end", call: [DBCN, 0, 2, RAM + RAM_SIZE - 1, 0], error: INVALID_PARAM },
  { what: "write a long way beyond the end", call: [DBCN, 0, RAM_SIZE + 1, RAM, 0], error: INVALID_PARAM },
  { what: "write everything there is", call: [DBCN, 0, -1, RAM, 0], error: INVALID_PARAM },
  { what: "write from nowhere", call: [DBCN, 0, 1, 0, 0], error: INVALID_PARAM },
  { what: "write from above", call: [DBCN, 0, 1, RAM, 1], error: INVALID_PARAM },
  { what: "write from far above", call: [DBCN, 0, 1, RAM, TOP], error: INVALID_PARAM },
  { what: "read nothing to nowhere", call: [DBCN, 1, 0, 0, 0] },
  { what: "read when there is nothing", call: [DBCN, 1, 10, RAM, 0] },
  { what: "read to nowhere", call: [DBCN, 1, 1, 0, 0], error: INVALID_PARAM },
  { what: "read beyond the end", call: [DBCN, 1, 2, RAM + RAM_SIZE - 1, 0], error: INVALID_PARAM },
  { what: "read to above", call: [DBCN, 1, 1, RAM, 1], error: INVALID_PARAM },
  { what: "write a byte", call: [DBCN, 2, 0x64636261] },

  ...[3, 4, 5, 6].map((nr): Row => ({
    what: `hypercall ${nr}`,
    call: [HVC, nr, 1, -2, 1n << 32n, 4, 5, 6],
    exit: { kind: "Hypercall", nr, args: Int32Array.of(1, 0, -2, -1, 0, 1, 4, 0, 5, 0, 6, 0) },
    silent: true,
  })),
  ...[0, 1, 2, 7].map((nr): Row => ({ what: `hypercall ${nr}`, call: [HVC, nr], error: NOT_SUPPORTED })),
];

for (const { what, call, error, value, exit, statuses, silent } of ROWS) {
  const [eid, fid, ...args] = call;
  Deno.test(`SbiFirmware.call 0x${eid.toString(16)}/${fid}: ${what}`, () => {
    const vm = new FakeVm();
    if (statuses !== undefined) vm.statuses.splice(0, 3, ...statuses);
    const answer = vm.call(...call);
    assert.deepEqual(answer.exit, exit);
    if (silent === true) {
      assert.equal(answer.error, Number(BigInt.asIntN(64, BigInt(args[0] ?? UNTOUCHED))));
      assert.equal(answer.value, BigInt.asIntN(64, BigInt(args[1] ?? UNTOUCHED)));
      return;
    }
    assert.equal(answer.error, error ?? SUCCESS);
    assert.equal(answer.value, BigInt(value ?? 0));
  });
}

Deno.test("TIME and its legacy twin set vstimecmp to all 64 bits and take a pending timer interrupt back", () => {
  const vm = new FakeVm();
  for (const [eid, deadline] of [[TIME, 0x1234_5678_9abc_def0n], [0, 2n ** 64n - 1n]] as const) {
    vm.setField(0, "hvip", 0x444n);
    const answer = vm.call(eid, 0, deadline);
    assert.deepEqual(answer.exit, { kind: "Nothing" });
    assert.equal(vm.field(0, "vstimecmp"), deadline);
    assert.equal(vm.field(0, "hvip"), 0x404n);
  }
});

Deno.test("DBCN moves bytes between console and guest memory", () => {
  const vm = new FakeVm();
  vm.poke(RAM + 4094, ...new TextEncoder().encode("hello"));
  vm.call(DBCN, 0, 5, RAM + 4094, 0);
  vm.call(DBCN, 2, 0x64636261);
  assert.equal(vm.printed, "helloa");
  vm.input = [1, 2, 3];
  assert.equal(vm.call(DBCN, 1, 2, RAM + 8, 0).value, 2n);
  assert.equal(vm.call(DBCN, 1, 100, RAM + 10, 0).value, 1n);
  assert.deepEqual([...vm.ram.subarray(7, 12)], [0, 1, 2, 3, 0]);
});

Deno.test("DBCN takes no input that it cannot put anywhere", () => {
  const vm = new FakeVm();
  vm.input = [65];
  for (const [address, high] of [[READ_ONLY, 0], [0, 0], [RAM, 1]]) {
    assert.equal(vm.call(DBCN, 1, 1, address, high).error, INVALID_PARAM);
  }
  assert.deepEqual(vm.input, [65]);
});

for (
  const [name, eid, type] of [["HSM", HSM, 0x80000000n], ["HSM", HSM, TOP | 0x80000000n], ["SUSP", SUSP, TOP]] as const
) {
  const fid = eid === HSM ? 3 : 0;
  Deno.test(`${name} type 0x${type.toString(16)} halts the hart, which goes on at the address with nothing but its arguments`, () => {
    const vm = new FakeVm();
    if (eid === SUSP) vm.statuses.fill("stopped");
    vm.statuses[2] = "started";
    vm.setField(2, "vsatp", 8n << 60n | 0x80000n);
    vm.setField(2, "vsstatus", 0x2_0004_6122n);
    vm.mmuCalls(2);
    const answer = vm.callFrom(2, eid, fid, type, RAM + 0x100, 0xfedcba98_76543210n);
    assert.deepEqual(answer.exit, HALT);
    assert.equal(answer.error, 2);
    assert.equal(BigInt.asUintN(64, answer.value), 0xfedcba98_76543210n);
    assert.equal(vm.field(2, "sepc"), BigInt(RAM + 0x100));
    assert.equal(vm.field(2, "vsatp"), 0n);
    assert.equal(vm.field(2, "vsstatus"), 0x2_0004_6120n);
    assert.deepEqual(vm.mmuCalls(2), [["translationChanged"]]);
  });
}
