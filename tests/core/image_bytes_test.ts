/** image_bytes: arrays and files look the same to who copies them. @module */
import assert from "node:assert/strict";
import { copyImage, headOf, type ImageBytes, releaseImage, wholeOf } from "../../core/image_bytes.ts";

/** A file of so many bytes, 0, 1, 2 ...; logs what is asked of it. */
function file(length: number, log: string[]): ImageBytes {
  return {
    length,
    read: (offset, target) => {
      log.push(`${offset}+${target.length}`);
      target.forEach((_, index) => target[index] = offset + index);
    },
    release: () => void log.push("release"),
  };
}

Deno.test("copyImage, headOf and wholeOf read a file only where they must, and give what an array gives", () => {
  const log: string[] = [];
  const array = Uint8Array.from({ length: 20 }, (_, index) => index);
  for (const bytes of [array, file(20, log)]) {
    const target = new Uint8Array(3);
    copyImage(bytes, 7, target);
    assert.deepEqual([...target], [7, 8, 9]);
    assert.deepEqual([...headOf(bytes, 2)], [0, 1]);
    assert.equal(headOf(bytes, 64).length, 20);
    assert.deepEqual(wholeOf(bytes), array);
    releaseImage(bytes);
  }
  assert.deepEqual(log, ["7+3", "0+2", "0+20", "0+20", "release"]);
});
