/**
 * Snapshots of real guests: stopped anywhere, carried as a file into a new process, they end as if nothing had happened.
 *
 * @module
 */
import assert from "node:assert/strict";
import { decodeSnapshot, encodeSnapshot } from "../../core/snapshot_codec.ts";
import { Random } from "../arch/riscv/random.ts";
import { listen, resultOf, type RunResult, runWith, workload } from "./workloads.ts";

const CHILD = new URL("snapshot_child.ts", import.meta.url);

/** Processes at once. */
const PARALLEL = 2;

/** Seed of the moments at which guests are stopped; a failure's message has the moment. */
const SEED = 20_250_101;

/** Runs a workload without a stop. */
async function uninterrupted(name: string): Promise<RunResult> {
  const work = workload(name);
  await using vm = await work.create();
  const shown = listen(vm);
  const outcome = await runWith(vm, work);
  assert.deepEqual(outcome, { reason: "shutdown", code: 0 }, shown());
  return await resultOf(vm, outcome, shown());
}

/** Runs to `steps`, saves, and lets a new process go on; the console's output is that of both. */
async function interrupted(name: string, steps: number, file: string): Promise<RunResult & { inFlight: boolean }> {
  const work = workload(name);
  await using vm = await work.create();
  const shown = listen(vm);
  await runWith(vm, work, steps);
  assert.equal(vm.steps, steps, "the run stops at exactly the step that was asked for");
  const snapshot = await vm.save();
  await Deno.writeFile(file, encodeSnapshot(snapshot));
  const args = ["run", "--allow-read", "--no-check", CHILD.href, name, file];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.ok(success, `stopped at ${steps}: ${new TextDecoder().decode(stderr)}`);
  const result = JSON.parse(new TextDecoder().decode(stdout)) as RunResult;
  const inFlight = Object.values(snapshot.completions).some((dues) => dues.length > 0);
  return { ...result, console: shown() + result.console, inFlight };
}

/** Stops a workload at each of the steps, and compares every end with the uninterrupted one; tells how many had work in flight. */
async function compare(name: string, whole: RunResult, stops: readonly number[]): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "snapshots-" });
  let withWork = 0;
  try {
    const queue = [...stops];
    const worker = async (): Promise<void> => {
      for (let steps = queue.shift(); steps !== undefined; steps = queue.shift()) {
        const { inFlight, ...result } = await interrupted(name, steps, `${folder}/${steps}`);
        assert.deepEqual(result, whole, `"${name}" stopped at step ${steps}`);
        withWork += Number(inFlight);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return withWork;
}

/** So many moments before the end of a run. */
function moments(random: Random, count: number, steps: number): number[] {
  return Array.from({ length: count }, () => 1 + random.below(steps - 1));
}

Deno.test("AxVM.save: the demo, stopped at 20 random steps and carried into new processes, ends the same", async () => {
  const whole = await uninterrupted("demo");
  await compare("demo", whole, moments(new Random(SEED), 20, whole.steps));
});

for (const name of ["busy", "busy-machine"]) {
  Deno.test(`AxVM.save: "${name}" with disk requests in flight, timers and console input ends the same in new processes`, async () => {
    const whole = await uninterrupted(name);
    const inFlight = await compare(name, whole, moments(new Random(SEED + 1), 3, whole.steps));
    assert.ok(inFlight > 0, "some snapshots were taken with requests in flight");
  });
}

for (const cpus of [2, 4]) {
  Deno.test(`AxVM.save: a guest with ${cpus} CPUs that lock, interrupt and fence each other ends the same in new processes`, async () => {
    const whole = await uninterrupted(`smp${cpus}`);
    await compare(`smp${cpus}`, whole, moments(new Random(SEED + cpus), 3, whole.steps));
  });
}

Deno.test("AxVM.save: a guest that moves through 12 VMs, each made from the snapshot of the one before, ends the same", async () => {
  for (const name of ["busy", "smp4"]) {
    const whole = await uninterrupted(name);
    const random = new Random(SEED + 9);
    let work = workload(name);
    let vm = await work.create();
    let shown = listen(vm);
    let text = "";
    const hops = moments(random, 12, whole.steps).sort((a, b) => a - b);
    for (const steps of hops) {
      await runWith(vm, work, steps);
      const bytes = encodeSnapshot(await vm.save());
      text += shown();
      await vm.dispose();
      work = workload(name);
      vm = await work.create();
      shown = listen(vm);
      vm.restore(decodeSnapshot(bytes));
    }
    const outcome = await runWith(vm, work);
    assert.deepEqual(await resultOf(vm, outcome, text + shown()), whole, `"${name}" through ${hops}`);
    await vm.dispose();
  }
});

Deno.test("AxVM.save: a running VM that is paused, saved and resumed ends the same, and so does its snapshot", async () => {
  for (const name of ["demo", "smp4"]) {
    const whole = await uninterrupted(name);
    const work = workload(name);
    await using vm = await work.create();
    const shown = listen(vm);
    const ended = vm.run();
    const saved: { bytes: Uint8Array; shown: string }[] = [];
    // It may reach its end at any await.
    const isNow = (status: string): boolean => vm.status === status;
    for (let i = 0; i < 3; i++) {
      // The first time at once: the demo has ended when its host gets its second turn.
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, 2));
      if (!isNow("running")) break;
      await vm.pause();
      if (!isNow("suspended")) break;
      saved.push({ bytes: encodeSnapshot(await vm.save()), shown: shown() });
      vm.resume();
    }
    assert.deepEqual(await resultOf(vm, await ended, shown()), whole, name);
    assert.ok(saved.length > 0);
    for (const { bytes, shown: before } of saved) {
      await using other = await workload(name).create();
      const after = listen(other);
      other.restore(decodeSnapshot(bytes));
      assert.deepEqual(await resultOf(other, await other.run(), before + after()), whole, name);
    }
  }
});
