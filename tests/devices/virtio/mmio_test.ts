/** Tests of the virtio-mmio transport: registers, negotiation, reset, and what happens when a driver breaks the rules. @module */
import assert from "node:assert/strict";
import { type VirtioDevice, VirtioMmio, type VirtioTransport } from "../../../devices/virtio/mmio.ts";
import { deviceContract } from "../../contract/device.ts";
import { FakeLine, FakeMemory } from "../../contract/plugin_context.ts";
import { AVAIL, DATA, Driver, EVENT_IDX, INDIRECT_DESC, NEXT, RING_RESET, USED, VERSION_1, WRITE } from "./driver.ts";

/** A device that gives every chain back at once. */
class Echo implements VirtioDevice {
  readonly deviceId = 42;
  readonly features = [3];
  readonly queueSizes = [64, 4];
  readonly config = Uint8Array.of(1, 2, 3, 4, 5);
  readonly state = { served: 0 };
  resets: (number | undefined)[] = [];
  transport!: VirtioTransport;

  connect(transport: VirtioTransport): void {
    this.transport = transport;
  }

  notify(queue: number): void {
    for (let chain = this.transport.pop(queue); chain; chain = this.transport.pop(queue)) {
      this.state.served++;
      this.transport.push(queue, chain.head, 0);
    }
    this.transport.signal(queue);
  }

  reset(queue?: number): void {
    this.resets.push(queue);
    this.state.served = 0;
  }
}

const REGISTERS = Array.from({ length: 0x44 }, (_, i) => 4 * i);

deviceContract({
  name: "VirtioMmio with an empty slot",
  size: 0x1000,
  offsets: REGISTERS,
  create: (world) => new VirtioMmio(world.irq, world.memory),
});

deviceContract({
  name: "VirtioMmio",
  size: 0x1000,
  offsets: REGISTERS,
  create: (world) => new VirtioMmio(world.irq, world.memory, new Echo()),
  prepare(device, world) {
    for (const [offset, value] of [[0x24, 1], [0x20, 1], [0x70, 11], [0x38, 4], [0x84, 0], [0x80, world.memory.base]]) {
      device.write(offset, value, 4);
    }
    device.write(0x90, world.memory.base + 0x1000, 4);
    device.write(0xa0, world.memory.base + 0x2000, 4);
    device.write(0x44, 1, 4);
    device.write(0x70, 15, 4);
  },
});

Deno.test("VirtioMmio identifies itself", () => {
  const driver = new Driver(new Echo());
  assert.deepEqual([0, 4, 8].map((offset) => driver.get(offset)), [0x74726976, 2, 42]);
  assert.equal(driver.get(0x34), 64);
  driver.set(0x30, 1);
  assert.equal(driver.get(0x34), 4);
  driver.set(0x30, 2);
  assert.equal(driver.get(0x34), 0, "no such queue");
  assert.equal(driver.get(0xb0), 0xffff_ffff, "no shared memory");
});

Deno.test("VirtioMmio reads device ID 0 and ignores writes where a slot is empty", () => {
  const driver = new Driver(undefined);
  assert.deepEqual([0, 4, 8].map((offset) => driver.get(offset)), [0x74726976, 2, 0]);
  driver.set(0x70, 1);
  driver.kick();
  assert.equal(driver.get(0x70), 0);
  assert.equal(driver.get(0x100), 0);
});

Deno.test("VirtioMmio offers the device's features, VERSION_1, indirect descriptors, event index and ring reset", () => {
  const driver = new Driver(new Echo());
  const offered = new Set<number>();
  for (const sel of [0, 1, 2]) {
    driver.set(0x14, sel);
    const word = driver.get(0x10);
    for (let bit = 0; bit < 32; bit++) if (word & (1 << bit)) offered.add(sel * 32 + bit);
  }
  assert.deepEqual([...offered], [3, INDIRECT_DESC, EVENT_IDX, VERSION_1, RING_RESET]);
});

Deno.test("VirtioMmio refuses FEATURES_OK without VERSION_1 and for a feature that it does not offer", () => {
  for (const words of [[8, 0], [0x10, 1], [0, 3]]) {
    const driver = new Driver(new Echo());
    driver.set(0x70, 3);
    for (const sel of [0, 1]) {
      driver.set(0x24, sel);
      driver.set(0x20, words[sel]);
    }
    driver.set(0x70, 11);
    assert.equal(driver.get(0x70), 3);
    driver.set(0x70, 15);
    assert.equal(driver.get(0x70), 3, "and no DRIVER_OK without it");
  }
});

Deno.test("VirtioMmio does not change features after FEATURES_OK", () => {
  const driver = new Driver(new Echo());
  driver.start();
  driver.set(0x24, 1);
  driver.set(0x20, 0);
  assert.deepEqual(driver.mmio.state.driverFeatures, [0, 1]);
});

Deno.test("VirtioMmio serves a queue, interrupts, and lowers the wire when that is acknowledged", () => {
  const driver = new Driver(new Echo());
  driver.start();
  driver.chain([{ address: DATA, length: 1 }], 3);
  assert.deepEqual(driver.submit(3), { id: 3, length: 0 });
  assert.ok(driver.irq.level);
  assert.equal(driver.get(0x60), 1);
  driver.set(0x64, 2);
  assert.ok(driver.irq.level, "another bit acknowledges nothing");
  driver.set(0x64, 1);
  assert.ok(!driver.irq.level);
});

Deno.test("VirtioMmio serves nothing before DRIVER_OK and nothing from a queue that is not ready", () => {
  const echo = new Echo();
  const driver = new Driver(echo);
  driver.start();
  driver.chain([{ address: DATA, length: 1 }]);
  driver.set(0x44, 0);
  assert.equal(driver.submit(0), undefined);
  driver.set(0x50, 7);
  driver.set(0x70, 0);
  assert.equal(driver.submit(0), undefined);
  assert.equal(echo.state.served, 0);
});

Deno.test("VirtioMmio refuses queue sizes that are 0, too large or no power of two, and does not move a ready queue", () => {
  const driver = new Driver(new Echo());
  for (const size of [0, 3, 128, 0x8000_0000]) {
    driver.set(0x38, size);
    driver.set(0x44, 1);
    assert.equal(driver.get(0x44), 0, `size ${size}`);
  }
  driver.handOver();
  driver.set(0x80, 0x1234);
  driver.set(0x38, 4);
  assert.equal(driver.mmio.state.queues[0].desc[0], 0x8000_0000);
  assert.equal(driver.mmio.state.queues[0].size, 8);
});

Deno.test("VirtioMmio is as after power-on when 0 is written to the status", () => {
  const echo = new Echo();
  const driver = new Driver(echo);
  const powerOn = structuredClone(driver.mmio.state);
  driver.start();
  driver.chain([{ address: DATA, length: 1 }]);
  driver.submit(0);
  driver.set(0x70, 0);
  assert.deepEqual(driver.mmio.state, powerOn);
  assert.ok(!driver.irq.level);
});

Deno.test("VirtioMmio resets one queue when VIRTIO_F_RING_RESET was negotiated", () => {
  const echo = new Echo();
  const driver = new Driver(echo);
  driver.start();
  driver.set(0xc0, 1);
  assert.equal(driver.get(0x44), 1, "not negotiated");
  driver.start([RING_RESET]);
  echo.resets = [];
  driver.set(0xc0, 1);
  assert.equal(driver.get(0x44), 0);
  assert.equal(driver.get(0xc0), 0, "the reset is complete");
  assert.deepEqual(echo.resets, [0]);
});

Deno.test("VirtioMmio stops with DEVICE_NEEDS_RESET on a malformed ring and works again after a reset", () => {
  const echo = new Echo();
  const driver = new Driver(echo);
  driver.start();
  driver.descriptor(0, { address: DATA, length: 1, flags: NEXT, next: 0 });
  assert.equal(driver.submit(0), undefined);
  assert.ok(driver.broken);
  assert.equal(driver.acknowledge() & 2, 2, "a configuration change tells the driver");
  assert.equal(driver.vm.messages.length, 1);
  assert.match(driver.vm.messages[0], /loop/);
  driver.submit(0);
  assert.equal(driver.vm.messages.length, 1, "said once");
  driver.start();
  driver.chain([{ address: DATA, length: 1, flags: WRITE }]);
  assert.deepEqual(driver.submit(0), { id: 0, length: 0 });
});

Deno.test("VirtioMmio stops when the used ring is not RAM", () => {
  const driver = new Driver(new Echo());
  driver.start();
  driver.set(0x44, 0);
  driver.set(0xa0, 0x1000);
  driver.set(0x44, 1);
  driver.chain([{ address: DATA, length: 1 }]);
  driver.submit(0);
  assert.ok(driver.broken);
});

Deno.test("VirtioMmio reads the configuration space in any width and counts its generations", () => {
  const echo = new Echo();
  const driver = new Driver(echo);
  assert.equal(driver.mmio.read(0x100, 1), 1);
  assert.equal(driver.mmio.read(0x101, 2), 0x0302);
  assert.equal(driver.mmio.read(0x101, 4), 0x05040302);
  assert.equal(driver.mmio.read(0x104, 4), 5);
  driver.start();
  echo.transport.configChanged();
  assert.equal(driver.get(0xfc), 1);
  assert.equal(driver.acknowledge(), 2);
});

Deno.test("VirtioMmio interrupts once for a batch when VIRTIO_F_EVENT_IDX asks for its end", () => {
  const driver = new Driver(new Echo());
  driver.start([EVENT_IDX]);
  driver.chain([{ address: DATA, length: 1 }]);
  driver.put16(AVAIL + 4 + 2 * driver.size, 2);
  driver.submit(0);
  driver.submit(0);
  assert.equal(driver.irq.rises, 0);
  driver.submit(0);
  assert.equal(driver.irq.rises, 1);
  assert.equal(driver.get16(USED + 4 + 8 * driver.size), 3, "avail_event asks for the next entry");
});

Deno.test("VirtioMmio hands a restored state to the device behind it", () => {
  const echo = new Echo();
  const driver = new Driver(echo);
  driver.start();
  driver.chain([{ address: DATA, length: 1 }]);
  driver.submit(0);
  const other = new Echo();
  const line = new FakeLine();
  const mmio = new VirtioMmio(line, new FakeMemory(), other);
  Object.assign(mmio.state, structuredClone(driver.mmio.state));
  mmio.restored();
  assert.equal(other.state.served, 1);
  assert.equal(mmio.state.device, other.state);
  assert.ok(line.level);
});
