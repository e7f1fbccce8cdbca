/** The dispatcher: who answers what, what it keeps, what it refuses to register. @module */
import assert from "node:assert/strict";
import { Cause } from "../../../../arch/riscv/trap/causes.ts";
import { SbiError, type SbiExtension, type SbiMachine } from "../../../../arch/riscv/sbi/sbi.ts";
import { STANDARD_EXTENSIONS } from "../../../../arch/riscv/sbi/standard.ts";
import { FakeVm, UNTOUCHED } from "./firmware_fixture.ts";

const EID = 0x08001234;

function counting(eid = EID): SbiExtension {
  const stateIn = (machine: SbiMachine) => machine.stateOf<{ calls: number[] }>(extension).calls;
  const extension: SbiExtension = {
    eid,
    name: "counting",
    createState: ({ cpus }) => ({ calls: new Array(cpus).fill(0) }),
    hartReset: (machine, cpu) => void (stateIn(machine)[cpu] = 100),
    functions: {
      0: ({ machine, cpu }) => ({ error: SbiError.SUCCESS, low: ++stateIn(machine)[cpu] }),
      [-7]: () => ({ error: SbiError.FAILED, low: -1, high: -1 }),
    },
  };
  return extension;
}

Deno.test("SbiFirmware.call answers NOT_SUPPORTED for unknown extensions and functions, and for numbers wider than 32 bits", () => {
  const vm = new FakeVm();
  for (const [eid, fid] of [[0x12345678, 0], [-1, 0], [9, 0], [0x10, 7], [0x10, -1], [0x54494d45, 1]]) {
    assert.deepEqual(vm.call(eid, fid), { error: SbiError.NOT_SUPPORTED, value: 0n, exit: undefined }, `${eid} ${fid}`);
  }
  const { state } = vm.harts[0];
  for (const register of [16, 17]) {
    state.set64(17 * 8, 0x10n);
    state.set64(16 * 8, 0n);
    state.set64(register * 8, state.get64(register * 8) | 1n << 32n);
    vm.firmware.call(vm.harts[0], 0);
    assert.equal(BigInt.asIntN(64, state.get64(10 * 8)), -2n, `x${register}`);
  }
});

Deno.test("every standard extension answers NOT_SUPPORTED for functions that it does not have", () => {
  const vm = new FakeVm();
  for (const { eid, name, functions, legacy } of STANDARD_EXTENSIONS) {
    if (legacy === true) continue;
    const first = Math.max(...Object.keys(functions).map(Number)) + 1;
    for (const fid of [first, 0xbad, -1, 0x7fffffff]) {
      assert.deepEqual(vm.call(eid, fid), { error: SbiError.NOT_SUPPORTED, value: 0n, exit: undefined }, name);
    }
  }
});

Deno.test("SbiFirmware answers probes from its registry: 1 or what the extension says, 0 for all others", () => {
  const vm = new FakeVm();
  const probe = (eid: number | bigint) => vm.call(0x10, 3, eid).value;
  for (const { eid, name } of STANDARD_EXTENSIONS) assert.equal(probe(eid), 1n, name);
  for (const eid of [9, 0xf, 0x11, 0x434f5456, 0x4e41434c, 0x535441, EID, -1, 1n << 32n | 0x10n]) {
    assert.equal(probe(eid), 0n, String(eid));
  }
  vm.firmware.add(counting());
  vm.firmware.add({ ...counting(EID + 1), probe: ({ cpus }) => cpus + 40 });
  assert.equal(probe(EID), 1n);
  assert.equal(probe(EID + 1), 43n);
});

Deno.test("SbiFirmware.add gives a third party's extension its calls, negative function numbers included", () => {
  const vm = new FakeVm();
  vm.firmware.add(counting());
  assert.deepEqual(vm.callFrom(1, EID, 0), { error: 0, value: 1n, exit: undefined });
  assert.deepEqual(vm.callFrom(1, EID, 0), { error: 0, value: 2n, exit: undefined });
  assert.deepEqual(vm.callFrom(2, EID, 0), { error: 0, value: 1n, exit: undefined });
  assert.deepEqual(vm.call(EID, -7), { error: -1, value: -1n, exit: undefined });
});

Deno.test("SbiFirmware.add refuses a number twice, the numbers of the specification, and what is no extension", () => {
  const vm = new FakeVm();
  vm.firmware.add(counting());
  const add = (eid: number) => () => vm.firmware.add({ ...counting(eid), name: "mine" });
  assert.throws(add(EID), { message: "Cannot add SBI extension 'mine': number 0x8001234 belongs to 'counting'" });
  assert.throws(add(0x48534d), { message: "Cannot add SBI extension 'mine': number 0x48534d belongs to 'HSM'" });
  for (const eid of [0x0a000000, 0x07ffffff, 0x535345, 0xc, -1]) {
    assert.throws(
      add(eid),
      /^HypervisorError: Cannot add SBI extension 'mine' with number 0x[0-9a-f]+: use one from 0x8000000/,
    );
  }
  for (const eid of [0x08000000, 0x09ffffff]) assert.doesNotThrow(add(eid));
  assert.throws(add(1.5), /it needs an 'eid', a whole number, and 'functions'/);
  for (const functions of [undefined, null, 3]) {
    const broken = { eid: EID + 1, name: "mine", functions } as unknown as SbiExtension;
    assert.throws(() => vm.firmware.add(broken), /it needs an 'eid', a whole number, and 'functions'/);
  }
});

Deno.test("SbiFirmware.call names the extension whose function throws", () => {
  const vm = new FakeVm();
  const broken = () => {
    throw new RangeError("too far");
  };
  vm.firmware.add({ eid: EID, name: "broken", functions: { 3: broken } });
  assert.throws(() => vm.call(EID, 3), /^HypervisorError: SBI extension 'broken' failed in function 3: too far$/);
});

Deno.test("SbiFirmware keeps states through save and restore, forgets them at reset, and tells a starting hart", () => {
  const vm = new FakeVm();
  vm.firmware.add(counting());
  vm.firmware.hartReset(1); // nothing was made yet, so nothing is told
  vm.callFrom(1, EID, 0);
  vm.callFrom(1, EID, 0);
  const saved = vm.firmware.save();
  vm.callFrom(1, EID, 0);
  const other = new FakeVm();
  other.firmware.add(counting());
  other.firmware.restore(structuredClone(saved));
  assert.equal(other.callFrom(1, EID, 0).value, 3n);
  assert.equal(vm.callFrom(1, EID, 0).value, 4n);
  vm.firmware.hartReset(1);
  assert.equal(vm.callFrom(1, EID, 0).value, 101n);
  assert.equal(vm.callFrom(0, EID, 0).value, 1n);
  vm.firmware.reset();
  assert.equal(vm.callFrom(1, EID, 0).value, 1n);
});

Deno.test("SbiFirmware.call lets the guest take a fault at its ECALL instead of an answer", () => {
  const vm = new FakeVm();
  const fault = { cause: Cause.LOAD_PAGE, low: 0x1234, high: -1 };
  vm.firmware.add({ eid: EID, name: "faulting", functions: { 0: () => ({ error: -1, fault }) } });
  vm.setField(0, "vstvec", 0x8010_0000n);
  vm.setField(0, "vsstatus", 2n); // SIE
  vm.setField(0, "hstatus", vm.field(0, "hstatus") | 1n << 7n); // SPV
  vm.setField(0, "mstatus", vm.field(0, "mstatus") | 1n << 8n); // SPP
  const { error, value, exit } = vm.call(EID, 0);
  assert.deepEqual([error, value, exit], [UNTOUCHED, BigInt(UNTOUCHED), undefined]);
  assert.equal(vm.field(0, "pc"), 0x8010_0000n);
  assert.equal(vm.field(0, "vsepc"), vm.caller);
  assert.equal(vm.field(0, "vscause"), 13n);
  assert.equal(vm.field(0, "vstval"), 0xffffffff_00001234n);
  assert.equal(vm.field(0, "vsstatus") & 0x122n, 0x120n); // SPP, SPIE, no SIE
});

Deno.test("SbiFirmware.call finds the ECALL of a fault wherever it lies", () => {
  for (const caller of [0n, 0xffff_fffcn, 0xffff_fffen, 0xffff_ffff_ffff_fffcn]) {
    const vm = new FakeVm();
    const fault = { cause: Cause.LOAD_PAGE, low: 0, high: 0 };
    vm.firmware.add({ eid: EID, name: "faulting", functions: { 0: () => ({ error: -1, fault }) } });
    vm.caller = caller;
    vm.call(EID, 0);
    assert.equal(vm.field(0, "vsepc"), caller);
  }
});
