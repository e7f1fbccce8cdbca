/**
 * Tests of `AxVM`: exits, blocking, life cycle.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ConfigError, StateError } from "../../core/errors.ts";
import { config, devicePlugin, plugin, RAM, registerDevice, scriptedVm, shutdown } from "./vm_fixture.ts";

Deno.test("AxVM.run boots, answers device accesses through the bus and ends with the guest's exit code", async () => {
  const device = registerDevice();
  const { vm, cpu, arch } = await scriptedVm([[
    { kind: "MmioWrite", addr: 0x1000_0000, width: 4, low: 0x8000_0001, high: 0 },
    { kind: "MmioRead", addr: 0x1000_0000, width: 4, reg: 5, regWidth: 8, signedExt: true },
    shutdown(3),
  ]], { plugins: [devicePlugin(device)] });
  assert.equal(vm.status, "loaded");
  assert.deepEqual(await vm.run(), { reason: "shutdown", code: 3 });
  assert.equal(vm.status, "stopped");
  assert.equal(device.state.value, 0x8000_0001);
  assert.equal(cpu.getGpr(5), 0xffff_ffff_8000_0001n);
  assert.equal(cpu.getPc(), BigInt(RAM) + 8n);
  assert.deepEqual(arch.calls.filter((call) => call.startsWith("boot")), ["boot 0 2153775104"]);
  const { exits, deviceReads, deviceWrites, steps } = vm.statistics();
  assert.deepEqual([exits.MmioRead, exits.MmioWrite, exits.SystemDown, deviceReads, deviceWrites, steps], [
    1,
    1,
    1,
    1,
    1,
    3,
  ]);
});

Deno.test("AxVM turns an access that no device claims into an access fault of the guest", async () => {
  const { vm, cpu } = await scriptedVm([[
    { kind: "MmioRead", addr: 0x1000_0000, width: 1, reg: 5, regWidth: 8, signedExt: false },
    { kind: "MmioWrite", addr: 0x1000_0000, width: 1, low: 1, high: 0 },
    { kind: "NestedPageFault", addr: 0x4000_0000, access: "execute" },
    shutdown(),
  ]]);
  await vm.run();
  assert.deepEqual(cpu.calls.filter((call) => call.startsWith("injectFault")), [
    "injectFault access read",
    "injectFault access write",
    "injectFault access execute",
  ]);
});

Deno.test("AxVM repairs a nested page fault on RAM that has no frame yet", async () => {
  const { vm, cpu } = await scriptedVm([[
    { kind: "NestedPageFault", addr: RAM + 0x40_0000, access: "write" },
    shutdown(),
  ]]);
  assert.equal(vm.space.translate(RAM + 0x40_0000), undefined);
  await vm.run();
  assert.notEqual(vm.space.translate(RAM + 0x40_0000), undefined);
  assert.deepEqual(cpu.calls.filter((call) => call.startsWith("injectFault")), []);
});

Deno.test("AxVM blocks a halted vCPU until an interrupt, and virtual time skips to it", async () => {
  const states: string[] = [];
  const { vm, cpu } = await scriptedVm([[
    () => {
      states.push(`armed at ${vm.ticks}`);
      return { kind: "Halt" };
    },
    () => {
      states.push(`woken at ${vm.ticks} ${cpu.hasPendingInterrupt()}`);
      return { kind: "SystemDown", action: "shutdown", code: 0 };
    },
  ]], {
    plugins: [plugin((context) => {
      const line = context.irq("cpu0/external")!;
      const timer = context.clock.timer("test/wake", () => {
        states.push(`timer at ${context.clock.now()}, vCPU ${vm.vcpus[0].state}`);
        line.set(true);
      });
      context.onExit((_cpu, exit) => {
        if (exit.kind === "Halt") timer.set(5000);
      });
    })],
  });
  await vm.run();
  assert.deepEqual(states, ["armed at 0", "timer at 5000, vCPU Blocked", "woken at 5000 true"]);
  assert.equal(vm.steps, 2);
});

Deno.test("AxVM starts, stops and starts again a second vCPU, with its number and argument", async () => {
  const seen: string[] = [];
  const up = { kind: "CpuUp", targetCpu: 1, entryPoint: RAM + 0x100, argLow: 7, argHigh: 0 } as const;
  const { vm, arch } = await scriptedVm([
    [up, up, { ...up, targetCpu: 9 }, { kind: "Halt" }, up, { kind: "Halt" }],
    [
      (cpu) => (seen.push(`run at ${cpu.getPc()} with ${cpu.own.args}`), { kind: "CpuDown" }),
      (cpu) => (seen.push(`again with ${cpu.own.args}`), { kind: "SystemDown", action: "shutdown", code: 0 }),
    ],
  ], {
    plugins: [plugin((context) => {
      const line = context.irq("cpu0/external")!;
      context.onExit((_cpu, exit) => exit.kind === "CpuDown" && line.set(true));
    })],
  });
  await vm.run();
  assert.deepEqual(seen, [`run at ${RAM + 0x100} with 1,7`, "again with 1,7"]);
  // Starting a started CPU, and one that does not exist, is answered with an error value.
  assert.deepEqual(arch.cpus[0].calls.filter((call) => call.startsWith("setReturnValue")), [
    "setReturnValue -1 -1",
    "setReturnValue -1 -1",
  ]);
});

Deno.test("AxVM delivers inter-processor interrupts and wakes their targets", async () => {
  const { vm, arch } = await scriptedVm([
    [
      { kind: "CpuUp", targetCpu: 1, entryPoint: RAM, argLow: 0, argHigh: 0 },
      (_cpu) => ({ kind: "Halt" }),
      shutdown(),
    ],
    [{ kind: "SendIPI", targets: [0, 5], vector: 1 }, { kind: "Halt" }],
  ]);
  await vm.run();
  assert.ok(arch.cpus[0].calls.includes("setInterrupt 1 true"));
});

Deno.test("AxVM answers an unknown hypercall with an error value", async () => {
  const { vm, cpu } = await scriptedVm([[{ kind: "Hypercall", nr: 99, args: new Int32Array(12) }, shutdown()]]);
  await vm.run();
  assert.ok(cpu.calls.includes("setReturnValue -1 -1"));
});

Deno.test("AxVM ends with a sentence when a vCPU cannot enter the guest, a device fails, or every CPU is off", async () => {
  const entry = await scriptedVm([[{ kind: "FailEntry", reason: "no such mode" }]]);
  assert.deepEqual(await entry.vm.run(), {
    reason: "failed",
    code: 1,
    message: "virtual CPU 0 cannot enter the guest: no such mode",
  });
  const broken = registerDevice();
  broken.read = (): number => {
    throw new Error("register file on fire");
  };
  const read = { kind: "MmioRead", addr: 0x1000_0000, width: 4, reg: 5, regWidth: 8, signedExt: true } as const;
  const failing = await scriptedVm([[read]], { plugins: [devicePlugin(broken)] });
  const outcome = await failing.vm.run();
  assert.equal(outcome.reason, "failed");
  assert.match(
    JSON.stringify(outcome),
    /\[plugin test\] device \\"device0\\" at 0x10000000 failed: register file on fire/,
  );
  const off = await scriptedVm([[{ kind: "CpuDown" }]]);
  assert.match(JSON.stringify(await off.vm.run()), /every CPU of the guest has stopped itself/);
});

Deno.test("AxVM.run again after a stop boots from the start", async () => {
  const device = registerDevice();
  const { vm, cpu } = await scriptedVm([[shutdown(1), shutdown(2)]], { plugins: [devicePlugin(device)] });
  vm.memory.write(RAM + 0x1000, new Uint8Array([1, 2, 3]));
  assert.deepEqual(await vm.run(), { reason: "shutdown", code: 1 });
  vm.memory.write(RAM + 0x1000, new Uint8Array([1, 2, 3]));
  cpu.own.pc = 4;
  assert.deepEqual(await vm.run(), { reason: "shutdown", code: 2 });
  assert.equal(vm.steps, 1);
  assert.equal(cpu.getPc(), BigInt(RAM));
  assert.deepEqual(vm.memory.read(RAM + 0x1000, 3), new Uint8Array(3));
  assert.equal(device.state.resets, 2);
});

Deno.test("AxVM.stop works on a VM that never ran, one that is idle, one that runs and one that is off", async () => {
  const { vm } = await scriptedVm([[{ kind: "Halt" }]]);
  await vm.stop();
  assert.equal(vm.status, "stopped");
  const idle = vm.run();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(vm.vcpus[0].state, "Blocked");
  await vm.stop();
  assert.deepEqual(await idle, { reason: "stopped", code: 0 });
  const busy = vm.run();
  await vm.stop();
  assert.equal((await busy).reason, "stopped");
  await vm.stop();
  assert.equal(vm.status, "stopped");
});

Deno.test("AxVM.pause makes a VM stand still until resume; stop ends a paused one", async () => {
  const { vm } = await scriptedVm([[]]);
  const statuses: string[] = [];
  vm.onStatus((status) => statuses.push(status));
  const running = vm.run();
  await vm.pause();
  const { steps } = vm;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(vm.steps, steps);
  assert.equal(vm.vcpus[0].isBound, false);
  vm.resume();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(vm.steps > steps);
  await vm.pause();
  await vm.stop();
  assert.equal((await running).reason, "stopped");
  assert.deepEqual(statuses, ["running", "suspended", "running", "suspended", "stopping", "stopped"]);
});

Deno.test("AxVM refuses what its state does not allow, and names it", async () => {
  const { vm } = await scriptedVm([[]]);
  await assert.rejects(vm.pause(), /Cannot pause VM "vm0": it is loaded, not running/);
  await assert.rejects(vm.save(), StateError);
  const running = vm.run();
  assert.throws(() => vm.run(), /Cannot run VM "vm0": it is running already/);
  assert.throws(() => vm.resume(), /not paused/);
  await vm.dispose();
  await running;
  assert.throws(() => vm.run(), /it was disposed of/);
});

Deno.test("AxVM.run stops at an exact step and goes on from there", async () => {
  const { vm, cpu } = await scriptedVm([[]]);
  for (const maxSteps of [1, 2, 12_345, 200_001, 1_000_000]) {
    assert.equal((await vm.run({ maxSteps })).reason, "steps");
    assert.equal(vm.steps, maxSteps);
    assert.equal(vm.status, "suspended");
  }
  assert.equal(vm.ticks, 100_000);
  assert.equal(cpu.calls.filter((call) => call === "setup").length, 3);
  await vm.stop();
});

Deno.test("AxVM reboots on request of the guest, the host and a device, and keeps its devices", async () => {
  const device = registerDevice();
  const { vm, arch } = await scriptedVm([[
    { kind: "SystemDown", action: "reboot", code: 0 },
    { kind: "MmioWrite", addr: 0x1000_0000, width: 4, low: 1, high: 0 },
    shutdown(),
  ]], {
    plugins: [plugin((context) => {
      device.write = () => context.vm.reboot();
      context.device({ name: "device0", base: 0x1000_0000, size: 4, create: () => device });
    })],
  });
  const outcome = await vm.run();
  assert.deepEqual(outcome, { reason: "shutdown", code: 0 });
  assert.equal(vm.statistics().reboots, 2);
  assert.equal(arch.calls.filter((call) => call.startsWith("boot")).length, 3);
  assert.equal(device.state.disposals, 0);
  const second = await scriptedVm([[{ kind: "SystemDown", action: "reboot", code: 0 }]]);
  assert.deepEqual(await second.vm.run({ onReboot: "return" }), { reason: "reboot", code: 0 });
});

Deno.test("AxVM loads a kernel of flat bytes above the firmware's room, and refuses images that do not fit or collide", async () => {
  const { vm } = await scriptedVm([[shutdown()]], { kernel: { image: new Uint8Array([1, 2, 3, 4]) } });
  await vm.run();
  assert.deepEqual(vm.memory.read(RAM + 0x20_0000, 4), new Uint8Array([1, 2, 3, 4]));
  const large = await scriptedVm([[]], { kernel: { image: new Uint8Array(9 * 2 ** 20) } });
  await assert.rejects(
    large.vm.run(),
    /Cannot load the kernel at 0x80200000\.\.0x80b00000: RAM is 0x80000000\.\.0x80800000/,
  );
  const disk = new Uint8Array(0x1000);
  const colliding = await scriptedVm([[]], {
    kernel: { image: new Uint8Array(0x2000), ramdisk: disk, ramdisk_load_addr: RAM + 0x20_1000 },
  });
  await assert.rejects(colliding.vm.run(), /Cannot load the initial RAM disk at .*: the kernel lies at 0x80200000/);
});

Deno.test("AxVM with the minimal configuration has one CPU and 256 MiB", async () => {
  const { hypervisor } = await scriptedVm([[]]);
  const vm = await hypervisor.createVm({ kernel: { image: config().kernel.image } });
  assert.equal(vm.vcpus.length, 1);
  assert.deepEqual(vm.space.regions().map(({ start, size }) => [start, size]), [[RAM, 256 * 2 ** 20]]);
  await assert.rejects(hypervisor.createVm({}), ConfigError);
});

Deno.test("AxVM.pause and stop that meet the end of a run concern that run and no later one", async () => {
  const { vm } = await scriptedVm([[]]);
  const first = vm.run({ maxSteps: 10 });
  const paused = vm.pause();
  assert.equal((await first).reason, "steps");
  await paused;
  assert.equal((await vm.run({ maxSteps: 20 })).reason, "steps");
  const second = vm.run({ maxSteps: 30 });
  const stopped = vm.stop();
  await second;
  await stopped;
  assert.equal(vm.status, "stopped");
  assert.equal((await vm.run({ maxSteps: 10 })).reason, "steps");
  await vm.dispose();
});

Deno.test("AxVM.dispose releases the devices although the run that it ends fails", async () => {
  const device = registerDevice();
  const disposals: Promise<void>[] = [];
  const { vm } = await scriptedVm([[]], {
    plugins: [
      devicePlugin(device),
      plugin((context) =>
        context.onReset(() => {
          if (vm.status !== "running") return;
          disposals.push(vm.dispose(), vm.dispose());
          throw new Error("broken reset");
        }), "other"),
    ],
  });
  const running = vm.run();
  vm.reset();
  await assert.rejects(running, /broken reset/);
  assert.equal(disposals.length, 2);
  await Promise.all(disposals);
  assert.equal(device.state.disposals, 1);
});
