/**
 * Tests of snapshots: a saved VM goes on in another one as if nothing had happened.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Device } from "../../core/device.ts";
import type { PluginContext } from "../../core/plugin_types.ts";
import type { VmSnapshot } from "../../core/snapshot.ts";
import { decodeSnapshot, encodeSnapshot } from "../../core/snapshot_codec.ts";
import type { ScriptStep } from "./scripted_arch.ts";
import { plugin, RAM, RAM_SIZE, type ScriptedVm, scriptedVm } from "./vm_fixture.ts";

/** A device that counts timer ticks, sums random bytes, prints, and finishes background work that it keeps as data. */
function busyDevice(context: PluginContext): Device {
  const state = { ticks: 0, random: 0, pending: [] as number[], finished: [] as string[], echo: 0 };
  const port = context.console("tty");
  const timer = context.clock.timer("busy/tick", () => {
    state.ticks++;
    state.random += context.vm.random(1)[0];
    port.write(new Uint8Array([48 + state.ticks % 10]));
    timer.set(context.clock.now() + 300);
    if (state.ticks % 3 === 0) request(state.ticks);
  });
  const start = (id: number): void =>
    context.vm.later(Promise.resolve(id), (result) => {
      state.pending = state.pending.filter((other) => other !== result);
      state.finished.push(`${result} at ${context.clock.now()}`);
    });
  const request = (id: number): void => {
    state.pending.push(id);
    start(id);
  };
  return {
    state,
    read: () => (timer.set(100), 0),
    write: () => {},
    restored: () => state.pending.forEach(start),
  };
}

const start: ScriptStep = { kind: "MmioRead", addr: 0x1000_0000, width: 4, reg: 1, regWidth: 8, signedExt: false };

function busyVm(): Promise<ScriptedVm> {
  const touch = (
    cpu: { context?: { writeGuest(address: number, bytes: Uint8Array): boolean } },
  ): { kind: "Nothing" } => {
    cpu.context!.writeGuest(RAM + 0x1_2345, new Uint8Array([1, 2, 3]));
    return { kind: "Nothing" };
  };
  return scriptedVm([[start, touch], [start]], {
    base: { cpu_num: 2 },
    plugins: [plugin((context) => {
      context.device({ name: "busy", base: 0x1000_0000, size: 4, create: () => busyDevice(context) });
    })],
  });
}

async function result({ vm }: ScriptedVm): Promise<unknown> {
  return {
    steps: vm.steps,
    ticks: vm.ticks,
    device: vm.device("busy")!.state,
    hash: await vm.hashMemory(),
    printed: vm.console().outputBytes,
  };
}

Deno.test("AxVM.save at any step, as bytes into a fresh VM: it ends exactly like the VM that was never stopped", async () => {
  const whole = await busyVm();
  await whole.vm.run({ maxSteps: 60_000 });
  const expected = await result(whole);
  assert.ok((whole.vm.device("busy")!.state as { finished: string[] }).finished.length > 3);
  for (const at of [0, 1, 2, 999, 1001, 10_001, 19_000, 33_333, 59_999]) {
    const first = await busyVm();
    await first.vm.run({ maxSteps: at });
    const bytes = encodeSnapshot(await first.vm.save());
    const second = await busyVm();
    second.vm.restore(decodeSnapshot(bytes));
    assert.equal(second.vm.status, "suspended");
    assert.equal(second.vm.steps, at);
    await second.vm.run({ maxSteps: 60_000 });
    assert.deepEqual(await result(second), expected, `saved at step ${at}`);
    await first.vm.run({ maxSteps: 60_000 });
    assert.deepEqual(await result(first), expected, `went on after a save at step ${at}`);
  }
});

Deno.test("AxVM.restore brings back which memory had frames, and only memory that is not zero is carried", async () => {
  const { vm } = await scriptedVm([[{ kind: "NestedPageFault", addr: RAM + 0x40_0000, access: "read" }]]);
  await vm.run({ maxSteps: 1 });
  vm.memory.writeU32(RAM + 0x60_0ffc, 7);
  const snapshot = await vm.save();
  assert.deepEqual(
    snapshot.memory.filter(({ address }) => address === RAM + 0x60_0000).map(({ bytes }) => bytes.length),
    [0x1000],
  );
  const other = await scriptedVm([[]]);
  other.vm.restore(snapshot);
  for (const address of [RAM + 0x40_0000, RAM + 0x60_0ffc]) {
    assert.equal(other.vm.space.translate(address) !== undefined, vm.space.translate(address) !== undefined);
  }
  assert.equal(other.vm.memory.readU32(RAM + 0x60_0ffc), 7);
  assert.equal(await other.vm.hashMemory(), await vm.hashMemory());
});

Deno.test("AxVM.restore keeps blocked and stopped vCPUs, unread input and the exit counts", async () => {
  const make = (): Promise<ScriptedVm> =>
    scriptedVm([[{ kind: "Halt" }], []], {
      base: { cpu_num: 2 },
      plugins: [plugin((context) => void context.console("tty"))],
    });
  const { vm } = await make();
  vm.console().write("hello");
  const running = vm.run();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await vm.pause();
  const snapshot = await vm.save();
  await vm.stop();
  await running;
  const other = await make();
  other.vm.restore(snapshot);
  assert.deepEqual(other.vm.vcpus.map(({ state }) => state), ["Blocked", "Free"]);
  assert.equal(other.vm.console().inputPending, 5);
  assert.equal(other.vm.statistics().exits.Halt, 1);
});

Deno.test("AxVM.restore refuses a snapshot of another configuration in one sentence", async () => {
  const { vm } = await scriptedVm([[]]);
  await vm.run({ maxSteps: 1 });
  const snapshot = await vm.save();
  const two = await scriptedVm([[], []]);
  assert.throws(
    () => two.vm.restore(snapshot),
    /Cannot restore a snapshot into VM "vm0": its configuration differs: the snapshot has CPUs: 1, this VM has CPUs: 2/,
  );
  const slower = await scriptedVm([[]], { clock: { steps_per_tick: 7 } });
  assert.throws(
    () => slower.vm.restore(snapshot),
    /clock: virtual, 10 steps per tick, this VM has clock: virtual, 7 steps per tick/,
  );
  const more = await scriptedVm([[]], {
    plugins: [plugin((context) =>
      void context.device({
        name: "d",
        base: 0,
        size: 4,
        create: () => ({ state: {}, read: () => 0, write() {} }),
      })
    )],
  });
  assert.throws(
    () => more.vm.restore(snapshot),
    /the snapshot has no such entry, this VM has device "d": 0\+4, irq none/,
  );
  assert.throws(
    () => vm.restore({ ...snapshot, version: 99 }),
    /it is of version 99, but this program writes and reads version 1/,
  );
});

Deno.test("encodeSnapshot and decodeSnapshot carry everything that a state may hold", () => {
  const state = {
    numbers: [0, -1.5, Infinity, -Infinity, 2 ** 53],
    nothing: undefined,
    none: null,
    big: -(2n ** 70n),
    $: "our own mark",
    nested: { map: new Map<unknown, unknown>([[1, { a: new Set([1n, "x"]) }]]), text: "ü\0\u{1f600}" },
    views: [
      new Uint8Array([1, 2, 3]),
      new Int32Array([-1]),
      new Float64Array([NaN, 0.1]),
      new BigUint64Array([2n ** 63n]),
    ],
    part: new Uint8Array(new Uint8Array([9, 8, 7, 6]).buffer, 1, 2),
    shared: new Uint8Array(new SharedArrayBuffer(3)).fill(5),
    buffer: new Uint8Array([4, 5]).buffer,
  };
  const back = decodeSnapshot(encodeSnapshot(state as unknown as VmSnapshot)) as unknown as typeof state;
  assert.deepEqual(back, { ...state, part: new Uint8Array([8, 7]), shared: new Uint8Array([5, 5, 5]) });
  const zero = decodeSnapshot(encodeSnapshot({ z: -0, nan: NaN } as unknown as VmSnapshot)) as unknown as {
    z: number;
    nan: number;
  };
  assert.ok(Object.is(zero.z, -0) && Number.isNaN(zero.nan));
  assert.throws(
    () => encodeSnapshot({ f: () => {} } as unknown as VmSnapshot),
    /a state holds a function; a device's state must be plain/,
  );
});

Deno.test("decodeSnapshot refuses what is not a whole snapshot", () => {
  const bytes = encodeSnapshot({ data: new Uint8Array(100).fill(1) } as unknown as VmSnapshot);
  assert.throws(() => decodeSnapshot(new Uint8Array(3)), /the bytes do not begin as one/);
  assert.throws(() => decodeSnapshot(new TextEncoder().encode("x".repeat(64))), /the bytes do not begin as one/);
  for (const length of [17, 30, bytes.length - 80]) {
    assert.throws(() => decodeSnapshot(bytes.subarray(0, length)), /truncated/, `${length}`);
  }
  const damaged = bytes.slice();
  damaged[40] ^= 1;
  assert.throws(() => decodeSnapshot(damaged), /damaged/);
  const newer = bytes.slice();
  newer[8] = 9;
  assert.throws(() => decodeSnapshot(newer), /it is of version 9, but this program reads version 1/);
});

Deno.test("AxVM.hashMemory is SHA-256 of all RAM, whatever of it has frames", async () => {
  const { vm } = await scriptedVm([[]]);
  const digest = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
    Array.from(
      new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)),
      (byte) => byte.toString(16).padStart(2, "0"),
    ).join("");
  const ram = new Uint8Array(RAM_SIZE);
  assert.equal(await vm.hashMemory(), await digest(ram));
  assert.equal(vm.space.translate(RAM), undefined, "nothing was populated");
  ram[0x1_2345] = 99;
  vm.memory.writeU8(RAM + 0x1_2345, 99);
  assert.equal(await vm.hashMemory(), await digest(ram));
});

Deno.test("AxVM.restore gives each of a plugin's devices its own work in flight back, whichever asked first", async () => {
  const make = (): Promise<ScriptedVm> =>
    scriptedVm([[start]], {
      plugins: [plugin((context) => {
        ["a", "b"].forEach((name, index) => {
          const state = { pending: false, finished: 0 };
          const request = (): void => {
            state.pending = true;
            context.vm.later(Promise.resolve(), () => {
              state.pending = false;
              state.finished = context.clock.now();
            }, name);
          };
          const timer = context.clock.timer(`${name}/ask`, request);
          const device: Device = {
            state,
            read: () => 0,
            write: () => {},
            reset: () => timer.set(index === 0 ? 500 : 100), // the second device asks first
            restored: () => void (state.pending && request()),
          };
          context.device({ name, base: 0x1000_0000 + 16 * index, size: 4, create: () => device });
        });
      })],
    });
  const ends = ({ vm }: ScriptedVm): unknown => [vm.device("a")!.state, vm.device("b")!.state];
  const whole = await make();
  await whole.vm.run({ maxSteps: 30_000 });
  assert.deepEqual(ends(whole), [{ pending: false, finished: 1500 }, { pending: false, finished: 1100 }]);
  const first = await make();
  await first.vm.run({ maxSteps: 7000 });
  const second = await make();
  second.vm.restore(await first.vm.save());
  await second.vm.run({ maxSteps: 30_000 });
  assert.deepEqual(ends(second), ends(whole));
});
