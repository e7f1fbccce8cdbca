/** Tests of module metadata and insertion order. @module */

import assert from "node:assert/strict";
import {
  insertionOrder,
  type ModuleInfo,
  moduleName,
  readModuleInfo,
  withoutSignature,
  writeModulesDep,
} from "../../../cli/linux/modules.ts";
import { moduleObject } from "./fixtures.ts";

function modules(...infos: Partial<ModuleInfo>[]): Map<string, ModuleInfo> {
  return new Map(infos.map((info) => [info.name ?? "", {
    name: info.name ?? "",
    depends: info.depends ?? [],
    softBefore: info.softBefore ?? [],
    aliases: info.aliases ?? [],
  }]));
}

const EXT4 = modules(
  { name: "ext4", depends: ["jbd2", "mbcache", "crc16"], softBefore: ["crypto-crc32c"] },
  { name: "jbd2", softBefore: ["crypto-crc32c"] },
  { name: "mbcache" },
  { name: "crc16" },
  { name: "crc32c_generic", aliases: ["crypto-crc32c", "crc32c"] },
);

Deno.test("readModuleInfo reads name, dependencies, soft dependencies and aliases out of .modinfo", () => {
  const object = moduleObject([
    ...["softdep=pre: crypto-crc32c other post: later", "license=GPL", "alias=fs-ext4", "alias=ext3"],
    ...["depends=jbd2,mbcache,crc16", "name=ext4"],
  ]);
  assert.deepEqual(readModuleInfo(object, "ext4.ko"), {
    name: "ext4",
    depends: ["jbd2", "mbcache", "crc16"],
    softBefore: ["crypto-crc32c", "other"],
    aliases: ["fs-ext4", "ext3"],
  });
  assert.deepEqual(readModuleInfo(moduleObject(["depends="]), "virtio-rng.ko").name, "virtio_rng");
});

Deno.test("readModuleInfo refuses what is no module", () => {
  assert.throws(() => readModuleInfo(new Uint8Array(200), "x.ko"), /'x.ko' is not a kernel module/);
  assert.throws(() => readModuleInfo(moduleObject([]).slice(0, 100), "y.ko"), /'y.ko' is not a kernel module/);
});

Deno.test("insertionOrder puts hard and soft dependencies first, each once", () => {
  assert.deepEqual(insertionOrder(["ext4"], EXT4), ["crc32c_generic", "jbd2", "mbcache", "crc16", "ext4"]);
  assert.deepEqual(insertionOrder(["mbcache", "jbd2", "mbcache"], EXT4), ["mbcache", "crc32c_generic", "jbd2"]);
});

Deno.test("insertionOrder names a missing module, and a circle", () => {
  assert.throws(() => insertionOrder(["a"], modules({ name: "a", depends: ["b"] })), /'b' is missing, needed by 'a'/);
  const circle = modules({ name: "a", depends: ["b"] }, { name: "b", depends: ["a"] });
  assert.throws(() => insertionOrder(["a"], circle), /'a' depends on itself by way of 'b'/);
});

Deno.test("writeModulesDep lists what each module needs, the nearest first", () => {
  const paths = new Map([["ext4", "kernel/fs/ext4/ext4.ko"], ["jbd2", "kernel/fs/jbd2/jbd2.ko"]]);
  const infos = modules({ name: "ext4", depends: ["jbd2"] }, { name: "jbd2" });
  assert.equal(
    writeModulesDep(infos, paths),
    "kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko\nkernel/fs/jbd2/jbd2.ko:\n",
  );
});

Deno.test("withoutSignature cuts an appended signature and leaves other modules alone", () => {
  const object = moduleObject(["name=a"]);
  const signature = new Uint8Array([1, 2, 3, 4, 5]);
  const footer = new Uint8Array([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
  const magic = new TextEncoder().encode("~Module signature appended~\n");
  const signed = new Uint8Array([...object, ...signature, ...footer, ...magic]);
  assert.deepEqual(withoutSignature(signed), object);
  assert.equal(withoutSignature(object), object);
});

Deno.test("moduleName takes folder and suffixes off and writes underscores", () => {
  assert.equal(moduleName("kernel/drivers/char/hw_random/virtio-rng.ko.xz"), "virtio_rng");
});
