/** Disk images in files: contents, locks, and every way in which opening or writing fails. @module */
import assert from "node:assert/strict";
import { BlockFile, type ImageFile, openBlockFile } from "../../host/block_file.ts";

/** Runs `test` with an image of 4 sectors, numbered by their bytes. */
async function withImage(test: (path: string) => void | Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".img" });
  try {
    await Deno.writeFile(path, Uint8Array.from({ length: 2048 }, (_, i) => i >> 9));
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("openBlockFile reads and writes an image in place", () =>
  withImage(async (path) => {
    const disk = openBlockFile(path, "rw");
    assert.equal(disk.size, 2048);
    assert.equal(disk.readOnly, false);
    assert.deepEqual(await disk.read(510, 4), Uint8Array.of(0, 0, 1, 1));
    await disk.write(1024, Uint8Array.of(9, 8, 7));
    await disk.flush();
    assert.deepEqual(await disk.read(1023, 5), Uint8Array.of(1, 9, 8, 7, 2));
    await disk.close?.();
    await disk.close?.();
    await disk.flush();
    assert.deepEqual(Deno.readFileSync(path).slice(1024, 1027), Uint8Array.of(9, 8, 7));
  }));

Deno.test("openBlockFile with ro refuses writes to the file", () =>
  withImage((path) => {
    const disk = openBlockFile(path, "ro");
    assert.equal(disk.readOnly, true);
    assert.throws(() => disk.write(0, Uint8Array.of(1)));
    disk.close?.();
  }));

Deno.test("openBlockFile with overlay leaves the file as it is", () =>
  withImage(async (path) => {
    const before = Deno.readFileSync(path);
    const disk = openBlockFile(path, "overlay");
    assert.equal(disk.readOnly, false);
    await disk.write(600, Uint8Array.of(5));
    assert.deepEqual(await disk.read(599, 3), Uint8Array.of(1, 5, 1));
    await disk.close?.();
    assert.deepEqual(Deno.readFileSync(path), before);
  }));

Deno.test("openBlockFile locks: one writer, or any number of readers", () =>
  withImage((path) => {
    const writer = openBlockFile(path, "rw");
    assert.throws(() => openBlockFile(path, "rw"), /another VM uses it; stop that VM, or give this one a copy/);
    assert.throws(() => openBlockFile(path, "overlay"), /another VM writes to it/);
    openBlockFile(path, "ro", { lock: false }).close?.();
    writer.close?.();
    const readers = [openBlockFile(path, "ro"), openBlockFile(path, "overlay")];
    assert.throws(() => openBlockFile(path, "rw"), /another VM uses it/);
    for (const reader of readers) reader.close?.();
    openBlockFile(path, "rw").close?.();
  }));

Deno.test("openBlockFile says in one sentence what is wrong with a path", () =>
  withImage((path) => {
    const cases: [path: string, reason: RegExp][] = [
      [`${path}.missing`, /^Cannot open disk ".*missing": there is no such file; check the path$/],
      [`${path}/below`, /a part of its path is not a folder; check the path$/],
      ["/tmp", /^Cannot open disk "\/tmp": it is a folder; name a file in it$/],
      ["/dev/null", /it is neither a file nor a block device; name an image$/],
    ];
    for (const [wrong, reason] of cases) {
      assert.throws(() => openBlockFile(wrong, "rw"), { name: "HypervisorError", message: reason });
    }
    Deno.truncateSync(path, 0);
    assert.throws(() => openBlockFile(path, "rw"), /it is empty; make an image, for example with "truncate -s 64M"$/);
    // A failed opening holds no lock.
    Deno.truncateSync(path, 512);
    openBlockFile(path, "rw").close?.();
  }));

Deno.test("BlockFile reads what is left of a file that was cut", () =>
  withImage(async (path) => {
    const disk = openBlockFile(path, "rw");
    Deno.truncateSync(path, 700);
    assert.equal((await disk.read(512, 512)).length, 188);
    assert.equal((await disk.read(1024, 512)).length, 0);
    disk.close?.();
  }));

/** A file that takes three bytes at a time, and fails as told. */
function fakeFile(problem: { error?: Error }): { file: ImageFile; written: number[] } {
  const written: number[] = [];
  const file: ImageFile = {
    seekSync: () => 0,
    readSync: () => null,
    close: () => {},
    writeSync: (bytes) => {
      if (problem.error) throw problem.error;
      written.push(...bytes.subarray(0, 3));
      return Math.min(3, bytes.length);
    },
  };
  return { file, written };
}

Deno.test("BlockFile writes all bytes, and tells once that the host's disk is full", () => {
  const problem: { error?: Error } = {};
  const { file, written } = fakeFile(problem);
  const messages: string[] = [];
  const syncFile = { syncData: () => Promise.resolve(), close: () => {} };
  const disk = new BlockFile({ file, syncFile, size: 4096, path: "d.img", log: (text) => messages.push(text) });
  disk.write(0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assert.deepEqual(written, [1, 2, 3, 4, 5, 6, 7, 8]);

  problem.error = new Error("No space left on device (os error 28)");
  for (let i = 0; i < 3; i++) assert.throws(() => disk.write(0, Uint8Array.of(1)), { name: "HypervisorError" });
  const full = 'Cannot write disk "d.img": the host\'s disk is full; free some space; the guest sees an I/O error';
  assert.deepEqual(messages, [full]);

  problem.error = undefined;
  disk.write(0, Uint8Array.of(1));
  problem.error = new Error("No space left on device (os error 28)");
  assert.throws(() => disk.write(0, Uint8Array.of(1)));
  assert.deepEqual(messages, [full, full]);
});

Deno.test("BlockFile.flush rejects with a sentence when the host cannot make writes durable", async () => {
  const { file } = fakeFile({});
  const syncFile = { syncData: () => Promise.reject(new Error("Input/output error (os error 5)")), close: () => {} };
  const disk = new BlockFile({ file, syncFile, size: 4096, path: "d.img", log: () => {} });
  await assert.rejects(disk.flush(), { message: 'Cannot flush disk "d.img": input/output error (os error 5)' });
});

Deno.test("BlockFile can write while a flush is under way", () =>
  withImage(async (path) => {
    const disk = openBlockFile(path, "rw");
    for (let i = 0; i < 20; i++) {
      const flushed = disk.flush();
      disk.write(i, Uint8Array.of(i));
      await flushed;
    }
    disk.close?.();
  }));
