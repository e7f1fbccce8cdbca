/** Legacy calls: their convention, and hart masks behind guest-virtual addresses. @module */
import assert from "node:assert/strict";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { SbiError } from "../../../../arch/riscv/sbi/sbi.ts";
import { FakeVm, RAM, RAM_SIZE } from "./firmware_fixture.ts";

const PUTCHAR = 1, GETCHAR = 2, CLEAR_IPI = 3, SEND_IPI = 4, FENCE_I = 5, SFENCE = 6, SFENCE_ASID = 7, SHUTDOWN = 8;
const VA = 0xffff_ffd0_1234_5000n;
const WHOLE = ["hfenceVvma", 0, 0, false, 0, false];

/** A VM whose page {@link VA} leads to RAM. */
function mapped(cpus = 3): FakeVm {
  const vm = new FakeVm(cpus);
  vm.pages.set(VA, RAM);
  vm.setField(0, "vstvec", 0x8010_0000n);
  vm.setField(0, "hstatus", vm.field(0, "hstatus") | 1n << 7n); // SPV
  vm.setField(0, "mstatus", vm.field(0, "mstatus") | 1n << 8n); // SPP
  return vm;
}

Deno.test("legacy calls ignore a6 and leave a1 alone", () => {
  const vm = mapped();
  for (let eid = 0; eid < SHUTDOWN; eid++) {
    for (const fid of [0, 1, -1, 2 ** 40]) {
      const { error, value } = vm.call(eid, fid, 0, 77);
      assert.equal(value, 77n, `${eid}`);
      assert.ok(error >= -1, `${eid}`);
    }
  }
});

Deno.test("legacy console: bytes out, bytes in, -1 if none waits", () => {
  const vm = mapped();
  assert.equal(vm.call(PUTCHAR, 0, 0x141).error, 0);
  assert.equal(vm.call(PUTCHAR, 0, 0x42).error, 0);
  assert.equal(vm.printed, "AB");
  vm.input = [0, 255];
  assert.deepEqual([1, 2, 3].map(() => vm.call(GETCHAR, 0).error), [0, 255, -1]);
});

Deno.test("legacy clear_ipi tells whether an interrupt was pending", () => {
  const vm = mapped();
  vm.setField(0, "hvip", 0x444n);
  assert.equal(vm.call(CLEAR_IPI, 0).error, 1);
  assert.equal(vm.field(0, "hvip"), 0x440n);
  assert.equal(vm.call(CLEAR_IPI, 0).error, 0);
});

Deno.test("legacy shutdown powers off", () => {
  const answer = mapped().call(SHUTDOWN, 0, 5, 6);
  assert.deepEqual(answer, { error: 5, value: 6n, exit: { kind: "SystemDown", action: "shutdown", code: 0 } });
});

Deno.test("legacy send_ipi reads its mask through the guest's tables; null is all harts, unknown harts are ignored", () => {
  const vm = mapped();
  const targets = (address: bigint) => {
    const { error, exit } = vm.call(SEND_IPI, 0, address, 9);
    assert.equal(error, 0);
    return exit?.kind === "SendIPI" && exit.vector === 2 ? exit.targets : undefined;
  };
  vm.poke64(RAM + 16, 0b101n);
  vm.poke64(RAM + 24, 2n ** 64n - 1n);
  assert.deepEqual(targets(VA + 16n), [0, 2]);
  assert.deepEqual(targets(VA + 24n), [0, 1, 2]);
  assert.deepEqual(targets(0n), [0, 1, 2]);
  vm.pages.set(1n << 32n, RAM + 0x1000);
  assert.deepEqual(targets(1n << 32n), []);
  vm.statuses[2] = "stopped";
  assert.deepEqual(targets(VA + 16n), [0]);
});

Deno.test("legacy masks of more than 64 harts may cross a page", () => {
  const vm = mapped(70);
  vm.pages.set(VA + 0x1000n, RAM + 0x3000);
  vm.poke(RAM + 4093, 1, 0, 0, 0xff, 0xff); // the last two are not in the page
  vm.poke(RAM + 0x3000, 0, 0, 0, 0, 0, 0b100001);
  vm.pages.set(0x1_ffff_f000n, RAM);
  vm.pages.set(0x2_0000_0000n, RAM + 0x3000);
  for (const address of [VA + 4093n, 0x1_ffff_fffdn]) {
    const { exit } = vm.call(SEND_IPI, 0, address);
    assert.deepEqual(exit, { kind: "SendIPI", targets: [0, 64, 69], vector: 2 });
  }
});

Deno.test("a legacy mask that cannot be read is a fault of the guest's ECALL, and nothing else happens", () => {
  const vm = mapped();
  vm.pages.set(VA + 0x2000n, RAM + RAM_SIZE);
  vm.pages.set(VA + 0x3000n, 0);
  const rows: [address: bigint, stval: bigint, cause: bigint][] = [
    [VA + 0x1000n, VA + 0x1000n, 13n],
    [VA + 4092n, VA + 0x1000n, 13n],
    [VA + 0x2008n, VA + 0x2008n, 5n],
    [VA + 0x3000n, VA + 0x3000n, 5n],
    [0x1_0000_0000n - 4n, 0x1_0000_0000n - 4n, 13n],
  ];
  for (const eid of [SEND_IPI, FENCE_I, SFENCE, SFENCE_ASID]) {
    for (const [address, stval, cause] of rows) {
      vm.mmuCalls(1);
      vm.harts[0].state.setWord(FIELD.virtual, 0);
      vm.setField(0, "hstatus", vm.field(0, "hstatus") | 1n << 7n);
      vm.setField(0, "mstatus", vm.field(0, "mstatus") | 1n << 8n);
      const { error, value, exit } = vm.call(eid, 0, address, 0, 0);
      assert.deepEqual([BigInt(error), value, exit], [BigInt.asIntN(64, address), 0n, undefined]);
      assert.equal(vm.field(0, "vscause"), cause);
      assert.equal(vm.field(0, "vstval"), stval);
      assert.equal(vm.field(0, "vsepc"), vm.caller);
      assert.deepEqual(vm.mmuCalls(1), []);
    }
  }
});

Deno.test("legacy fences reach the harts of the mask", () => {
  const vm = mapped();
  vm.poke64(RAM, 0b110n);
  assert.equal(vm.call(FENCE_I, 0, VA).error, 0);
  vm.mmuCalls(0);
  assert.equal(vm.call(SFENCE, 0, VA, 0, -1).error, 0);
  assert.deepEqual([0, 1, 2].map((cpu) => vm.mmuCalls(cpu)), [[], [WHOLE], [WHOLE]]);
  assert.equal(vm.call(SFENCE_ASID, 0, VA, 0x7000, 1, 5).error, 0);
  assert.deepEqual(vm.mmuCalls(2), [["hfenceVvma", 0x7000, 0, true, 5, true]]);
  assert.equal(vm.call(SFENCE, 0, VA, -1, 2).error, SbiError.INVALID_ADDRESS);
});
