/** Virtual time: a guest's run is a function of its configuration, whatever the host does and however the run is cut. @module */
import assert from "node:assert/strict";
import { createMinimalHost, type VmHost } from "../../core/vm_host.ts";
import { Random } from "../arch/riscv/random.ts";
import { listen, resultOf, type RunResult, runWith, workload, type WorkloadOptions } from "./workloads.ts";

const NAMES = ["demo", "busy", "busy-machine", "smp2", "smp4", "faulting"];

/** Runs a workload in chunks of steps that `chunk` gives. */
async function run(name: string, options: WorkloadOptions = {}, chunk?: () => number): Promise<RunResult> {
  const work = workload(name, options);
  await using vm = await work.create();
  const shown = listen(vm);
  const outcome = await runWith(vm, work, Infinity, chunk);
  assert.deepEqual(outcome, { reason: "shutdown", code: 0 }, shown());
  return await resultOf(vm, outcome, shown());
}

/** A host whose time leaps, stands still, and whose event loop takes its time. */
function noisyHost(random: Random): VmHost {
  let now = 0;
  return {
    ...createMinimalHost(),
    realTime: true,
    nowMs: () => now += [0, 0.001, 3, 1000][random.below(4)],
    wallClockSeconds: () => random.word(),
    yieldToHost: () => new Promise((resolve) => setTimeout(resolve, random.below(3))),
    random: (bytes) => void bytes.forEach((_, i) => bytes[i] = random.below(256)),
  };
}

/** The results of plain runs, made when first asked for. */
const plainRuns: Record<string, Promise<RunResult>> = {};

function plain(name: string): Promise<RunResult> {
  return plainRuns[name] ??= run(name);
}

for (const name of NAMES) {
  Deno.test(`AxVM.run under the virtual clock: two runs of "${name}" give equal steps, console bytes, RAM and disk`, async () => {
    assert.deepEqual(await run(name), await plain(name));
  });

  Deno.test(`AxVM.run under the virtual clock: "${name}" run in odd chunks of steps is the same run`, async () => {
    const random = new Random(7);
    const { steps } = await plain(name);
    const longest = Math.ceil(steps / 300);
    assert.deepEqual(await run(name, {}, () => 1 + random.below(longest)), await plain(name));
  });

  Deno.test(`AxVM.run under the virtual clock: "${name}" on a host with leaping time is the same run`, async () => {
    assert.deepEqual(await run(name, { host: noisyHost(new Random(8)) }), await plain(name));
  });
}

Deno.test("AxVM.run under the virtual clock: single steps through interrupts, device accesses and faults are the same run", async () => {
  const random = new Random(9);
  // 4000 single steps in bursts spread over the run.
  let burst = 0;
  const chunk = (): number => {
    if (burst === 0) {
      burst = 100;
      return 1 + random.below(10_000);
    }
    burst--;
    return 1;
  };
  assert.deepEqual(await run("busy", {}, chunk), await plain("busy"));
  assert.deepEqual(await run("faulting", {}, () => 1), await plain("faulting"));
});

Deno.test("AxVM.run under the virtual clock: the oracle gives the same run as the interpreter", async () => {
  assert.deepEqual(await run("busy", { engine: "oracle" }), await plain("busy"));
});
