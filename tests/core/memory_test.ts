/** HostMemory: reserved areas, frames, contiguous runs, exhaustion. @module */
import assert from "node:assert/strict";
import { HypervisorError } from "../../core/errors.ts";
import { HostMemory } from "../../core/memory.ts";

const KIB = 1024;
const PAGE = 4096;

Deno.test("HostMemory hands frames out above reserved areas until none is left, and takes them back", () => {
  const memory = new HostMemory({ size: 256 * KIB });
  const area = memory.reserve(10, 16 * KIB);
  assert.equal(area % (16 * KIB), 0);
  const frames: number[] = [];
  for (let frame = memory.allocFrame(); frame !== undefined; frame = memory.allocFrame()) frames.push(frame);
  assert.equal(frames[0], area + PAGE);
  assert.equal(new Set(frames).size, frames.length);
  assert.equal(frames.at(-1), memory.size - PAGE);
  assert.equal(memory.framesInUse, frames.length);
  memory.u8[frames[3] + 5] = 1;
  memory.freeFrame(frames[3]);
  assert.equal(memory.framesInUse, frames.length - 1);
  assert.equal(memory.allocFrame(), frames[3]);
  assert.equal(memory.u8[frames[3] + 5], 0, "a frame that is handed out again is zero");
  assert.equal(memory.allocFrame(), undefined);
});

Deno.test("HostMemory.allocContiguous aligns, keeps the frames that it skips, and finds runs that were given back", () => {
  const memory = new HostMemory({ size: 256 * KIB });
  const first = memory.allocFrame()!;
  const run = memory.allocContiguous(16, 64 * KIB)!;
  assert.equal(run % (64 * KIB), 0);
  assert.equal(memory.framesInUse, 17);
  assert.equal(memory.allocContiguous(17), undefined);
  const rest = [];
  for (let frame = memory.allocFrame(); frame !== undefined; frame = memory.allocFrame()) rest.push(frame);
  assert.equal(rest.length, 48 - 17);
  assert(rest.includes(first + PAGE));
  memory.u8[run + 7] = 1;
  for (let at = 0; at < 16; at++) memory.freeFrame(run + at * PAGE);
  assert.equal(memory.allocContiguous(16, 64 * KIB), run);
  assert.equal(memory.u8[run + 7], 0);
  assert.equal(memory.allocContiguous(1), undefined);
});

Deno.test("HostMemory refuses more than 4 GiB, and areas that come late or do not fit", () => {
  const refuses = (act: () => void, message: RegExp) =>
    assert.throws(act, (error) => error instanceof HypervisorError && message.test(error.message));
  refuses(
    () => new HostMemory({ size: 2 ** 32 + 1 }),
    /Cannot create a memory of 4294967297 bytes: 4 GiB is the limit/,
  );
  const memory = new HostMemory({ size: 128 * KIB });
  refuses(() => memory.reserve(65 * KIB), /Cannot reserve 66560 bytes of host memory: 131072 bytes are too few/);
  memory.allocFrame();
  refuses(() => memory.reserve(65 * KIB), /no piece of 131072 bytes is free/);
});

Deno.test("HostMemory is shared unless told otherwise, with minimum equal to maximum", () => {
  assert(new HostMemory({ size: 1 }).wasm.buffer instanceof SharedArrayBuffer);
  const memory = new HostMemory({ size: 65537, shared: false });
  assert(memory.wasm.buffer instanceof ArrayBuffer);
  assert.equal(memory.wasmPages, 2);
  assert.throws(() => memory.wasm.grow(1));
});

Deno.test("HostMemory tells of what will be used all over: dense areas from 2 MiB, and all frames before the first is taken", () => {
  const MIB = 1024 * KIB;
  const advised: [number, number][] = [];
  let calls = 0;
  const memory = new HostMemory({
    size: 16 * MIB,
    host: {
      adviseHugePages: (areas) => {
        calls++;
        for (const { byteOffset, length } of areas) advised.push([byteOffset, length]);
      },
    },
  });
  memory.reserve(2 * MIB);
  const dense = memory.reserve(2 * MIB, PAGE, true);
  memory.reserve(PAGE, PAGE, true);
  const first = memory.allocContiguous(511)!;
  assert.deepEqual(advised, [[dense, 2 * MIB], [first, memory.size - first]]);
  memory.allocFrame();
  memory.reserve(2 * MIB, PAGE, true);
  assert.equal(advised.length, 2);
  assert.equal(calls, 1);
});
