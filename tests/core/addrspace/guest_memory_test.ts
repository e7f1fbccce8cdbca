/** GuestMemory: checked access across pages and areas. @module */
import assert from "node:assert/strict";
import { DEVICE, EXECUTE, guestLoad, guestStore, MIB, PAGE, READ, RW, setup, USER } from "./model.ts";

const RAM = 0x8000_0000;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

Deno.test("GuestMemory reads and writes numbers little-endian at every alignment", () => {
  const { space, dma } = setup();
  space.mapLinear(RAM, MIB, 2 * PAGE, RW);
  for (let offset = 0; offset < 9; offset++) {
    const at = RAM + PAGE - 4 + offset;
    assert.equal(dma.writeU64(at, 0x8899_aabb_ccdd_eeffn), true);
    assert.equal(dma.readU64(at), 0x8899_aabb_ccdd_eeffn);
    assert.equal(dma.readU32(at), 0xccdd_eeff);
    assert.equal(dma.readU32(at + 4), 0x8899_aabb);
    assert.equal(dma.readU16(at + 1), 0xddee);
    assert.equal(dma.readU8(at + 7), 0x88);
    assert.equal(dma.writeU32(at, 0x1234_5678), true);
    assert.equal(dma.writeU16(at + 4, 0x1_9abc), true);
    assert.equal(dma.writeU8(at + 6, 0x1de), true);
    assert.deepEqual(dma.read(at, 8), bytes(0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xde, 0x88));
  }
});

Deno.test("GuestMemory crosses pages whose frames are scattered, and areas of both backends", () => {
  const { space, dma, memory } = setup();
  space.mapLinear(RAM, MIB, PAGE, RW);
  space.mapAlloc(RAM + PAGE, 2 * PAGE, RW, false);
  space.mapLinear(RAM + 3 * PAGE, MIB - PAGE, PAGE, RW);
  const data = new Uint8Array(3 * PAGE).map((_, index) => index * 7);
  assert.equal(dma.write(RAM + PAGE / 2, data), true);
  assert.deepEqual(dma.read(RAM + PAGE / 2, data.length), data);
  assert.equal(memory.u8[MIB + PAGE / 2 + 3], 21);
  assert.equal(memory.u8[MIB - PAGE], data[2 * PAGE + PAGE / 2]);
  assert.equal(dma.writeU32(RAM + 3 * PAGE - 2, 0xa1b2_c3d4), true);
  assert.equal(dma.readU32(RAM + 3 * PAGE - 2), 0xa1b2_c3d4);
});

Deno.test("GuestMemory reads lazy memory as zero without taking frames, and writes by taking them", () => {
  const made = setup();
  made.space.mapAlloc(RAM, 4 * PAGE, RW, false);
  assert.deepEqual(made.dma.read(RAM + 10, 2 * PAGE), new Uint8Array(2 * PAGE));
  assert.equal(made.dma.readU32(RAM), 0);
  assert.equal(made.memory.framesInUse, 0);
  const target = new Uint8Array(4).fill(9);
  assert.equal(made.dma.readInto(RAM, target), true);
  assert.deepEqual(target, new Uint8Array(4));
  assert.equal(made.dma.write(RAM + PAGE - 1, bytes(1, 2)), true);
  assert.equal(made.memory.framesInUse, 2);
  assert.equal(guestLoad(made, RAM + PAGE), 2);
});

Deno.test("GuestMemory answers addresses that a guest made up with undefined or false, never with a throw", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, 2 * PAGE, RW);
  made.space.mapLinear(RAM + 2 * PAGE, 2 * MIB, PAGE, READ | EXECUTE | USER);
  made.space.mapLinear(RAM + 4 * PAGE, 3 * MIB, PAGE, RW | DEVICE);
  const top = RAM + 3 * PAGE;
  for (
    const [address, length] of [
      [0, 1],
      [top - 1, 2],
      [RAM - 1, 2],
      [RAM, 2 ** 53 - 1],
      [RAM, 2 ** 60],
      [RAM, -1],
      [RAM, NaN],
      [RAM, 1.5],
      [RAM + 0.5, 4],
      [-PAGE, PAGE],
      [NaN, 4],
      [Infinity, 4],
      [2 ** 53 - 2, 4],
      [RAM + 4 * PAGE, 4],
    ]
  ) {
    assert.equal(made.dma.read(address, length), undefined, `${address} ${length}`);
  }
  for (const address of [0, top - 3, RAM - 1, RAM + 0.5, NaN, -Infinity, 2 ** 53 - 2, RAM + 4 * PAGE]) {
    assert.equal(made.dma.readU32(address), undefined);
    assert.equal(made.dma.readU64(address), undefined);
    assert.equal(made.dma.writeU32(address, 1), false);
    assert.equal(made.dma.writeU64(address, 1n), false);
    assert.equal(made.dma.write(address, bytes(1, 2, 3, 4)), false);
    assert.equal(made.dma.readInto(address, new Uint8Array(4)), false);
  }
  assert.deepEqual(made.dma.read(RAM, 0), new Uint8Array(0));
});

Deno.test("GuestMemory.write writes nothing if any byte is not writable RAM", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, PAGE, RW);
  made.space.mapLinear(RAM + PAGE, 2 * MIB, PAGE, READ | USER);
  assert.equal(made.dma.write(RAM + PAGE - 2, bytes(1, 2, 3)), false);
  assert.equal(made.dma.readU16(RAM + PAGE - 2), 0);
  assert.equal(made.dma.writeU32(RAM + PAGE, 1), false);
  assert.equal(made.changed.length, 0);
});

Deno.test("GuestMemory.write fails whole when host memory is used up", () => {
  const made = setup(128 * 1024); // 16 frames
  made.space.mapAlloc(RAM, MIB, RW, false);
  assert.equal(made.dma.write(RAM, new Uint8Array(17 * PAGE).fill(1)), false);
  assert.equal(made.dma.readU8(RAM), 0);
});

Deno.test("GuestMemory.write tells which host memory changed", () => {
  const { space, dma, changed } = setup();
  space.mapLinear(RAM, MIB, PAGE, RW);
  space.mapLinear(RAM + PAGE, 2 * MIB, PAGE, RW);
  dma.write(RAM + PAGE - 2, bytes(1, 2, 3));
  assert.deepEqual(changed, [[MIB + PAGE - 2, 2], [2 * MIB, 1]]);
  dma.writeU8(RAM + 7, 1);
  assert.deepEqual(changed.at(-1), [MIB + 7, 1]);
});

Deno.test("GuestMemory.load writes read-only memory too and zeroes what follows", () => {
  const made = setup();
  made.space.mapLinear(RAM, MIB, 4 * PAGE, RW);
  for (let page = 0; page < 4; page++) guestStore(made, RAM + page * PAGE + 4000, 0xee);
  guestStore(made, RAM + 3, 0xee);
  made.space.protect(RAM, 4 * PAGE, READ | USER);
  assert.equal(made.dma.load(RAM, bytes(1, 2, 3), 3 * PAGE), true);
  assert.deepEqual(made.dma.read(RAM, 5), bytes(1, 2, 3, 0, 0));
  assert.equal(made.dma.readU8(RAM + 4000), 0);
  assert.equal(made.dma.readU8(RAM + 2 * PAGE + 4000), 0);
  assert.equal(made.dma.readU8(RAM + 3 * PAGE + 4000), 0xee);
  assert.equal(made.dma.load(RAM, bytes(1), 5 * PAGE), false);
  assert.equal(made.dma.load(RAM + 4 * PAGE - 1, bytes(1, 2)), false);
});
