/** Images: which format is what, load addresses, gzip with bounds. @module */
import assert from "node:assert/strict";
import { HypervisorError } from "../../core/errors.ts";
import { type ImageOptions, loadImage } from "../../core/image.ts";
import { buildElf } from "./elf_builder.ts";
import { scriptedArch } from "./scripted_arch.ts";

const RAM = 0x8000_0000;
const FLAT = Uint8Array.of(0x13, 0, 0, 0, 0x6f, 0, 0, 0);
const OWN = new TextEncoder().encode("SCRIPTED kernel");

function options(more: Partial<ImageOptions> = {}): ImageOptions {
  return { arch: scriptedArch(), ramBase: RAM, name: "kernel.img", ...more };
}

function elf(type = 2): Uint8Array<ArrayBuffer> {
  const segments = [{ virtual: 0x8020_0000n, physical: 0x8020_0000n, bytes: FLAT, memory: 4096 }];
  return buildElf({ type, entry: 0x8020_0004n, segments, symbols: [{ name: "tohost", value: 0x8020_0800n }] });
}

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function refuses(bytes: Uint8Array, more: Partial<ImageOptions>, message: RegExp): Promise<void> {
  await assert.rejects(loadImage(bytes, options(more)), (error) => {
    assert(error instanceof HypervisorError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("loadImage takes unknown bytes as flat, at the load address or the start of RAM", async () => {
  const image = await loadImage(FLAT, options());
  assert.deepEqual(image, { entry: RAM, segments: [{ address: RAM, bytes: FLAT, size: 8 }], symbols: new Map() });
  const moved = await loadImage(FLAT, options({ loadAddress: RAM + 0x20_0000 }));
  assert.equal(moved.entry, RAM + 0x20_0000);
  assert.equal(moved.segments[0].address, RAM + 0x20_0000);
});

Deno.test("loadImage recognises ELF files, and the architecture's own format, also inside gzip", async () => {
  for (const wrap of [(bytes: Uint8Array) => Promise.resolve(bytes), gzip]) {
    const program = await loadImage(await wrap(elf()), options());
    assert.equal(program.entry, 0x8020_0004);
    assert.equal(program.segments[0].size, 4096);
    assert.equal(program.symbols.get("tohost"), 0x8020_0800);
    const own = await loadImage(await wrap(OWN), options({ loadAddress: RAM + 0x1000 }));
    assert.equal(own.entry, RAM + 0x1000);
    assert.deepEqual(own.segments[0].bytes, OWN);
    const flat = await loadImage(await wrap(FLAT), options());
    assert.deepEqual(flat.segments[0].bytes, FLAT);
  }
});

Deno.test("loadImage puts a movable program that is linked for address 0 at the start of RAM", async () => {
  const segments = [{ virtual: 0n, physical: 0n, bytes: FLAT, memory: 4096 }];
  const image = await loadImage(buildElf({ type: 3, entry: 4n, segments, symbols: [] }), options());
  assert.equal(image.entry, RAM + 4);
  assert.equal(image.segments[0].address, RAM);
  assert.equal((await loadImage(elf(3), options())).entry, 0x8020_0004);
});

Deno.test("loadImage obeys a load address or refuses it with the reason", async () => {
  assert.equal((await loadImage(elf(), options({ loadAddress: 0x8020_0000 }))).entry, 0x8020_0004);
  await refuses(
    elf(),
    { loadAddress: RAM },
    /Cannot load "kernel\.img" at 0x80000000: the program is linked for 0x80200000/,
  );
  const moved = await loadImage(elf(3), options({ loadAddress: 0x9000_0000 }));
  assert.equal(moved.entry, 0x9000_0004);
  assert.equal(moved.segments[0].address, 0x9000_0000);
  assert.equal(moved.symbols.get("tohost"), 0x9000_0800);
});

Deno.test("loadImage refuses what cannot be an image, naming the file", async () => {
  await refuses(new Uint8Array(0), {}, /Cannot load "kernel\.img": it is empty/);
  await refuses(await gzip(new Uint8Array(0)), {}, /it is empty/);
  await refuses(elf().subarray(0, 100), {}, /it is truncated or damaged/);
  await refuses(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2), {}, /it is packed with xz/);
  await refuses(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1), {}, /it is packed with zstd/);
  await refuses(await gzip(await gzip(FLAT)), {}, /it is packed with gzip twice/);
});

Deno.test("loadImage refuses damaged, truncated and too large gzip data", async () => {
  const packed = await gzip(new Uint8Array(100_000).map((_, index) => index * index >> 3));
  for (const length of [2, 9, 10, 11, packed.length >> 1, packed.length - 1]) {
    await refuses(packed.subarray(0, length), {}, /Cannot unpack "kernel\.img": its gzip data is damaged, truncated/);
  }
  const damaged = packed.slice();
  damaged[packed.length >> 1] ^= 0xff;
  await refuses(damaged, {}, /Cannot unpack "kernel\.img": its gzip data is damaged/);
  await refuses(packed, { maxSize: 99_999 }, /it unpacks to more than 99999 bytes, which is too large for the VM/);
  assert.equal((await loadImage(packed, options({ maxSize: 100_000 }))).segments[0].size, 100_000);
  const bomb = await gzip(new Uint8Array(64 << 20));
  await refuses(bomb, { maxSize: 1 << 20 }, /more than 1048576 bytes/);
});
