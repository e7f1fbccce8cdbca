/** Puts the guest together out of a kernel's modules and a busybox: the members of its initramfs and of its disk. @module */

import { readAppletNames } from "./busybox.ts";
import type { DiskEntry } from "./disk.ts";
import { DISK_FILES, DISK_FOLDERS, DISK_PROGRAMS, INIT_SCRIPT, MODULE_FOLDER, RUN_SCRIPT } from "./guest_files.ts";
import { type CpioEntry, writeCpio } from "./initramfs.ts";
import { insertionOrder, type ModuleInfo, moduleName, withoutSignature, writeModulesDep } from "./modules.ts";

/** What a root on virtio-blk needs, and a source of random numbers; soft dependencies are found among these. */
export const BOOT_MODULES: readonly string[] = ["crc32c_generic", "virtio_mmio", "virtio_rng", "virtio_blk", "ext4"];
/** What the disk has besides, for `modprobe`. */
export const DISK_MODULES: readonly string[] = ["kvm"];

/** A decompressed module. */
export interface KernelModule {
  /** What it says of itself. */
  readonly info: ModuleInfo;
  /** Its path below `/lib/modules/VERSION`, without a compression suffix. */
  readonly path: string;
  /** The ELF object. */
  readonly data: Uint8Array;
}

/** What both images are made of. */
export interface GuestParts {
  /** The kernel's release, as `uname -r` tells it. */
  readonly kernelVersion: string;
  /** The statically linked busybox program. */
  readonly busybox: Uint8Array;
  /** Every module of {@link BOOT_MODULES} and {@link DISK_MODULES} with all that they depend on, by name. */
  readonly modules: ReadonlyMap<string, KernelModule>;
}

/**
 * The initramfs, uncompressed: unpacking it costs the guest a copy and no more. Its modules go without their signatures:
 * checking these takes twice the instructions of all the rest of a boot, and apt has verified the package they come from.
 */
export function assembleInitramfs(parts: GuestParts): Uint8Array<ArrayBuffer> {
  const folders = ["bin", "dev", "proc", "sys", "newroot", MODULE_FOLDER];
  const entries: CpioEntry[] = folders.map((path) => ({ kind: "directory", path }));
  entries.push({ kind: "character", path: "dev/console", major: 5, minor: 1 });
  entries.push({ kind: "file", path: "bin/busybox", data: parts.busybox, mode: 0o755 });
  for (const path of appletPaths(parts.busybox)) entries.push({ kind: "symlink", path, target: "busybox" });
  const order = bootOrder(parts);
  for (const name of order) {
    entries.push({
      kind: "file",
      path: `${MODULE_FOLDER}/${name}.ko`,
      data: withoutSignature(moduleOf(parts, name).data),
    });
  }
  entries.push(textFile(`${MODULE_FOLDER}/order`, order.map((name) => `${name}\n`).join("")));
  entries.push(textFile("init", INIT_SCRIPT, true), textFile("run.sh", RUN_SCRIPT, true));
  return writeCpio(entries);
}

/** The contents of the disk. */
export function assembleDisk(parts: GuestParts): DiskEntry[] {
  const entries: DiskEntry[] = DISK_FOLDERS.map((path) => ({
    kind: "directory",
    path,
    mode: path === "root" ? 0o700 : path === "tmp" ? 0o1777 : 0o755,
  }));
  entries.push({ kind: "file", path: "bin/busybox", data: parts.busybox, mode: 0o755 });
  for (const path of [...appletPaths(parts.busybox), ...DISK_PROGRAMS]) {
    entries.push({ kind: "link", path, of: "bin/busybox" });
  }
  for (const [path, { text, executable }] of Object.entries(DISK_FILES)) entries.push(textFile(path, text, executable));
  entries.push(...moduleTree(parts));
  return entries;
}

function moduleTree(parts: GuestParts): DiskEntry[] {
  const base = `lib/modules/${parts.kernelVersion}`;
  const folders = new Set([base]);
  for (const { path } of parts.modules.values()) {
    const steps = path.split("/").slice(0, -1);
    steps.forEach((_, index) => folders.add(`${base}/${steps.slice(0, index + 1).join("/")}`));
  }
  const entries: DiskEntry[] = [...folders].map((path) => ({ kind: "directory", path }));
  for (const { path, data } of parts.modules.values()) entries.push({ kind: "file", path: `${base}/${path}`, data });
  const infos = new Map([...parts.modules].map(([name, { info }]) => [name, info]));
  const paths = new Map([...parts.modules].map(([name, { path }]) => [name, path]));
  entries.push(textFile(`${base}/modules.dep`, writeModulesDep(infos, paths)));
  return entries;
}

function bootOrder(parts: GuestParts): string[] {
  const infos = new Map([...parts.modules].map(([name, { info }]) => [name, info]));
  return insertionOrder(BOOT_MODULES.filter((name) => infos.has(moduleName(name))), infos);
}

function appletPaths(busybox: Uint8Array): string[] {
  return readAppletNames(busybox).filter((name) => name !== "busybox").map((name) => `bin/${name}`);
}

function textFile(path: string, text: string, executable = false): CpioEntry & DiskEntry {
  return { kind: "file", path, data: new TextEncoder().encode(text), mode: executable ? 0o755 : 0o644 };
}

function moduleOf(parts: GuestParts, name: string): KernelModule {
  const module = parts.modules.get(name);
  if (module === undefined) throw new RangeError(`Kernel module '${name}' was not unpacked`);
  return module;
}
