/**
 * The contract suite of {@link Device}: run on every device model.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { AccessWidth } from "../../core/address.ts";
import type { Device } from "../../core/device.ts";
import { FakeClock, FakeConsole, FakeLine, FakeMemory, FakeVm } from "./plugin_context.ts";

/** What a device under test is connected to. */
export class DeviceWorld {
  /** The device's own wire. */
  readonly irq: FakeLine = new FakeLine();
  /** Wires for interrupt controllers. */
  readonly lines: FakeLine[] = Array.from({ length: 4 }, () => new FakeLine());
  /** Its clock. */
  readonly clock: FakeClock = new FakeClock();
  /** Its console. */
  readonly console: FakeConsole = new FakeConsole();
  /** Its memory. */
  readonly memory: FakeMemory = new FakeMemory();
  /** Its VM. */
  readonly vm: FakeVm = new FakeVm();

  /** What the outside can see of the device now. */
  levels(): boolean[] {
    return [this.irq, ...this.lines].map((line) => line.level);
  }

  /** Makes this world's clock, console and memory as those of another world. */
  copyFrom(other: DeviceWorld): void {
    this.clock.ticks = other.clock.ticks;
    this.console.input = [...other.console.input];
    this.memory.bytes.set(other.memory.bytes);
  }
}

/** How a device is tried. */
export interface DeviceCase {
  /** Name in the tests: the exported class. */
  readonly name: string;
  /** Bytes of its window. */
  readonly size: number;
  /** Offsets worth trying, beside random ones. */
  readonly offsets: readonly number[];
  /** Makes one. */
  create(world: DeviceWorld): Device;
  /** Puts the device into an interesting state before random accesses; also fills memory where it needs some. */
  prepare?(device: Device, world: DeviceWorld): void;
}

/** A generator of numbers below 2^32 that a seed decides (xorshift32). */
export function seeded(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

const WIDTHS: readonly AccessWidth[] = [1, 2, 4];

/** Values that registers tend to care about. */
const VALUES = [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x5555, 0x7777, 0xffff_ffff];

/** Runs random accesses, time and input against a device and returns all that could be seen from outside. */
function exercise(device: Device, world: DeviceWorld, testCase: DeviceCase, seed: number, steps: number): unknown[] {
  const random = seeded(seed);
  const seen: unknown[] = [];
  for (let step = 0; step < steps; step++) {
    const known = random() % 4 !== 0;
    const offset = known ? testCase.offsets[random() % testCase.offsets.length] : random() % testCase.size;
    const width = known && random() % 4 !== 0 ? 4 : WIDTHS[random() % 3];
    const value = random() % 2 ? VALUES[random() % VALUES.length] : random();
    const masked = width === 4 ? value : value & (width === 1 ? 0xff : 0xffff);
    const action = random() % 8;
    if (action < 4) device.write(offset, masked, width);
    else if (action < 7) seen.push(device.read(offset, width));
    else if (random() % 2) world.clock.advance(random() % 10_000);
    else world.console.type(String.fromCharCode(random() % 128));
    seen.push(world.levels().map(Number).join(""));
  }
  return [...seen, world.console.output.splice(0), world.vm.powerOffs.splice(0), world.vm.reboots];
}

function fresh(testCase: DeviceCase): { world: DeviceWorld; device: Device } {
  const world = new DeviceWorld();
  return { world, device: testCase.create(world) };
}

/** Fills a device's state as a VM does when a snapshot is restored. */
export function restore(device: Device, snapshot: object): void {
  Object.assign(device.state, structuredClone(snapshot));
  device.restored?.();
}

function testSnapshot(testCase: DeviceCase): void {
  for (let seed = 1; seed <= 12; seed++) {
    const { world, device } = fresh(testCase);
    testCase.prepare?.(device, world);
    exercise(device, world, testCase, seed, 60 * seed);
    world.vm.reboots = 0;
    const snapshot = structuredClone(device.state);
    const saved = new DeviceWorld();
    saved.copyFrom(world);

    const other = fresh(testCase);
    other.world.copyFrom(saved);
    restore(other.device, snapshot);
    assert.deepEqual(other.world.levels(), world.levels(), `seed ${seed}: wires of the restored device`);

    const expected = exercise(device, world, testCase, seed + 100, 200);
    assert.deepEqual(
      exercise(other.device, other.world, testCase, seed + 100, 200),
      expected,
      `seed ${seed}: elsewhere`,
    );

    world.copyFrom(saved);
    world.vm.reboots = 0;
    world.clock.deadlines.clear();
    restore(device, snapshot);
    assert.deepEqual(exercise(device, world, testCase, seed + 100, 200), expected, `seed ${seed}: in place`);
  }
}

function testOddAccesses(testCase: DeviceCase): void {
  const { world, device } = fresh(testCase);
  testCase.prepare?.(device, world);
  const odd = [1, 2, 3, 5, 6, 7, testCase.size - 1, testCase.size, testCase.size + 4, 0x7fff_fffc, 0xffff_fffc];
  for (const offset of [...testCase.offsets, ...odd]) {
    for (const width of WIDTHS) {
      for (const value of [0, 1, 0xff, 0xffff_ffff]) {
        device.write(offset, width === 4 ? value : value & ((1 << (8 * width)) - 1), width);
        const read = device.read(offset, width);
        const limit = 2 ** (8 * width);
        assert.ok(
          Number.isInteger(read) && read >= 0 && read < limit,
          `read(0x${offset.toString(16)}, ${width}) gave ${read}`,
        );
      }
    }
  }
}

function testReset(testCase: DeviceCase): void {
  for (let seed = 1; seed <= 6; seed++) {
    const { world, device } = fresh(testCase);
    const powerOn = structuredClone(device.state);
    testCase.prepare?.(device, world);
    exercise(device, world, testCase, seed, 300);
    world.console.input = []; // input that waits is the console's, and would be taken again at once
    device.reset?.();
    assert.deepEqual(device.state, powerOn, `seed ${seed}: state`);
    assert.ok(!world.irq.level, `seed ${seed}: the wire is low`);
  }
}

/** Registers the tests of the contract for one device. */
export function deviceContract(testCase: DeviceCase): void {
  Deno.test(`${testCase.name} goes on as before when its state is restored, in place and elsewhere`, () => {
    testSnapshot(testCase);
  });
  Deno.test(`${testCase.name} answers odd widths and offsets with a number of the width, and never throws`, () => {
    testOddAccesses(testCase);
  });
  Deno.test(`${testCase.name}.reset returns to the power-on state`, () => {
    testReset(testCase);
  });
  Deno.test(`${testCase.name}.state is plain data`, () => {
    const { device } = fresh(testCase);
    assert.deepEqual(structuredClone(device.state), device.state);
  });
}
