/**
 * Tests of `VirtualClock` and `RealClock`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { RealClock } from "../../core/real_clock.ts";
import { VirtualClock } from "../../core/virtual_clock.ts";
import { plugin, scriptedVm } from "./vm_fixture.ts";

Deno.test("VirtualClock is a function of steps, exact inside a slice", () => {
  const clock = new VirtualClock({ stepsPerTick: 10, epoch: 5 });
  let running = 0;
  clock.setRunningSteps(() => running);
  assert.deepEqual([clock.frequency, clock.epoch, clock.now()], [10_000_000, 5, 0]);
  running = 9;
  assert.equal(clock.now(), 0);
  running = 10;
  assert.equal(clock.now(), 1);
  running = 0;
  clock.advance(25);
  assert.equal(clock.now(), 2);
  assert.equal(clock.stepsUntil(3), 5);
  assert.equal(clock.stepsUntil(2.5), 5);
  assert.equal(clock.stepsUntil(1), 0);
  assert.equal(clock.stepsUntil(Infinity), Infinity);
  clock.skipTo(100);
  assert.equal(clock.now(), 100);
  assert.equal(clock.stepsUntil(101), 5);
  clock.skipTo(50);
  assert.equal(clock.now(), 100);
});

Deno.test("VirtualClock runs timers in the order of deadlines, then names, each once", () => {
  const clock = new VirtualClock({ stepsPerTick: 1 });
  const ran: string[] = [];
  const b = clock.timer("b", () => ran.push("b"));
  const a = clock.timer("a", () => {
    ran.push("a");
    a.set(5); // Due at once: waits for the next call.
  });
  const c = clock.timer("c", () => {
    ran.push("c");
    b.cancel();
  });
  b.set(20);
  a.set(20);
  c.set(10);
  assert.equal(clock.nextDeadline, 10);
  clock.advance(9);
  clock.expire();
  assert.deepEqual(ran, []);
  clock.advance(11);
  clock.expire();
  assert.deepEqual(ran, ["c", "a"]);
  assert.equal(clock.nextDeadline, 5);
  clock.expire();
  assert.deepEqual(ran, ["c", "a", "a"]);
  assert.throws(() => clock.timer("a", () => {}), /Cannot make timer "a": a timer of that name exists/);
});

Deno.test("VirtualClock.save and restore carry deadlines as data", () => {
  const make = (): { clock: VirtualClock; ran: string[] } => {
    const ran: string[] = [];
    const clock = new VirtualClock();
    clock.timer("x", () => ran.push("x"));
    clock.timer("y", () => ran.push("y"));
    return { clock, ran };
  };
  const first = make();
  const state = (() => {
    first.clock.advance(123);
    first.clock.skipTo(1000);
    return structuredClone({ ...first.clock.save(), deadlines: { y: 1500 } });
  })();
  const second = make();
  second.clock.restore(state);
  assert.equal(second.clock.now(), 1000);
  assert.equal(second.clock.stepsUntil(1001), first.clock.stepsUntil(1001));
  second.clock.skipTo(1500);
  second.clock.expire();
  assert.deepEqual(second.ran, ["y"]);
  assert.throws(
    () => new VirtualClock({ stepsPerTick: 3 }).restore(state),
    /of 10 steps per tick into a virtual one of 3/,
  );
  assert.throws(() => new VirtualClock().restore(state), /Cannot restore timer "y": the VM has no timer of that name/);
});

Deno.test("VirtualClock tells when a timer becomes the earliest", () => {
  const clock = new VirtualClock();
  let told = 0;
  clock.onEarlierDeadline = (): void => void told++;
  const timer = clock.timer("t", () => {});
  const later = clock.timer("u", () => {});
  timer.set(100);
  later.set(200);
  timer.set(50);
  timer.set(300);
  assert.equal(told, 2);
  assert.equal(clock.nextDeadline, 200);
});

Deno.test("RealClock looks at the host's time once in some steps while slices follow each other", () => {
  let [ms, looks, running] = [1, 0, 0];
  const clock = new RealClock(() => (looks++, ms), () => 0);
  clock.setRunningSteps(() => running);
  clock.resume();
  looks = 0;
  clock.executing(true);
  assert.equal(clock.now(), 0);
  ms += 1;
  for (running = 1; running < 64; running++) assert.equal(clock.now(), 0);
  assert.equal(looks, 1);
  running = 64;
  assert.equal(clock.now(), 10_000, "later than that it is asked");
  ms += 1;
  running = 0;
  clock.advance(65);
  assert.equal(clock.now(), 10_000);
  for (let exit = 0; exit < 4; exit++) clock.advance(0);
  assert.equal(clock.now(), 20_000, "exits take time too");
  ms += 1;
  for (let access = 0; access < 3; access++) clock.worked();
  assert.equal(clock.now(), 20_000);
  clock.worked();
  assert.equal(clock.now(), 30_000, "so do devices");
  ms += 1;
  clock.executing(false);
  assert.equal(clock.now(), 40_000);
  ms += 1;
  assert.equal(clock.now(), 50_000, "else it is always asked");
  ms += 1;
  clock.executing(true);
  assert.equal(clock.now(), 60_000, "and at the start");
});

Deno.test("RealClock follows the host, stands still while paused and never runs backwards", () => {
  let ms = 1000;
  let wall = 5000;
  const clock = new RealClock(() => ms, () => wall);
  assert.equal(clock.now(), 0);
  ms += 50;
  assert.equal(clock.now(), 0);
  clock.resume();
  ms += 2.5;
  assert.equal(clock.now(), 25_000);
  ms -= 1;
  assert.equal(clock.now(), 25_000);
  ms += 1;
  clock.pause();
  ms += 1000;
  wall += 1;
  assert.equal(clock.now(), 25_000);
  clock.resume();
  assert.equal(clock.epoch, 5001 - 0.0025);
  ms += 1;
  assert.equal(clock.now(), 35_000);
  assert.equal(clock.millisecondsUntil(45_000), 1);
  assert.equal(clock.millisecondsUntil(Infinity), Infinity);
  assert.equal(clock.stepsUntil(35_000), 0);
  assert.ok(clock.stepsUntil(10_000_000) > 1_000_000);
});

Deno.test("A timer that is set during a slice fires at its exact step, whatever the slice was", async () => {
  const log: string[] = [];
  const { vm } = await scriptedVm([[]], {
    plugins: [plugin((context) => {
      const timer = context.clock.timer("test/tick", () => {
        log.push(`${vm.steps}`);
        timer.set(context.clock.now() + 777);
      });
      timer.set(1);
    })],
  });
  await vm.run({ maxSteps: 1 });
  // Deadlines were removed by the boot; arm again from outside.
  assert.deepEqual(log, []);
  const timer = await armed();
  assert.deepEqual(timer, ["12340", "20110", "27880"]);
});

/** A guest that reads a device which arms a timer 1234 ticks ahead. */
async function armed(): Promise<string[]> {
  const log: string[] = [];
  const { vm } = await scriptedVm([[{
    kind: "MmioRead",
    addr: 0x1000_0000,
    width: 4,
    reg: 1,
    regWidth: 8,
    signedExt: false,
  }]], {
    plugins: [plugin((context) => {
      const timer = context.clock.timer("test/tick", () => {
        log.push(`${vm.steps}`);
        timer.set(context.clock.now() + 777);
      });
      const device = { state: {}, read: () => (timer.set(1234), 0), write: () => {} };
      context.device({ name: "d", base: 0x1000_0000, size: 4, create: () => device });
    })],
  });
  await vm.run({ maxSteps: 30_000 });
  return log;
}
