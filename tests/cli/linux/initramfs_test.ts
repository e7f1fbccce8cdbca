/** Tests of the cpio writer. @module */

import assert from "node:assert/strict";
import { writeCpio } from "../../../cli/linux/initramfs.ts";
import { readCpio } from "./fixtures.ts";

const encoder = new TextEncoder();

Deno.test("writeCpio gives every kind of member its mode, owner, date and data, and ends with the trailer", () => {
  const archive = writeCpio([
    { kind: "directory", path: "dev" },
    { kind: "file", path: "dev/odd", data: encoder.encode("12345"), mode: 0o755 },
    { kind: "symlink", path: "sh", target: "busybox" },
    { kind: "character", path: "dev/console", major: 5, minor: 1 },
  ], 77);
  assert.equal(archive.length % 4, 0);
  const members = readCpio(archive);
  assert.deepEqual(members.map(({ path, mode }) => [path, mode]), [
    ["dev", 0o040755],
    ["dev/odd", 0o100755],
    ["sh", 0o120777],
    ["dev/console", 0o020600],
    ["TRAILER!!!", 0],
  ]);
  for (const member of members.slice(0, -1)) assert.deepEqual([member.uid, member.gid, member.time], [0, 0, 77]);
  assert.equal(new TextDecoder().decode(members[1].data), "12345");
  assert.equal(new TextDecoder().decode(members[2].data), "busybox");
  assert.deepEqual(members[3].rdev, [5, 1]);
});

Deno.test("writeCpio writes the header that the buffer format names, byte for byte", () => {
  const archive = writeCpio([{ kind: "file", path: "a", data: encoder.encode("xy") }]);
  const first = new TextDecoder().decode(archive.subarray(0, 116));
  assert.equal(
    first,
    "070701" + "00000001" + "000081a4" + "00000000" + "00000000" + "00000001" + "00000000" + "00000002" + "00000000" +
      "00000000" + "00000000" + "00000000" + "00000002" + "00000000" + "a\0" + "xy\0\0",
  );
});

Deno.test("writeCpio refuses absolute paths and members before their folder", () => {
  const data = new Uint8Array();
  assert.throws(() => writeCpio([{ kind: "file", path: "/init", data }]), /must be relative, got '\/init'/);
  assert.throws(() => writeCpio([{ kind: "file", path: "bin/sh", data }]), /'bin\/sh' comes before its folder/);
});
