/** Tests of the virtio disk: every request, its limits, hostile requests, and back-ends that fail or answer late. @module */
import assert from "node:assert/strict";
import type { BlockBackend } from "../../../core/block.ts";
import { MemoryBlock } from "../../../devices/virtio/block_memory.ts";
import { VirtioBlk } from "../../../devices/virtio/blk.ts";
import { VirtioMmio } from "../../../devices/virtio/mmio.ts";
import { deviceContract } from "../../contract/device.ts";
import { FakeVm } from "../../contract/plugin_context.ts";
import { blkHeader, DATA, type Descriptor, Driver, INDIRECT, INDIRECT_DESC, WRITE } from "./driver.ts";

const IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13;
const OK = 0, IOERR = 1, UNSUPP = 2;

/** Where the drivers below keep data and status. */
const BUFFER = DATA + 0x1000, STATUS = DATA + 0x800;

deviceContract({
  name: "VirtioBlk behind VirtioMmio",
  size: 0x1000,
  offsets: Array.from({ length: 0x50 }, (_, i) => 4 * i),
  create: (world) =>
    new VirtioMmio(world.irq, world.memory, new VirtioBlk({ backend: new MemoryBlock(4096), vm: world.vm })),
});

/** A back-end whose promises settle when the test says so, and that counts what it is asked. */
class LateBlock implements BlockBackend {
  readonly size = 1 << 20;
  readonly readOnly = false;
  readonly calls: string[] = [];
  readonly memory = new MemoryBlock(this.size);
  #waiting: { settle: () => void; fail: () => void }[] = [];

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#later(`read ${offset} ${length}`, () => this.memory.read(offset, length));
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    return this.#later(`write ${offset} ${bytes.length}`, () => this.memory.write(offset, bytes));
  }

  flush(): Promise<void> {
    return this.#later("flush", () => {});
  }

  settle(how: "settle" | "fail" = "settle"): void {
    for (const work of this.#waiting.splice(0)) work[how]();
  }

  #later<Result>(call: string, work: () => Result): Promise<Result> {
    this.calls.push(call);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ settle: () => resolve(work()), fail: () => reject(new Error("Disk is full")) });
    });
  }
}

/** A driver of a started disk. */
class BlkDriver extends Driver {
  constructor(backend: BlockBackend, features: number[] = []) {
    const vm = new FakeVm();
    super(new VirtioBlk({ backend, vm, id: "denovisor-disk" }));
    this.disk = vm;
    this.start(features);
  }

  /** Completes late requests. */
  readonly disk: FakeVm;

  /** Puts a request into descriptors `first` and following. */
  prepare(type: number, sector: number, data?: Descriptor, first = 0): void {
    const header = blkHeader(this, type, sector, DATA + 16 * first);
    this.memory.write(STATUS + first, Uint8Array.of(0xee));
    this.chain([header, ...(data ? [data] : []), { address: STATUS + first, length: 1, flags: WRITE }], first);
  }

  /** Sends one request and returns its status byte and the length that the device reports. */
  request(type: number, sector: number, data?: Descriptor): { status: number; length: number | undefined } {
    this.prepare(type, sector, data);
    const used = this.submit(0);
    return { status: this.status(), length: used?.length };
  }

  /** The status byte of the request at `first`. */
  status(first = 0): number {
    return this.view(STATUS + first, 1).getUint8(0);
  }
}

const READ_512: Descriptor = { address: BUFFER, length: 512, flags: WRITE };
const WRITE_512: Descriptor = { address: BUFFER, length: 512 };

function numbered(sectors: number): MemoryBlock {
  return new MemoryBlock(Uint8Array.from({ length: sectors * 512 }, (_, i) => (i >> 9) + 1));
}

Deno.test("VirtioBlk reads sectors and reports data and status as written", () => {
  const driver = new BlkDriver(numbered(4));
  assert.deepEqual(driver.request(IN, 2, READ_512), { status: OK, length: 513 });
  assert.deepEqual([...new Uint8Array(driver.view(BUFFER, 513).buffer)], [...new Array(512).fill(3), 0]);
  assert.equal(driver.acknowledge(), 1);
});

Deno.test("VirtioBlk writes sectors, in any layout of the descriptors", () => {
  const disk = numbered(4);
  const driver = new BlkDriver(disk, [INDIRECT_DESC]);
  driver.memory.write(BUFFER, new Uint8Array(512).fill(0xaa));
  assert.deepEqual(driver.request(OUT, 1, WRITE_512), { status: OK, length: 1 });
  assert.deepEqual([...new Set(disk.read(512, 512))], [0xaa]);
  // the header in two parts, its end in one descriptor with the data; all in an indirect table
  blkHeader(driver, OUT, 3);
  const end = new Uint8Array(driver.view(DATA + 10, 6).buffer);
  driver.memory.write(BUFFER - 6, end);
  const table = DATA + 0x4000;
  driver.chain(
    [{ address: DATA, length: 10 }, { address: BUFFER - 6, length: 518 }, { address: STATUS, length: 1, flags: WRITE }],
    0,
    table,
  );
  driver.descriptor(0, { address: table, length: 48, flags: INDIRECT });
  assert.deepEqual(driver.submit(0), { id: 0, length: 1 });
  assert.equal(driver.status(), OK);
  assert.deepEqual([...new Set(disk.read(1536, 512))], [0xaa]);
});

Deno.test("VirtioBlk takes the last byte of the last writable descriptor for its status", () => {
  const driver = new BlkDriver(numbered(2));
  driver.chain([blkHeader(driver, IN, 1), { address: BUFFER, length: 513, flags: WRITE }]);
  assert.deepEqual(driver.submit(0), { id: 0, length: 513 });
  assert.equal(driver.view(BUFFER + 511, 2).getUint16(0), 0x0200);
});

Deno.test("VirtioBlk flushes, tells its ID, and answers UNSUPP to what it does not know", () => {
  const driver = new BlkDriver(numbered(1));
  assert.deepEqual(driver.request(FLUSH, 0), { status: OK, length: 1 });
  assert.deepEqual(driver.request(GET_ID, 0, { address: BUFFER, length: 20, flags: WRITE }), {
    status: OK,
    length: 21,
  });
  assert.equal(new TextDecoder().decode(driver.memory.read(BUFFER, 20)), "denovisor-disk\0\0\0\0\0\0");
  assert.equal(driver.request(99, 0).status, UNSUPP);
});

Deno.test("VirtioBlk answers IOERR beyond its end, for parts of sectors and for buffers outside RAM", () => {
  const driver = new BlkDriver(numbered(4));
  const cases: [number, number, Descriptor][] = [
    [IN, 4, READ_512],
    [IN, 3, { ...READ_512, length: 1024 }],
    [IN, 2 ** 55, READ_512],
    [IN, 2 ** 63, READ_512],
    [IN, 0, { ...READ_512, length: 100 }],
    [OUT, 4, WRITE_512],
    [OUT, 0, { ...WRITE_512, length: 511 }],
    [OUT, 0, { ...WRITE_512, length: 0xffff_0000 }],
    [IN, 0, { ...READ_512, length: 0xffff_fe00 }],
    [OUT, 0, { ...WRITE_512, address: 0 }],
    [IN, 0, { ...READ_512, address: 2 ** 60 }],
  ];
  for (const [type, sector, data] of cases) {
    const { status } = driver.request(type, sector, data);
    assert.equal(status, IOERR, `type ${type}, sector ${sector}, ${JSON.stringify(data)}`);
  }
  assert.ok(!driver.broken);
  assert.equal(driver.request(IN, 0, READ_512).status, OK);
});

Deno.test("VirtioBlk bounds a request even where the disk is larger", () => {
  const asked: number[] = [];
  const driver = new BlkDriver({
    size: 2 ** 40,
    readOnly: false,
    read: (_, length) => (asked.push(length), new Uint8Array(length)),
    write: () => {},
    flush: () => {},
  });
  assert.equal(driver.request(IN, 0, { ...READ_512, length: 0x4000_0000 }).status, IOERR);
  assert.deepEqual(asked, []);
  const config = [0x100, 0x104, 0x108, 0x10c].map((offset) => driver.get(offset));
  assert.deepEqual(config, [2 ** 31, 0, 1 << 18, 126]);
});

Deno.test("VirtioBlk stops on a request without header or status", () => {
  const parts: Descriptor[][] = [
    [{ address: DATA, length: 8 }, { address: STATUS, length: 1, flags: WRITE }],
    [{ address: 0, length: 16 }, { address: STATUS, length: 1, flags: WRITE }],
    [{ address: DATA, length: 16 }],
    [{ address: DATA, length: 16 }, { address: STATUS, length: 0, flags: WRITE }],
    [{ address: DATA, length: 16 }, { address: 0, length: 1, flags: WRITE }],
  ];
  for (const chain of parts) {
    const driver = new BlkDriver(numbered(1));
    driver.chain(chain);
    driver.submit(0);
    assert.ok(driver.broken, JSON.stringify(chain));
  }
});

Deno.test("VirtioBlk refuses writes to a read-only disk and says so in its features", () => {
  const disk = new MemoryBlock(new Uint8Array(1024), true);
  const driver = new BlkDriver(disk);
  assert.equal(driver.get(0x10) & (1 << 5), 1 << 5);
  assert.equal(driver.get(0x10) & (1 << 13 | 1 << 14), 0);
  driver.memory.write(BUFFER, new Uint8Array(512).fill(1));
  assert.equal(driver.request(OUT, 0, WRITE_512).status, IOERR);
  assert.equal(driver.request(WRITE_ZEROES, 0, { address: BUFFER, length: 16 }).status, IOERR);
  assert.deepEqual([...new Set(disk.read(0, 1024))], [0]);
});

/** Writes a range of sectors where discards are read from. */
function range(driver: Driver, sector: number, sectors: number, flags = 0): Descriptor {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint32(0, sector, true);
  view.setUint32(8, sectors, true);
  view.setUint32(12, flags, true);
  driver.memory.write(BUFFER, new Uint8Array(view.buffer));
  return { address: BUFFER, length: 16 };
}

Deno.test("VirtioBlk discards and writes zeroes, within its limits", () => {
  const disk = numbered(8);
  const driver = new BlkDriver(disk);
  assert.equal(driver.get(0x10) & (1 << 13 | 1 << 14), 1 << 13 | 1 << 14);
  assert.equal(driver.request(DISCARD, 0, range(driver, 1, 2)).status, OK);
  assert.equal(driver.request(WRITE_ZEROES, 0, range(driver, 4, 1, 1)).status, OK);
  assert.deepEqual(Array.from({ length: 8 }, (_, i) => disk.read(512 * i, 1)[0]), [1, 0, 0, 4, 0, 6, 7, 8]);
  assert.equal(driver.request(DISCARD, 0, range(driver, 7, 2)).status, IOERR);
  assert.equal(driver.request(WRITE_ZEROES, 0, range(driver, 0, 0xffff_ffff)).status, IOERR);
  assert.equal(driver.request(DISCARD, 0, range(driver, 0, 1, 1)).status, UNSUPP);
  assert.equal(driver.request(WRITE_ZEROES, 0, range(driver, 0, 1, 2)).status, UNSUPP);
  assert.equal(driver.request(DISCARD, 0, { address: BUFFER, length: 15 }).status, IOERR);
});

Deno.test("VirtioBlk turns errors of its back-end into IOERR", () => {
  const broken = (): never => {
    throw new Error("Disk is full");
  };
  const driver = new BlkDriver({ size: 1024, readOnly: false, read: broken, write: broken, flush: broken });
  assert.deepEqual(driver.request(IN, 0, READ_512), { status: IOERR, length: 0 });
  assert.equal(driver.request(OUT, 0, WRITE_512).status, IOERR);
  assert.equal(driver.request(FLUSH, 0).status, IOERR);
  assert.equal(driver.request(DISCARD, 0, range(driver, 0, 1)).status, UNSUPP);
  const short = new BlkDriver({
    size: 1024,
    readOnly: false,
    read: () => new Uint8Array(3),
    write: () => {},
    flush: () => {},
  });
  assert.equal(short.request(IN, 0, READ_512).status, IOERR);
});

Deno.test("VirtioBlk completes requests of a back-end that answers late, in flight as data", async () => {
  const late = new LateBlock();
  const driver = new BlkDriver(late);
  driver.memory.write(BUFFER, new Uint8Array(512).fill(7));
  driver.prepare(OUT, 5, WRITE_512);
  driver.prepare(FLUSH, 0, undefined, 4);
  driver.offer(0);
  driver.offer(4);
  driver.kick();
  assert.equal(driver.take(), undefined);
  assert.deepEqual(late.calls, ["write 2560 512", "flush"]);
  assert.deepEqual(structuredClone(driver.mmio.state.device), {
    inflight: [{ head: 0, bytes: 529 }, { head: 4, bytes: 17 }],
    disk: {},
  });
  late.settle();
  await driver.disk.settle();
  assert.deepEqual([driver.take()?.id, driver.take()?.id], [0, 4]);
  assert.deepEqual([driver.status(), driver.status(4)], [OK, OK]);
  assert.equal(late.memory.read(2560, 1)[0], 7);
  assert.ok(driver.irq.level);
  assert.equal((driver.mmio.state.device as { inflight: unknown[] }).inflight.length, 0);
});

Deno.test("VirtioBlk reports a late error as IOERR", async () => {
  const late = new LateBlock();
  const driver = new BlkDriver(late);
  driver.request(OUT, 5, WRITE_512);
  late.settle("fail");
  await driver.disk.settle();
  assert.equal(driver.status(), IOERR);
  assert.deepEqual(driver.take(), { id: 0, length: 1 });
});

Deno.test("VirtioBlk drops late answers to requests from before a reset", async () => {
  const late = new LateBlock();
  const driver = new BlkDriver(late);
  driver.request(IN, 0, READ_512);
  driver.start();
  late.settle();
  await driver.disk.settle();
  assert.equal(driver.take(), undefined);
  assert.ok(!driver.irq.level);
});

Deno.test("VirtioBlk begins requests in flight again after a restore", async () => {
  const late = new LateBlock();
  const driver = new BlkDriver(late);
  driver.prepare(IN, 3, READ_512);
  driver.offer(0);
  driver.kick();
  const snapshot = structuredClone(driver.mmio.state);
  Object.assign(driver.mmio.state, snapshot);
  driver.mmio.restored();
  assert.deepEqual(late.calls, ["read 1536 512", "read 1536 512"]);
  late.settle();
  await driver.disk.settle();
  assert.deepEqual(driver.take(), { id: 0, length: 513 });
  assert.equal(driver.take(), undefined, "completed once");
});

Deno.test("VirtioBlk takes no more requests than the host has room for, and the rest when one ends", async () => {
  const late = new LateBlock();
  Object.defineProperty(late, "size", { value: 2 ** 30 });
  const driver = new BlkDriver(late);
  // Twelve descriptors of 1 MiB name the same memory; three requests of 12 MiB and one more.
  const table = DATA + 0x2000;
  const parts = Array.from({ length: 24 }, () => ({ address: 0x8008_0000, length: 0x8_0000, flags: WRITE }));
  driver.start([INDIRECT_DESC]);
  driver.chain([blkHeader(driver, IN, 0), ...parts, { address: STATUS, length: 1, flags: WRITE }], 0, table);
  for (let head = 0; head < 4; head++) {
    driver.descriptor(head, { address: table, length: 26 * 16, flags: INDIRECT });
    driver.offer(head);
  }
  driver.kick();
  assert.equal(late.calls.length, 3);
  Object.defineProperty(late.memory, "read", { value: (_: number, length: number) => new Uint8Array(length) });
  late.settle();
  await Promise.resolve();
  late.settle();
  const settled = driver.disk.settle();
  await new Promise((resolve) => setTimeout(resolve));
  late.settle();
  await settled;
  assert.equal(late.calls.length, 4);
  assert.deepEqual(Array.from({ length: 5 }, () => driver.take()?.id), [0, 1, 2, 3, undefined]);
});

Deno.test("VirtioBlk carries a disk in memory in its state", () => {
  const driver = new BlkDriver(numbered(2));
  const snapshot = structuredClone(driver.mmio.state);
  const disk = new MemoryBlock(1024);
  const other = new BlkDriver(disk);
  Object.assign(other.mmio.state, snapshot);
  other.mmio.restored();
  assert.equal(disk.read(512, 1)[0], 2);
  driver.request(WRITE_ZEROES, 0, range(driver, 0, 2));
  assert.equal(disk.read(512, 1)[0], 2);
});

Deno.test("VirtioBlk.dispose flushes and closes its back-end", async () => {
  const calls: string[] = [];
  const backend: BlockBackend = {
    size: 512,
    readOnly: false,
    read: () => new Uint8Array(512),
    write: () => {},
    flush: () => void calls.push("flush"),
    close: () => void calls.push("close"),
  };
  await new BlkDriver(backend).mmio.dispose();
  assert.deepEqual(calls, ["flush", "close"]);
});

Deno.test("VirtioBlk.dispose closes a back-end whose last flush fails, and says that it failed", async () => {
  let closed = 0;
  const backend = new MemoryBlock(512);
  Object.assign(backend, { flush: () => Promise.reject(new Error("no space")), close: () => void closed++ });
  await assert.rejects(new VirtioBlk({ backend, vm: new FakeVm() }).dispose(), /no space/);
  assert.equal(closed, 1);
});
