/**
 * Tests of the run loop: turns, events at exact steps, real time, background work, unusual exits.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Hypervisor } from "../../core/hypervisor.ts";
import { createMinimalHost, type VmHost } from "../../core/vm_host.ts";
import { scriptedArch, type ScriptStep } from "./scripted_arch.ts";
import { config, plugin, RAM, scriptedVm, shutdown } from "./vm_fixture.ts";

/** A host whose time the test moves. */
function fakeHost(): VmHost & { now: number; sleeps: number[]; yields: number } {
  const host = {
    ...createMinimalHost(),
    realTime: true,
    now: 0,
    sleeps: [] as number[],
    yields: 0,
    nowMs: (): number => host.now,
    wallClockSeconds: (): number => 1000,
    yieldToHost: (): Promise<void> => {
      host.yields++;
      host.now += 0.01;
      return new Promise((resolve) => setTimeout(resolve, 0));
    },
    sleep: (ms: number): { done: Promise<void>; cancel: () => void } => {
      host.sleeps.push(ms);
      if (ms === Infinity) {
        let cancel!: () => void;
        return { done: new Promise((resolve) => cancel = resolve), cancel };
      }
      host.now += ms;
      return { done: new Promise((resolve) => setTimeout(resolve, 0)), cancel: () => {} };
    },
  };
  return host;
}

Deno.test("VmRunner gives every CPU that can run the same turns, the shorter the more there are", async () => {
  const { vm, arch } = await scriptedVm([
    [{ kind: "CpuUp", targetCpu: 1, entryPoint: RAM, argLow: 0, argHigh: 0 }],
    [],
    [],
  ]);
  await vm.run({ maxSteps: 200_000 });
  const steps = arch.cpus.map(({ calls }) =>
    calls.filter((call) => call.startsWith("run")).reduce((sum, call) => sum + Number(call.split(" ")[1]), 0)
  );
  assert.equal(steps[2], 0);
  // The CpuUp used one step of the budget that it was given.
  assert.ok(Math.abs(steps[0] - steps[1]) <= 40_000, `${steps}`);
  assert.equal(vm.steps, 200_000);
});

Deno.test("VmRunner ends a slice where a CPU's own timer interrupt is due, on the step", async () => {
  const budgets: number[] = [];
  const note: ScriptStep = (cpu, budget) => {
    budgets.push(budget);
    cpu.steps = budget;
    if (budgets.length === 1) cpu.deadline = 50_000; // The guest moves it, which ends the run early.
    if (budgets.length === 1) cpu.steps = 5;
    return { kind: "Nothing" };
  };
  const { vm } = await scriptedVm([[note, note, note]]);
  await vm.run({ maxSteps: 2_000_000 });
  assert.equal(budgets[0], 400_000);
  assert.equal(budgets[1], 399_795, "until the host gets its turn: the deadline lies behind that");
  assert.equal(budgets[2], 100_200, "the deadline, 50,000 ticks of 10 steps");
});

Deno.test("VmRunner stops a running slice when something inside it arms an earlier timer or powers off", async () => {
  const calls: string[] = [];
  const arch = scriptedArch([
    (cpu) => {
      cpu.steps = 100;
      (arch.extensions[0] as { arm(): void }).arm();
      calls.push(`kicked ${cpu.calls.at(-1)}`);
      return { kind: "Nothing" };
    },
    (cpu, budget) => {
      calls.push(`next budget ${budget}`);
      cpu.steps = budget;
      return { kind: "Nothing" };
    },
    () => {
      (arch.extensions[0] as { off(): void }).off();
      return { kind: "Nothing" };
    },
  ]);
  const hypervisor = new Hypervisor({ architectures: [arch] });
  const second = await hypervisor.createVm(config({
    plugins: [plugin((context) => {
      const timer = context.clock.timer("test/timer", () => calls.push(`timer at step ${second.steps}`));
      context.extend({ name: "scripted" }, {
        arm: () => timer.set(context.clock.now() + 10),
        off: () => context.vm.powerOff(4),
      });
    })],
  }));
  assert.deepEqual(await second.run(), { reason: "shutdown", code: 4 });
  assert.deepEqual(calls, ["kicked kick", "next budget 100", "timer at step 200"]);
});

Deno.test("VmRunner answers port and system-register accesses with a fault, and goes on after a host interrupt", async () => {
  const { vm, cpu } = await scriptedVm([[
    { kind: "IoRead", port: 0x60, width: 1 },
    { kind: "IoWrite", port: 0x60, width: 1, data: 1 },
    { kind: "SysRegRead", addr: 1, reg: 2 },
    { kind: "SysRegWrite", addr: 1, low: 0, high: 0 },
    { kind: "ExternalInterrupt", vector: 9 },
    shutdown(),
  ]]);
  assert.deepEqual(await vm.run(), { reason: "shutdown", code: 0 });
  assert.deepEqual(cpu.calls.filter((call) => call.startsWith("inject")), [
    "injectFault access read",
    "injectFault access write",
    "injectFault access read",
    "injectFault access write",
  ]);
});

Deno.test("VmRunner in real time sleeps until the earliest timer, and until input when there is none", async () => {
  const host = fakeHost();
  const { vm } = await scriptedVm([[
    { kind: "Halt" },
    (cpu) => (cpu.setInterrupt(9, false), { kind: "Halt" }),
    shutdown(),
  ]], {
    plugins: [plugin((context) => {
      const line = context.irq("cpu0/external")!;
      const port = context.console("tty");
      port.onInput(() => line.set(true));
      const timer = context.clock.timer("test/wake", () => line.set(true));
      let armed = false;
      context.onExit((_cpu, exit) => {
        if (exit.kind === "Halt" && !armed) timer.set(context.clock.now() + 250_000);
        armed = true;
      });
    })],
  }, { host });
  const running = vm.run();
  while (host.sleeps.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(host.sleeps, [Infinity, 25, Infinity], "the first one keeps the process alive");
  const { yields } = host;
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(host.yields, yields, "an idle VM does not spin");
  vm.console().write("x");
  assert.deepEqual(await running, { reason: "shutdown", code: 0 });
});

Deno.test("VmRunner lets the host take a turn every few milliseconds of its time, however slow the guest is", async () => {
  for (const stepsPerMs of [200_000, 20_000, 1000]) {
    const host = fakeHost();
    const { vm } = await scriptedVm([[]], {}, { host });
    host.nowMs = (): number => vm.steps / stepsPerMs;
    const milliseconds = 200;
    await vm.run({ maxSteps: milliseconds * stepsPerMs });
    assert.ok(host.yields >= milliseconds / 20 && host.yields <= milliseconds / 5, `${stepsPerMs}: ${host.yields}`);
  }
});

Deno.test("Completions in real time enter through the inbox, and a reset drops what is in flight", async () => {
  const host = fakeHost();
  const log: string[] = [];
  let finish!: (value: string) => void;
  const { vm } = await scriptedVm([[{ kind: "Halt" }, shutdown()]], {
    plugins: [plugin((context) => {
      const line = context.irq("cpu0/external")!;
      context.onExit((_cpu, exit) => {
        if (exit.kind !== "Halt") return;
        context.vm.later(new Promise<string>((resolve) => finish = resolve), (result) => {
          log.push(result);
          line.set(true);
        });
      });
    })],
  }, { host });
  const events: string[] = [];
  vm.onEvent = ({ kind, target }): void => void events.push(`${kind} ${target}`);
  const running = vm.run();
  while (host.sleeps.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  finish("done");
  assert.deepEqual(await running, { reason: "shutdown", code: 0 });
  assert.deepEqual([log, events], [["done"], ["completion test"]]);

  const other = await scriptedVm([[{ kind: "ExternalInterrupt", vector: 0 }]], {
    plugins: [plugin((context) =>
      void context.onExit((_cpu, exit) => {
        if (exit.kind === "ExternalInterrupt" && log.length === 1) {
          log.push("asked");
          context.vm.later(new Promise<string>((resolve) => finish = resolve), (result) => log.push(result));
        }
      })
    )],
  });
  await other.vm.run({ maxSteps: 1 });
  await other.vm.stop();
  finish("too late");
  await other.vm.run({ maxSteps: 100_000 });
  assert.deepEqual(log, ["done", "asked"]);
});

Deno.test("A VM in machine mode has its RAM in one linear piece", async () => {
  const { vm } = await scriptedVm([[shutdown()]], {
    base: { cpu_num: 1, mode: "machine" },
    kernel: { image: new Uint8Array([7]) },
  });
  assert.deepEqual(vm.space.regions().map(({ kind }) => kind), ["linear"]);
  await vm.run();
  assert.equal(vm.memory.readU8(RAM), 7, "flat bytes go to the start of RAM when there is no firmware");
});

Deno.test("Images are read through the host; what is missing is named in one sentence", async () => {
  const files = new Map([["file:///vm/kernel.bin", new Uint8Array([1, 2])]]);
  const host = {
    ...createMinimalHost(),
    readFile: (url: URL): Promise<Uint8Array> => {
      const bytes = files.get(url.href);
      return bytes ? Promise.resolve(bytes) : Promise.reject(new Error("there is no such file"));
    },
  };
  const hypervisor = new Hypervisor({ architectures: [scriptedArch([shutdown()])], host });
  const base = "file:///vm/vm.toml";
  const vm = await hypervisor.createVm({ kernel: { kernel_path: "kernel.bin" } }, { base });
  await vm.run();
  assert.deepEqual(vm.memory.read(RAM + 0x20_0000, 2), new Uint8Array([1, 2]));
  await assert.rejects(
    hypervisor.createVm({ kernel: { kernel_path: "kernel.bin", ramdisk_path: "initrd" } }, { base }),
    /^HypervisorError: Cannot read kernel\.ramdisk_path "initrd" \(file:\/\/\/vm\/initrd\): there is no such file$/,
  );
  await assert.rejects(
    hypervisor.createVm({ kernel: { kernel_path: "kernel.bin" } }),
    /Cannot resolve kernel\.kernel_path "kernel\.bin"/,
  );
  const disk = plugin(async (context) => void await context.vm.openBlock("disk.img", "rw"), "disk");
  await assert.rejects(
    hypervisor.createVm(config({ plugins: [disk] })),
    /^HypervisorError: \[plugin disk\] Cannot open disk image "disk\.img": this host has no files/,
  );
});
