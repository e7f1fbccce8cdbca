/** The state machine of a vCPU, its statistics and its wake-up. @module */
import assert from "node:assert/strict";
import { StateError } from "../../core/errors.ts";
import { AxVCpu, PhysicalCpuSlot } from "../../core/vcpu.ts";
import { ScriptedVCpu, type ScriptStep } from "./scripted_arch.ts";

const ENTRY = 0x8020_0000;
const ROOT = 0x4000;

function make(script: ScriptStep[] = [], slot?: PhysicalCpuSlot, id = 0): { vcpu: AxVCpu; arch: ScriptedVCpu } {
  const arch = new ScriptedVCpu(script);
  return { vcpu: new AxVCpu("test", id, arch, slot), arch };
}

function ready(script: ScriptStep[] = [], slot?: PhysicalCpuSlot, id = 0): { vcpu: AxVCpu; arch: ScriptedVCpu } {
  const made = make(script, slot, id);
  made.vcpu.setup(ENTRY, ROOT);
  made.vcpu.bind();
  return made;
}

Deno.test("AxVCpu goes Created, Free, Ready, Running, Ready, Free", () => {
  const seen: string[] = [];
  const { vcpu, arch } = make([() => {
    seen.push(vcpu.state);
    return { kind: "Nothing" };
  }]);
  assert.equal(vcpu.state, "Created");
  vcpu.setup(ENTRY, ROOT);
  assert.equal(vcpu.state, "Free");
  vcpu.bind();
  assert.equal(vcpu.state, "Ready");
  assert.equal(vcpu.run(10).kind, "Nothing");
  assert.deepEqual(seen, ["Running"]);
  assert.equal(vcpu.state, "Ready");
  vcpu.unbind();
  assert.equal(vcpu.state, "Free");
  assert.deepEqual(arch.calls, [`setEntry ${ENTRY}`, `setEptRoot ${ROOT}`, "setup", "bind", "run 10", "unbind"]);
});

const WRONG: [operation: string, from: string, act: (vcpu: AxVCpu) => void][] = [
  ["bind", "Created", (vcpu) => vcpu.bind()],
  ["run", "Created", (vcpu) => vcpu.run(1)],
  ["unbind", "Created", (vcpu) => vcpu.unbind()],
  ["block", "Created", (vcpu) => vcpu.block()],
  ["run", "Free", (vcpu) => (vcpu.setup(ENTRY, ROOT), vcpu.run(1))],
  ["unbind", "Free", (vcpu) => (vcpu.setup(ENTRY, ROOT), vcpu.unbind())],
  ["setup", "Free", (vcpu) => (vcpu.setup(ENTRY, ROOT), vcpu.setup(ENTRY, ROOT))],
  ["bind", "Ready", (vcpu) => (vcpu.setup(ENTRY, ROOT), vcpu.bind(), vcpu.bind())],
  ["set the entry of", "Ready", (vcpu) => (vcpu.setup(ENTRY, ROOT), vcpu.bind(), vcpu.setEntry(0))],
  ["run", "Blocked", (vcpu) => (vcpu.setup(ENTRY, ROOT), vcpu.bind(), vcpu.block(), vcpu.run(1))],
];

for (const [operation, from, act] of WRONG) {
  Deno.test(`AxVCpu refuses to ${operation} a ${from} vCPU and makes it Invalid`, () => {
    const { vcpu } = make();
    assert.throws(
      () => act(vcpu),
      (error) =>
        error instanceof StateError &&
        error.message.startsWith(`Cannot ${operation} vCPU 0 of VM "test": it is ${from}`) &&
        /must be (Ready|Free|Created)$/.test(error.message),
    );
    assert.equal(vcpu.state, "Invalid");
    assert.throws(() => vcpu.bind(), /it is Invalid/);
  });
}

Deno.test("AxVCpu becomes Invalid when the architecture's run throws, and reset makes it Free again", () => {
  const { vcpu, arch } = ready([() => {
    throw new Error("broken");
  }]);
  assert.throws(() => vcpu.run(1), /broken/);
  assert.equal(vcpu.state, "Invalid");
  vcpu.reset(ENTRY + 8, ROOT);
  assert.equal(vcpu.state, "Free");
  assert.equal(arch.getPc(), BigInt(ENTRY + 8));
  vcpu.bind();
  assert.equal(vcpu.run(1).kind, "Nothing");
});

Deno.test("AxVCpu.reset works from every state and unbinds a bound vCPU", () => {
  for (
    const prepare of [
      (_: AxVCpu) => {},
      (vcpu: AxVCpu) => vcpu.setup(ENTRY, ROOT),
      (vcpu: AxVCpu) => (vcpu.setup(ENTRY, ROOT), vcpu.bind()),
      (vcpu: AxVCpu) => (vcpu.setup(ENTRY, ROOT), vcpu.bind(), vcpu.block()),
    ]
  ) {
    const { vcpu, arch } = make();
    prepare(vcpu);
    vcpu.reset(ENTRY, ROOT);
    assert.equal(vcpu.state, "Free");
    assert.equal(vcpu.isBound, false);
    assert.equal(arch.calls.filter((call) => call === "bind").length, arch.calls.filter((c) => c === "unbind").length);
  }
});

Deno.test("AxVCpu refuses operations inside an operation of a vCPU on the same physical CPU", () => {
  const slot = new PhysicalCpuSlot();
  const inner = ready([], slot, 1).vcpu;
  const errors: string[] = [];
  const attempt = (act: () => void) => {
    try {
      act();
    } catch (error) {
      errors.push(error instanceof StateError ? error.message : "not a StateError");
    }
  };
  const { vcpu: outer } = ready([() => {
    assert.equal(slot.current, outer);
    attempt(() => inner.run(1));
    attempt(() => outer.run(1));
    attempt(() => inner.unbind());
    attempt(() => outer.reset(0, 0));
    return { kind: "Nothing" };
  }], slot);
  outer.run(1);
  assert.equal(errors.length, 4);
  for (const error of errors) assert.match(error, /inside an operation of vCPU 0 of VM "test"/);
  assert.equal(slot.current, undefined);
  assert.equal(outer.state, "Ready");
  assert.equal(inner.state, "Ready");
  inner.run(1);
});

Deno.test("AxVCpu.exitCounts counts exits by kind", () => {
  const halt: ScriptStep = { kind: "Halt" };
  const { vcpu } = ready([halt, { kind: "CpuDown" }, halt]);
  for (let i = 0; i < 5; i++) vcpu.run(7);
  assert.equal(vcpu.exitCounts.Halt, 2);
  assert.equal(vcpu.exitCounts.CpuDown, 1);
  assert.equal(vcpu.exitCounts.Nothing, 2);
  assert.equal(vcpu.exitCounts.MmioRead, 0);
  assert.equal(vcpu.steps, 7);
});

Deno.test("AxVCpu blocked while bound wakes to Ready, unbound meanwhile to Free", () => {
  const { vcpu } = ready();
  vcpu.block();
  assert.equal(vcpu.state, "Blocked");
  assert.equal(vcpu.wake(), true);
  assert.equal(vcpu.state, "Ready");
  assert.equal(vcpu.wake(), false);
  vcpu.block();
  vcpu.unbind();
  assert.equal(vcpu.state, "Blocked");
  assert.throws(() => {
    const other = ready().vcpu;
    other.block();
    other.unbind();
    other.unbind();
  }, /Cannot unbind vCPU 0 of VM "test": it is Blocked, but must be Ready/);
  vcpu.wake();
  assert.equal(vcpu.state, "Free");
});

Deno.test("AxVCpu.interrupt and setInterrupt wake a Blocked vCPU only if an interrupt is pending", () => {
  const { vcpu, arch } = ready();
  vcpu.block();
  vcpu.setInterrupt(9, false);
  assert.equal(vcpu.state, "Blocked");
  vcpu.setInterrupt(9, true);
  assert.equal(vcpu.state, "Ready");
  vcpu.setInterrupt(9, false);
  vcpu.block();
  vcpu.interrupt(1);
  assert.equal(vcpu.state, "Ready");
  assert.equal(arch.hasPendingInterrupt(), true);
  arch.own.pending = [];
  vcpu.block();
  assert.equal(vcpu.wakeIfPending(), false);
});

Deno.test("AxVCpu.save and restore carry state, counts and the architecture's part", () => {
  const { vcpu, arch } = ready([{ kind: "Halt" }]);
  vcpu.run(1);
  arch.setGpr(5, 77n);
  vcpu.block();
  assert.throws(() => vcpu.save(), /Cannot save vCPU 0 of VM "test": it is Blocked and bound/);
  assert.equal(vcpu.state, "Blocked");
  vcpu.unbind();
  const copy = make();
  copy.vcpu.restore(structuredClone(vcpu.save()));
  assert.equal(copy.vcpu.state, "Blocked");
  assert.equal(copy.vcpu.exitCounts.Halt, 1);
  assert.equal(copy.arch.getGpr(5), 77n);
  copy.vcpu.wake();
  assert.equal(copy.vcpu.state, "Free");
});
