/** Images in files: what is read, when a file is open, and what is refused. @module */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { type ImageFile, releaseImage, wholeOf } from "../../core/image_bytes.ts";
import { openImage } from "../../host/image_file.ts";

/** Runs a test with a file that holds 0, 1, 2 ... 99. */
async function withFile(test: (path: string, file: ImageFile) => Promise<void> | void): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, Uint8Array.from({ length: 100 }, (_, index) => index));
    const file = await openImage(pathToFileURL(path)) as ImageFile;
    try {
      await test(path, file);
    } finally {
      file.release();
    }
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("openImage gives a file whose pieces are read into place, also into memory of WebAssembly", () =>
  withFile((_path, file) => {
    assert.equal(file.length, 100);
    for (const shared of [false, true]) {
      const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared });
      const memory = new Uint8Array(buffer);
      file.read(10, memory.subarray(1000, 1003));
      assert.deepEqual([...memory.subarray(999, 1004)], [0, 10, 11, 12, 0]);
    }
  }));

Deno.test("openImage's file is open only until it is released, and reads on after that", () =>
  withFile((_path, file) => {
    const byte = new Uint8Array(1);
    file.read(5, byte);
    file.release();
    file.release();
    file.read(6, byte);
    assert.equal(byte[0], 6);
    // That nothing is open at the end is what the test runner looks at.
  }));

Deno.test("openImage's file that was changed or removed meanwhile is refused by name", () =>
  withFile(async (path, file) => {
    file.release();
    await Deno.writeFile(path, new Uint8Array(99));
    const refuses = (message: RegExp) => assert.throws(() => file.read(0, new Uint8Array(1)), { message });
    refuses(/^Cannot read ".*": the file was changed since the VM was created; create the VM anew$/);
    await Deno.remove(path);
    refuses(/^Cannot read ".*": there is no such file/);
    await Deno.writeFile(path, new Uint8Array(100));
    refuses(/was changed/);
  }));

Deno.test("openImage's file that gets shorter while it is open is refused", () =>
  withFile(async (path, file) => {
    await Deno.truncate(path, 50);
    assert.throws(() => file.read(40, new Uint8Array(20)), { message: /was changed/ });
  }));

Deno.test("openImage tells why it cannot", async () => {
  const here = await openImage(new URL(import.meta.url));
  assert.deepEqual(wholeOf(here), await Deno.readFile(new URL(import.meta.url)));
  releaseImage(here);
  await assert.rejects(openImage(new URL("missing", import.meta.url)), { message: /^there is no such file/ });
  await assert.rejects(openImage(new URL("./", import.meta.url)), { message: /^it is a folder/ });
});

Deno.test("openImage reads no device and nothing that is larger than a guest's memory", async () => {
  await assert.rejects(openImage(new URL("file:///dev/zero")), { message: /^it is a device; name a file/ });
  const path = await Deno.makeTempFile();
  try {
    await Deno.truncate(path, 3 * 2 ** 30 + 1);
    await assert.rejects(openImage(pathToFileURL(path)), { message: /^it has 3221225473 bytes, more than a guest/ });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("openImage reads addresses", async () => {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    if (request.url.endsWith("/image")) return new Response(Uint8Array.of(1, 2, 3));
    return new Response("no", { status: 404, statusText: "Not Found" });
  });
  const address = `http://127.0.0.1:${server.addr.port}`;
  assert.deepEqual(await openImage(new URL(`${address}/image`)), Uint8Array.of(1, 2, 3));
  await assert.rejects(openImage(new URL(`${address}/other`)), { message: /answers 404 Not Found; check the address/ });
  await server.shutdown();
});
