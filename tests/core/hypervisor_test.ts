/**
 * Tests of `Hypervisor`: the set of VMs, their turns, channels between them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Hypervisor } from "../../core/hypervisor.ts";
import { HyperCallCode } from "../../core/ivc.ts";
import type { AxVM } from "../../core/vm.ts";
import { createMinimalHost } from "../../core/vm_host.ts";
import { scriptedArch, type ScriptStep } from "./scripted_arch.ts";
import { config, devicePlugin, RAM, RAM_SIZE, registerDevice, shutdown } from "./vm_fixture.ts";

Deno.test("Hypervisor gives the lowest free number from 0, finds VMs by number and name, refuses duplicates", async () => {
  const hypervisor = new Hypervisor({ architectures: [scriptedArch([])] });
  const zero = await hypervisor.createVm(config());
  const two = await hypervisor.createVm(config({ base: { id: 2, name: "two" } }));
  const one = await hypervisor.createVm(config({ base: { vm_type: 1 } }));
  assert.deepEqual([zero.id, zero.name, one.id, two.name], [0, "vm0", 1, "two"]);
  assert.equal(hypervisor.get(0), zero);
  assert.equal(hypervisor.get("two"), two);
  assert.deepEqual(hypervisor.list(), [
    { id: 0, name: "vm0", vmType: 2, status: "loaded" },
    { id: 1, name: "vm1", vmType: 1, status: "loaded" },
    { id: 2, name: "two", vmType: 2, status: "loaded" },
  ]);
  await assert.rejects(
    hypervisor.createVm(config({ base: { id: 2 } })),
    /Cannot create VM "vm2": VM "two" has number 2; choose another base\.id/,
  );
  await assert.rejects(hypervisor.createVm(config({ base: { name: "two" } })), /VM 2 has that name/);
  await assert.rejects(
    hypervisor.createVm(config({ arch: { name: "z80" } })),
    /arch\.name "z80" is not known; use "scripted"/,
  );
  await hypervisor.remove("two");
  assert.equal(hypervisor.get(2), undefined);
  await assert.rejects(hypervisor.remove(7), /Cannot remove VM 7: there is no such VM; there are 0 "vm0", 1 "vm1"/);
  await hypervisor.dispose();
  assert.deepEqual(hypervisor.list(), []);
  assert.throws(() => new Hypervisor({ architectures: [] }), /without an architecture/);
});

Deno.test("Hypervisor lets several VMs take turns in one process", async () => {
  const hypervisor = new Hypervisor({ architectures: [scriptedArch([])] });
  const a = await hypervisor.createVm(config());
  const b = await hypervisor.createVm(config());
  const first = a.run({ maxSteps: 20_000_000 });
  const second = b.run({ maxSteps: 20_000_000 });
  await first;
  assert.ok(b.steps >= 10_000_000, `${b.steps}`);
  await second;
  await hypervisor.dispose();
});

Deno.test("VmHost.realTime decides the clock that a VM gets by default", async () => {
  const minimal = new Hypervisor({ architectures: [scriptedArch([])] });
  await assert.rejects(
    minimal.createVm(config({ clock: "real" })),
    /Cannot use clock "real": this host offers no time/,
  );
  const sleeps: number[] = [];
  let now = 0;
  const host = {
    ...createMinimalHost(),
    realTime: true,
    nowMs: () => now,
    wallClockSeconds: () => 42,
    sleep: (ms: number) => {
      sleeps.push(ms);
      if (ms !== Infinity) now += ms;
      return { done: Promise.resolve(), cancel: () => {} };
    },
  };
  let ticks = 0;
  const script: ScriptStep[] = [
    (cpu) => {
      cpu.deadline = 100_000;
      return { kind: "Halt" };
    },
    shutdown(),
  ];
  const hypervisor = new Hypervisor({ architectures: [scriptedArch(script)], host });
  const vm = await hypervisor.createVm(config({
    plugins: [{
      name: "waker",
      apiVersion: 1,
      setup(context): void {
        const line = context.irq("cpu0/external")!;
        const timer = context.clock.timer("waker/timer", () => {
          ticks = context.clock.now();
          line.set(true);
        });
        context.onExit((_cpu, exit) => exit.kind === "Halt" && timer.set(55_000));
      },
    }],
  }));
  await vm.run();
  assert.deepEqual(sleeps, [Infinity, 5.5], "the first one keeps the process alive");
  assert.equal(ticks, 55_000);
});

/** Two VMs over one memory, each with a window for channels. */
async function pair(scripts: ScriptStep[][]): Promise<{ vms: AxVM[]; hypervisor: Hypervisor; results: number[] }> {
  const results: number[] = [];
  const vms: AxVM[] = [];
  const hypervisor = new Hypervisor({
    architectures: scripts.map((script, index) => ({ ...scriptedArch(script), name: `s${index}` })),
    sharedMemory: 64 * 2 ** 20,
  });
  for (const index of scripts.keys()) {
    vms.push(
      await hypervisor.createVm(config({
        arch: { name: `s${index}` },
        devices: { emu_devices: [["ivc", 0x4000_0000, 0x8000, 0, 10, []]] },
      })),
    );
  }
  return { vms, hypervisor, results };
}

/** A hypercall with 64-bit arguments. */
function call(nr: number, ...args: number[]): ScriptStep {
  const words = new Int32Array(12);
  for (const [index, arg] of args.entries()) words[2 * index] = arg;
  return { kind: "Hypercall", nr, args: words };
}

function answers(vm: AxVM): string[] {
  return (vm.vcpus[0].arch as unknown as { calls: string[] }).calls
    .filter((line) => line.startsWith("setReturnValue")).map((line) => line.split(" ")[1]);
}

const BASE = RAM + 0x1000;
const SIZE = RAM + 0x1008;

Deno.test("IvcService: a published channel of several pages is the same memory in both VMs", async () => {
  const { HIVCPublishChannel: publish, HIVCSubscribChannel: subscribe } = HyperCallCode;
  const setSize = (vm: () => AxVM, size: number): ScriptStep => () => {
    vm().memory.writeU64(SIZE, BigInt(size));
    return { kind: "Nothing" };
  };
  const { vms, hypervisor } = await pair([
    [
      setSize(() => vms[0], 8000),
      call(publish, 7, BASE, SIZE),
      call(publish, 7, BASE, SIZE), // a duplicate
      call(publish, 8, 0x10, SIZE), // a bad pointer
      setSize(() => vms[0], 0),
      call(publish, 8, BASE, SIZE), // no bytes
      setSize(() => vms[0], 0x8000),
      call(publish, 8, BASE, SIZE), // no room
      call(HyperCallCode.HypervisorDebug),
    ],
    [call(subscribe, 0, 7, BASE, SIZE), call(subscribe, 0, 7, BASE, SIZE), call(subscribe, 0, 9, BASE, SIZE)],
  ]);
  await vms[0].run({ maxSteps: 9 });
  await vms[1].run({ maxSteps: 3 });
  assert.deepEqual(answers(vms[0]), ["0", "-1", "-1", "-1", "-1", "-1"]);
  assert.deepEqual(answers(vms[1]), ["0", "-1", "-1"]);
  assert.deepEqual([vms[1].memory.readU64(BASE), vms[1].memory.readU64(SIZE)], [0x4000_0000n, 8192n]);
  assert.deepEqual([vms[0].memory.readU64(0x4000_0000), vms[0].memory.readU64(0x4000_0008)], [0n, 7n], "the header");
  vms[0].memory.writeU32(0x4000_1ffc, 0xcafe);
  assert.equal(vms[1].memory.readU32(0x4000_1ffc), 0xcafe);
  assert.equal(vms[0].space.table.query(0x4000_0000)!.flags & 8, 8, "USER");
  await assert.rejects(vms[0].save(), /it has channels to other VMs open/);
  await hypervisor.dispose();
});

Deno.test("IvcService: leaving gives address ranges and frames back, in either order, and so does a reset", async () => {
  const codes = HyperCallCode;
  const setSize: ScriptStep = () => {
    vms[0].memory.writeU64(SIZE, 4096n);
    return { kind: "Nothing" };
  };
  const { vms, hypervisor } = await pair([
    [
      setSize,
      call(codes.HIVCPublishChannel, 1, BASE, SIZE),
      call(codes.HIVCUnPublishChannel, 1),
      call(codes.HIVCUnPublishChannel, 1),
      setSize,
      call(codes.HIVCPublishChannel, 1, BASE, SIZE),
    ],
    [
      call(codes.HIVCSubscribChannel, 0, 1, BASE, SIZE),
      call(codes.HIVCUnSubscribChannel, 0, 1),
      call(codes.HIVCUnSubscribChannel, 0, 1),
    ],
  ]);
  const { memory } = vms[0].space;
  await vms[0].run({ maxSteps: 1 });
  await vms[1].run({ maxSteps: 0 });
  // The memory of the scratch words is populated now; what comes on top are the channel's frames.
  vms[1].memory.writeU64(BASE, 0n);
  const before = memory.framesInUse;
  await vms[0].run({ maxSteps: 2 });
  assert.equal(memory.framesInUse, before + 1);
  await vms[1].run({ maxSteps: 1 });
  await vms[0].run({ maxSteps: 4 });
  assert.deepEqual(answers(vms[0]), ["0", "0", "-1"]);
  assert.equal(memory.framesInUse, before + 1, "the subscriber still has it");
  assert.notEqual(vms[1].memory.readU32(0x4000_0000), undefined);
  assert.equal(vms[0].memory.readU32(0x4000_0000), undefined);
  await vms[1].run({ maxSteps: 3 });
  assert.deepEqual(answers(vms[1]), ["0", "0", "-1"]);
  assert.equal(memory.framesInUse, before);
  await vms[0].run({ maxSteps: 6 });
  assert.equal(vms[0].memory.readU64(BASE), 0x4000_0000n, "the address range is free again");
  await vms[0].stop();
  vms[0].reset();
  assert.equal(memory.framesInUse, before);
  await hypervisor.dispose();
});

Deno.test("Hypervisor.remove gives all memory of a VM back to a shared memory", async () => {
  const { vms, hypervisor } = await pair([[], []]);
  const { memory } = vms[0].space;
  const before = memory.framesInUse;
  for (let i = 0; i < 20; i++) {
    const vm = await hypervisor.createVm(config({ arch: { name: "s0" } }));
    vm.memory.write(RAM, new Uint8Array(RAM_SIZE).fill(1));
    await hypervisor.remove(vm.id);
  }
  assert.equal(memory.framesInUse, before);
  await hypervisor.dispose();
});

Deno.test("Hypervisor.dispose removes every VM, also after one failed to and while one is being built", async () => {
  const hypervisor = new Hypervisor({ architectures: [scriptedArch([])] });
  const broken = { ...registerDevice(), dispose: () => Promise.reject(new Error("the disk is gone")) };
  const sound = registerDevice();
  const late = registerDevice();
  await hypervisor.createVm(config({ plugins: [devicePlugin(broken)] }));
  await hypervisor.createVm(config({ plugins: [devicePlugin(sound)] }));
  const building = hypervisor.createVm(config({ plugins: [devicePlugin(late)] }));
  await assert.rejects(hypervisor.dispose(), /the disk is gone/);
  await building;
  assert.deepEqual([sound.state.disposals, late.state.disposals], [1, 1]);
  assert.deepEqual(hypervisor.list(), []);
});

Deno.test("Hypervisor has the host told once of the memory that RAM is in, be it a VM's own or shared", async () => {
  for (const sharedMemory of [undefined, 64 * 2 ** 20]) {
    const advised: number[] = [];
    const host = {
      ...createMinimalHost(),
      advised,
      adviseHugePages(areas: readonly Uint8Array[]): void {
        this.advised.push(...areas.map(({ length }) => length));
      },
    };
    const hypervisor = new Hypervisor({ architectures: [scriptedArch([shutdown()])], host, sharedMemory });
    const vm = await hypervisor.createVm(config());
    await vm.run();
    assert.ok(advised.length === 1 && advised[0] >= RAM_SIZE, `${advised}`);
    await hypervisor.dispose();
  }
});
