/** linux_image: the boot header of a RISC-V kernel. @module */
import assert from "node:assert/strict";
import { recognizeLinuxImage } from "../../../arch/riscv/linux_image.ts";

function image(size: number, textOffset: bigint, imageSize: bigint): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, textOffset, true);
  view.setBigUint64(16, imageSize, true);
  view.setUint32(56, 0x05435352, true);
  return bytes;
}

Deno.test("recognizeLinuxImage places the kernel at text_offset and gives it image_size bytes", () => {
  const bytes = image(100, 0x20_0000n, 0x1000n);
  const loaded = recognizeLinuxImage(bytes, 0x8000_0000);
  assert.equal(loaded?.entry, 0x8020_0000);
  assert.deepEqual(loaded?.segments, [{ address: 0x8020_0000, bytes, size: 0x1000 }]);
  assert.equal(recognizeLinuxImage(image(100, 0n, 10n), 0)?.segments[0].size, 100, "never less than the file");
});

Deno.test("recognizeLinuxImage leaves other and truncated files alone", () => {
  assert.equal(recognizeLinuxImage(new Uint8Array(64), 0), undefined);
  assert.equal(recognizeLinuxImage(image(64, 0n, 0n).slice(0, 63), 0), undefined);
  const inside = new Uint8Array(164);
  inside.set(image(64, 4n, 0n), 100);
  assert.equal(recognizeLinuxImage(inside.subarray(100), 0)?.entry, 4, "a view into a larger buffer");
});
