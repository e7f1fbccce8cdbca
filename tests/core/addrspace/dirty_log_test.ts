/** The dirty log equals the pages that were written, by the guest or by devices. @module */
import assert from "node:assert/strict";
import { guestLoad, guestStore, MIB, PAGE, READ, RW, setup, USER, WRITE } from "./model.ts";

const RAM = 0x8000_0000;

Deno.test("AddrSpace.takeDirtyLog lists exactly the pages that the guest wrote, linear and alloc", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, 16 * PAGE, RW);
  made.space.mapAlloc(RAM + 16 * PAGE, 4 * MIB, RW, false);
  made.space.mapAlloc(0, 4 * PAGE, RW, true);
  guestStore(made, RAM, 1);
  made.space.startDirtyLog();
  assert.equal(made.space.isLoggingDirty, true);
  for (const page of [20, 3, 200, 3, 15]) assert.equal(guestStore(made, RAM + page * PAGE + 5, 1), true);
  guestStore(made, 2 * PAGE, 1);
  guestLoad(made, RAM + 7 * PAGE);
  guestLoad(made, RAM + 900 * PAGE);
  assert.deepEqual(made.space.takeDirtyLog(), [2 * PAGE, ...[3, 15, 20, 200].map((page) => RAM + page * PAGE)]);
  assert.deepEqual(made.space.takeDirtyLog(), []);
  guestStore(made, RAM + 3 * PAGE, 2);
  guestStore(made, RAM + 900 * PAGE, 2);
  assert.deepEqual(made.space.takeDirtyLog(), [RAM + 3 * PAGE, RAM + 900 * PAGE]);
});

Deno.test("AddrSpace writes without a fault after the first one of a page, until the log is taken", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, 4 * PAGE, RW);
  made.space.startDirtyLog();
  guestStore(made, RAM, 1);
  const flushes = made.flushes();
  guestStore(made, RAM + 9, 1);
  assert.equal(made.flushes(), flushes);
  made.space.takeDirtyLog();
  guestStore(made, RAM + 9, 1);
  assert.equal(made.flushes(), flushes + 2);
});

Deno.test("AddrSpace logs writes of devices, and a guest's write after one", () => {
  const made = setup();
  made.space.mapAlloc(RAM, 8 * PAGE, RW, false);
  made.space.startDirtyLog();
  made.dma.write(RAM + 2 * PAGE - 1, Uint8Array.of(1, 2));
  made.dma.writeU8(RAM + 6 * PAGE, 1);
  assert.equal(guestStore(made, RAM + PAGE, 3), true);
  assert.deepEqual(made.space.takeDirtyLog(), [1, 2, 6].map((page) => RAM + page * PAGE));
});

Deno.test("AddrSpace keeps the log right across protect, unmap and map", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, 8 * PAGE, RW);
  made.space.startDirtyLog();
  for (let page = 0; page < 4; page++) guestStore(made, RAM + page * PAGE, 1);
  made.space.protect(RAM, 2 * PAGE, READ | USER);
  assert.equal(guestStore(made, RAM, 1), false);
  made.space.protect(RAM, 2 * PAGE, RW);
  made.space.unmap(RAM + 3 * PAGE, PAGE);
  made.space.mapAlloc(RAM + 3 * PAGE, PAGE, RW, true);
  const flushes = made.flushes();
  assert.equal(guestStore(made, RAM, 1), true);
  assert.equal(made.flushes(), flushes, "a page that is in the log stays writable");
  assert.deepEqual(made.space.takeDirtyLog(), [0, 1, 2].map((page) => RAM + page * PAGE));
  assert.equal(guestStore(made, RAM + 3 * PAGE, 1), true);
  assert.deepEqual(made.space.takeDirtyLog(), [RAM + 3 * PAGE]);
});

Deno.test("AddrSpace.stopDirtyLog gives write access back, but not to what is read-only", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, 4 * PAGE, RW);
  made.space.mapLinear(0, 2 * MIB, PAGE, READ | USER);
  made.space.startDirtyLog();
  made.space.startDirtyLog();
  assert.equal(made.table.query(RAM)!.flags & WRITE, 0);
  assert.equal(guestStore(made, 0, 1), false);
  made.space.stopDirtyLog();
  made.space.stopDirtyLog();
  assert.equal(made.table.query(RAM)!.flags, RW);
  assert.equal(made.table.query(0)!.flags, READ | USER);
  assert.equal(made.space.isLoggingDirty, false);
  assert.throws(() => made.space.takeDirtyLog(), /Cannot take the dirty log: none is being kept/);
});

Deno.test("AddrSpace.resetRam appears in the dirty log", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, 4 * PAGE, RW);
  guestStore(made, RAM + 2 * PAGE, 1);
  made.space.startDirtyLog();
  made.space.resetRam();
  assert.deepEqual(made.space.takeDirtyLog(), [RAM + 2 * PAGE]);
});
