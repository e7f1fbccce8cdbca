/** Tests of what the initramfs and the disk are made of, and of the image's inodes. @module */

import assert from "node:assert/strict";
import { assembleDisk, assembleInitramfs, type GuestParts, type KernelModule } from "../../../cli/linux/assemble.ts";
import { normaliseInodes } from "../../../cli/linux/ext4_image.ts";
import { DISK_FILES, INIT_SCRIPT, RUN_SCRIPT } from "../../../cli/linux/guest_files.ts";
import { readModuleInfo } from "../../../cli/linux/modules.ts";
import { busyboxProgram, moduleObject, readCpio } from "./fixtures.ts";

function kernelModule(name: string, folder: string, depends = ""): [string, KernelModule] {
  const data = moduleObject([`name=${name}`, `depends=${depends}`]);
  return [name, { info: readModuleInfo(data, name), path: `kernel/${folder}/${name}.ko`, data }];
}

const PARTS: GuestParts = {
  kernelVersion: "6.1-test",
  busybox: busyboxProgram(["[", "[[", "busybox", "init", "mount", "sh"]),
  modules: new Map([
    kernelModule("ext4", "fs/ext4", "jbd2"),
    kernelModule("jbd2", "fs/jbd2"),
    kernelModule("virtio_blk", "drivers/block"),
    kernelModule("virtio_mmio", "drivers/virtio"),
    kernelModule("kvm", "arch/riscv/kvm"),
  ]),
};

Deno.test("assembleInitramfs holds /init, the console, the applets, and the boot modules with their order", () => {
  const members = new Map(readCpio(assembleInitramfs(PARTS)).map((member) => [member.path, member]));
  const text = (path: string): string => new TextDecoder().decode(members.get(path)?.data);
  assert.equal(members.get("init")?.mode, 0o100755);
  assert.equal(text("init"), INIT_SCRIPT);
  assert.equal(text("run.sh"), RUN_SCRIPT);
  assert.deepEqual(members.get("dev/console")?.rdev, [5, 1]);
  assert.equal(members.get("bin/sh")?.mode, 0o120777);
  assert.equal(members.get("bin/busybox")?.mode, 0o100755);
  assert.equal(text("modules/order"), "virtio_mmio\nvirtio_blk\njbd2\next4\n");
  assert.ok(members.has("modules/jbd2.ko"));
  assert.ok(!members.has("modules/kvm.ko"), "kvm is the disk's");
});

Deno.test("assembleDisk lists folders before what they hold, and every module in modules.dep", () => {
  const entries = assembleDisk(PARTS);
  const seen = new Set<string>();
  for (const entry of entries) {
    const folder = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf("/")));
    assert.ok(folder === "" || seen.has(folder), `${entry.path} comes before its folder`);
    assert.ok(!seen.has(entry.path), `${entry.path} is there twice`);
    if (entry.kind === "link") assert.ok(seen.has(entry.of));
    seen.add(entry.path);
  }
  for (
    const path of [
      "bin/sh",
      "sbin/init",
      "lib/modules/6.1-test/kernel/arch/riscv/kvm/kvm.ko",
      ...Object.keys(DISK_FILES),
    ]
  ) {
    assert.ok(seen.has(path), path);
  }
  const dep = entries.find((entry) => entry.path === "lib/modules/6.1-test/modules.dep");
  assert.ok(dep?.kind === "file");
  assert.match(new TextDecoder().decode(dep.data), /^kernel\/fs\/ext4\/ext4\.ko: kernel\/fs\/jbd2\/jbd2\.ko$/m);
});

/** An image of one group: superblock at 1024, descriptors at block 1, inode table of 16 inodes at block 3. */
function smallImage(features: { incompat?: number; roCompat?: number } = {}): DataView {
  const view = new DataView(new ArrayBuffer(16 * 4096));
  view.setUint32(1024 + 0x00, 16, true);
  view.setUint32(1024 + 0x18, 2, true);
  view.setUint32(1024 + 0x28, 16, true);
  view.setUint16(1024 + 0x38, 0xef53, true);
  view.setUint16(1024 + 0x58, 256, true);
  view.setUint32(1024 + 0x60, features.incompat ?? 0, true);
  view.setUint32(1024 + 0x64, features.roCompat ?? 0, true);
  view.setUint32(4096 + 8, 3, true);
  for (const inode of [1, 11]) {
    const at = 3 * 4096 + inode * 256;
    view.setUint16(at, 0o100644, true);
    view.setUint16(at + 0x02, 1000, true);
    view.setUint16(at + 0x7a, 3, true);
    for (const offset of [0x08, 0x0c, 0x10, 0x84, 0x90]) view.setUint32(at + offset, 123456, true);
  }
  return view;
}

function normalise(view: DataView, time: number): void {
  const bytes = new Uint8Array(view.buffer);
  normaliseInodes({
    read: (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    write: (offset, data) => bytes.set(data, offset),
  }, time);
}

Deno.test("normaliseInodes gives the inodes in use to root, dates them, and leaves free ones alone", () => {
  const view = smallImage();
  normalise(view, 99);
  for (const inode of [1, 11]) {
    const at = 3 * 4096 + inode * 256;
    assert.equal(view.getUint16(at + 0x02, true), 0);
    assert.equal(view.getUint16(at + 0x7a, true), 0);
    assert.deepEqual([0x08, 0x0c, 0x10, 0x84, 0x90].map((offset) => view.getUint32(at + offset, true)), [
      99,
      99,
      99,
      0,
      99,
    ]);
  }
  assert.equal(view.getUint32(3 * 4096 + 2 * 256 + 0x08, true), 0);
  assert.equal(view.getUint32(1024 + 0x108, true), 99);
});

Deno.test("normaliseInodes refuses an image whose inodes carry checksums, and what is no ext4", () => {
  assert.throws(() => normalise(smallImage({ roCompat: 0x400 }), 0), /checksums that were not asked for/);
  assert.throws(() => normalise(smallImage({ incompat: 0x80 }), 0), /checksums that were not asked for/);
  const view = smallImage();
  view.setUint16(1024 + 0x38, 0, true);
  assert.throws(() => normalise(view, 0), /no ext4 image/);
});
