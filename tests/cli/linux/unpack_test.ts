/** Tests of reading tar streams, busybox's applets and the cache's whole-file writes. @module */

import assert from "node:assert/strict";
import { readAppletNames } from "../../../cli/linux/busybox.ts";
import { fileExists, writeWhole } from "../../../cli/linux/cache.ts";
import { readTarMembers } from "../../../cli/linux/tar.ts";
import { busyboxProgram, chunked, tarMember } from "./fixtures.ts";

const encoder = new TextEncoder();
const END = new Uint8Array(1024);

Deno.test("readTarMembers picks wanted files however the stream is cut, with prefixes and long names", async () => {
  const long = `./${"d/".repeat(70)}file`;
  const parts = [
    tarMember("./boot/", new Uint8Array(), "5"),
    tarMember("./boot/kernel", new Uint8Array(1300).fill(7)),
    tarMember("./skipped", new Uint8Array(513).fill(8)),
    tarMember("name", encoder.encode("prefixed"), "0", "./some/where"),
    tarMember("././@LongLink", encoder.encode(`${long}\0`), "L"),
    tarMember(long.slice(0, 100), encoder.encode("long")),
    tarMember("PaxHeaders/x", encoder.encode("20 path=./pax/file1\n"), "x"),
    tarMember("short", encoder.encode("pax")),
    END,
  ];
  for (const size of [100, 512, 5000]) {
    const found = await readTarMembers(chunked(parts, size), (path) => path !== "skipped");
    assert.deepEqual([...found.keys()], ["boot/kernel", "some/where/name", long.slice(2), "pax/file1"]);
    assert.deepEqual(found.get("boot/kernel"), new Uint8Array(1300).fill(7));
    assert.equal(new TextDecoder().decode(found.get("pax/file1")), "pax");
  }
});

Deno.test("readTarMembers says so when the stream ends within a member", async () => {
  const cut = tarMember("a", new Uint8Array(2000)).slice(0, 1000);
  await assert.rejects(readTarMembers(chunked([cut], 300), () => true), /Truncated tar stream/);
});

Deno.test("readAppletNames finds the table of applets and no look-alike", () => {
  const names = ["[", "[[", "ash", "mount", "run-init", "sh"];
  assert.deepEqual(readAppletNames(busyboxProgram(names)), names);
  assert.throws(() => readAppletNames(encoder.encode("[\0[[\0nothing")), /No table of applets/);
});

Deno.test("writeWhole puts the whole file in place and leaves no part behind", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeWhole(`${folder}/a`, new Uint8Array(100_000).fill(1));
    assert.equal((await Deno.readFile(`${folder}/a`)).length, 100_000);
    await Deno.mkdir(`${folder}/taken`);
    await assert.rejects(writeWhole(`${folder}/taken`, new Uint8Array(1)));
    assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name).sort(), ["a", "taken"]);
    assert.equal(await fileExists(`${folder}/b`), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
