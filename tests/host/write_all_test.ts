/** Complete writes to streams that take a part. @module */
import assert from "node:assert/strict";
import { writeAllSync } from "../../host/write_all.ts";

Deno.test("writeAllSync writes all, a part at a time, and waits where the stream is full", () => {
  const written: number[] = [];
  let calls = 0;
  writeAllSync({
    writeSync: (bytes) => {
      if (++calls % 2 === 0) throw new Deno.errors.WouldBlock("full");
      written.push(...bytes.subarray(0, 2));
      return Math.min(2, bytes.length);
    },
  }, Uint8Array.of(1, 2, 3, 4, 5));
  assert.deepEqual(written, [1, 2, 3, 4, 5]);
  assert.equal(calls, 5);
});

Deno.test("writeAllSync passes other errors on", () => {
  const sink = {
    writeSync: (): number => {
      throw new Deno.errors.BrokenPipe("gone");
    },
  };
  assert.throws(() => writeAllSync(sink, Uint8Array.of(1)), Deno.errors.BrokenPipe);
});
