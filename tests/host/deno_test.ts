/** The services of the Deno host. @module */
import assert from "node:assert/strict";
import { createDenoHost, explainFileError } from "../../host/deno.ts";

const host = createDenoHost({ log: () => {} });

Deno.test("createDenoHost has time that goes on, and the time of day", async () => {
  assert.equal(host.realTime, true);
  const start = host.nowMs();
  await host.sleep(5).done;
  assert.ok(host.nowMs() - start >= 4);
  assert.ok(Math.abs(host.wallClockSeconds() - Date.now() / 1000) < 1);
});

Deno.test("createDenoHost's yieldToHost serves timers between turns that never wait", async () => {
  const stayAlive = host.sleep(Infinity);
  for (let round = 0; round < 10; round++) {
    let isDue = false;
    const timer = setTimeout(() => isDue = true, 10);
    let turns = 0;
    for (; !isDue && turns < 20; turns++) {
      const end = host.nowMs() + 2;
      while (host.nowMs() < end);
      await host.yieldToHost();
    }
    clearTimeout(timer);
    assert.ok(turns < 20, "a timer of 10 ms is not served in 40 ms");
  }
  stayAlive.cancel();
});

Deno.test("createDenoHost's sleep is cancelled, whether it has an end or none", async () => {
  for (const length of [60_000, Infinity]) {
    const sleep = host.sleep(length);
    sleep.cancel();
    await sleep.done;
    sleep.cancel();
  }
});

Deno.test("createDenoHost's random fills arrays of any length", () => {
  const bytes = new Uint8Array(200_000);
  host.random(bytes);
  for (let at = 0; at < bytes.length; at += 50_000) {
    assert.ok(bytes.subarray(at, at + 50_000).some((byte) => byte !== 0));
  }
});

Deno.test("createDenoHost's openBlock takes paths and file addresses, from a base with any name", async () => {
  const parent = await Deno.makeTempDir();
  const folder = `${parent}/50% #1 ?`;
  try {
    await Deno.mkdir(folder);
    await Deno.writeFile(`${folder}/a #1.img`, new Uint8Array(512));
    const base = new URL(`file://${folder.replace(/[%#?]/g, encodeURIComponent)}/vm.toml`);
    for (const path of ["a #1.img", `${folder}/a #1.img`, new URL("a%20%231.img", base).href]) {
      const disk = await host.openBlock!(path, "ro", base);
      assert.equal(disk.size, 512);
      await disk.close?.();
    }
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("createDenoHost's openBlock refuses a relative path of a configuration from the web", async () => {
  await assert.rejects(async () => await host.openBlock!("a.img", "rw", new URL("https://example.com/vm.json")), {
    message: /a disk must be a file; give an absolute path$/,
  });
});

Deno.test("explainFileError has words for each class of error", () => {
  const cases: [error: unknown, words: string][] = [
    [new Deno.errors.PermissionDenied("x"), "permission is denied; change the file's permissions"],
    [
      new Deno.errors.NotCapable('Requires read access to "/x", run again with the --allow-read flag'),
      'Deno was started without the permission; requires read access to "/x", run again with the --allow-read flag',
    ],
    [new Error("Disk quota exceeded (os error 122)"), "the host's disk is full; free some space"],
    [new Error("File too large (os error 27)"), "the host allows no larger file; raise its limit"],
    [new Error("x (os error 30)"), "the host's file system is read-only; put the file elsewhere"],
    [new Error("Odd thing\nstack"), "odd thing"],
    ["text", "text"],
  ];
  for (const [error, words] of cases) assert.equal(explainFileError(error), words);
});
