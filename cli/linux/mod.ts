/**
 * Gets and builds the Debian guest of `deno task linux`: kernel, initramfs and ext4 disk, as files of a cache folder.
 *
 * Permissions: `--allow-run=apt-get,apt-cache,dpkg-deb,xz,/usr/sbin/mke2fs,/sbin/mke2fs`, `--allow-read` and `--allow-write`
 * of the cache folder, `--allow-read=/etc/apt,/usr/share/keyrings`. Once the cache is whole, only it is read and no tool runs.
 *
 * @module
 */

import { HypervisorError } from "../../core/errors.ts";
import { NO_SPACE, PrivateApt } from "./apt.ts";
import { assembleDisk, assembleInitramfs, BOOT_MODULES, type GuestParts } from "./assemble.ts";
import { fileExists, removeLeftovers, textDigest, writeWhole } from "./cache.ts";
import { buildDisk } from "./disk.ts";
import { INIT_SCRIPT, RUN_SCRIPT } from "./guest_files.ts";
import { HostToolError, requireTools } from "./host_tools.ts";
import { guestParts, type KernelPackage, unpackBusybox, unpackKernel, unpackOpensbi } from "./packages.ts";

export { HostToolError } from "./host_tools.ts";
export { RunDisk, type RunDiskOptions } from "./run_disk.ts";

/** What {@link prepareLinux} needs. */
export interface PrepareOptions {
  /** Absolute path of the cache folder, which is made where it is missing. */
  readonly cacheDir: string;
  /** Debian archive address; without it the first one that the machine's apt is configured with. */
  readonly mirror?: string;
  /** Receives one line per step; nothing is said when all is there. */
  readonly progress: (line: string) => void;
  /** Build the disk anew, although there is one; what guests wrote on it is lost. */
  readonly freshDisk?: boolean;
}

/** Paths of the guest's files. */
export interface LinuxFiles {
  /** Debian's kernel, a Linux `Image`, unmodified. */
  readonly kernel: string;
  /** The initramfs. */
  readonly initrd: string;
  /** The raw disk image; guests write on it. */
  readonly disk: string;
  /** The kernel's release. */
  readonly kernelVersion: string;
}

/** Counts the recipes of the initramfs; a new one makes caches build theirs again. */
const RECIPE = "3";

/** What one step of preparing left in `guest.json`: which files make the guest. */
interface Manifest {
  readonly kernelVersion: string;
  readonly kernelPackage: string;
}

/**
 * The kernel's command line. Only documented, ordinary parameters: the console; the root disk; no log on the
 * console; no self-tests of the kernel's ciphers, a good part of a boot.
 */
export const LINUX_COMMAND_LINE = "console=ttyS0 root=/dev/vda rw quiet cryptomgr.notests";

const KERNEL_METAPACKAGE = "linux-image-riscv64";
const DISK_BYTES = 256 * 1024 * 1024;

/**
 * Makes sure that the guest's files are in the cache folder: downloads, unpacks and builds what is missing.
 *
 * @throws {HostToolError} with one sentence that says what to do, when a host tool, the mirror or the network fails.
 */
export function prepareLinux(options: PrepareOptions): Promise<LinuxFiles> {
  return explained(options.cacheDir, () => prepareGuest(options));
}

async function prepareGuest(options: PrepareOptions): Promise<LinuxFiles> {
  const { cacheDir } = options;
  const recipe = await textDigest([RECIPE, INIT_SCRIPT, RUN_SCRIPT, ...BOOT_MODULES].join("\0"), 8);
  const disk = `${cacheDir}/disk.img`;
  const known = await readManifest(cacheDir);
  if (known !== undefined && !options.freshDisk) {
    const files = filesOf(cacheDir, known.kernelVersion, recipe);
    if (await fileExists(files.kernel) && await fileExists(files.initrd) && await fileExists(disk)) return files;
  }

  await requireTools(["apt-get", "apt-cache", "dpkg-deb", "mke2fs", "xz"]);
  const { parts, image, manifest } = await collectParts(options, known);
  const files = filesOf(cacheDir, parts.kernelVersion, recipe);
  options.progress(`Building the guest of kernel ${parts.kernelVersion}`);
  await writeWhole(files.kernel, image);
  await writeWhole(files.initrd, assembleInitramfs(parts));
  await removeOldInitramfs(cacheDir, files.initrd);
  if (options.freshDisk || !await fileExists(disk)) {
    await buildDisk({ target: disk, size: DISK_BYTES, entries: assembleDisk(parts) });
  }
  await writeWhole(`${cacheDir}/guest.json`, new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`));
  return files;
}

/**
 * Makes sure that Debian's OpenSBI is in the cache folder and returns the paths of its generic jump firmware.
 *
 * @throws {HostToolError} as {@link prepareLinux}.
 */
export function prepareOpensbi(options: PrepareOptions): Promise<{ elf: string; bin: string }> {
  return explained(options.cacheDir, () => prepareFirmware(options));
}

async function prepareFirmware(options: PrepareOptions): Promise<{ elf: string; bin: string }> {
  const files = { elf: `${options.cacheDir}/fw_jump.elf`, bin: `${options.cacheDir}/fw_jump.bin` };
  if (await fileExists(files.elf) && await fileExists(files.bin)) return files;
  await requireTools(["apt-get", "dpkg-deb"]);
  const folder = await packageFolder(options.cacheDir);
  const kept = `${folder}/opensbi.deb`;
  const deb = await fileExists(kept) ? kept : await (await openApt(options, folder)).download("opensbi");
  const firmware = await unpackOpensbi(deb);
  await writeWhole(files.elf, firmware.elf);
  await writeWhole(files.bin, firmware.bin);
  return files;
}

/**
 * The cache folder of a checkout: `.cache/linux` beside `deno.json`, wherever the caller stands.
 *
 * @throws {HostToolError} when the program was not loaded from a file.
 */
export function defaultCacheDir(): string {
  const url = new URL("../../.cache/linux", import.meta.url);
  if (url.protocol !== "file:") {
    throw new HostToolError(
      `No checkout to keep the guest in, since the program came from '${url.origin}': give --cache FOLDER`,
    );
  }
  return decodeURIComponent(url.pathname);
}

/** Runs `work` and turns what the host's file system or a package's contents did to it into one sentence. */
async function explained<T>(cacheDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof HypervisorError) throw error;
    if (/os error 28\b/.test(error.message)) throw new HostToolError(NO_SPACE);
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      throw new HostToolError(`Cannot use the cache folder '${cacheDir}' (${error.message}): give another`);
    }
    if (error instanceof RangeError) {
      throw new HostToolError(`A Debian package is not as expected (${error.message}): remove '${cacheDir}/packages'`);
    }
    throw error;
  }
}

async function collectParts(
  options: PrepareOptions,
  known: Manifest | undefined,
): Promise<{ parts: GuestParts; image: Uint8Array; manifest: Manifest }> {
  const folder = await packageFolder(options.cacheDir);
  await removeLeftovers(options.cacheDir);
  await removeLeftovers(folder);
  const debs = await keptPackages(folder, known) ?? await fetchPackages(options, folder);
  options.progress("Unpacking the kernel and its modules");
  const work = await Deno.makeTempDir({ dir: options.cacheDir, prefix: "unpack-" });
  let kernel: KernelPackage;
  try {
    kernel = await unpackKernel(debs.kernel, work);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  const parts = guestParts(kernel, await unpackBusybox(debs.busybox));
  return {
    parts,
    image: kernel.image,
    manifest: { kernelVersion: kernel.version, kernelPackage: debs.kernelPackage },
  };
}

interface Packages {
  readonly kernel: string;
  readonly kernelPackage: string;
  readonly busybox: string;
}

async function keptPackages(folder: string, known: Manifest | undefined): Promise<Packages | undefined> {
  if (known === undefined) return undefined;
  const kernel = `${folder}/${known.kernelPackage}.deb`;
  const busybox = `${folder}/busybox-static.deb`;
  if (!await fileExists(kernel) || !await fileExists(busybox)) return undefined;
  return { kernel, busybox, kernelPackage: known.kernelPackage };
}

async function fetchPackages(options: PrepareOptions, folder: string): Promise<Packages> {
  const apt = await openApt(options, folder);
  const kernelPackage = await apt.resolve(KERNEL_METAPACKAGE, "linux-image-");
  const busybox = await apt.download("busybox-static");
  return { kernel: await apt.download(kernelPackage), kernelPackage, busybox };
}

function openApt(options: PrepareOptions, folder: string): Promise<PrivateApt> {
  return PrivateApt.open({ folder, mirror: options.mirror, progress: options.progress });
}

async function packageFolder(cacheDir: string): Promise<string> {
  const folder = `${cacheDir}/packages`;
  await Deno.mkdir(folder, { recursive: true });
  return folder;
}

async function removeOldInitramfs(cacheDir: string, current: string): Promise<void> {
  for (const entry of [...Deno.readDirSync(cacheDir)]) {
    const path = `${cacheDir}/${entry.name}`;
    if (/^initrd-.*\.cpio$/.test(entry.name) && path !== current) await Deno.remove(path);
  }
}

function filesOf(cacheDir: string, kernelVersion: string, recipe: string): LinuxFiles {
  return {
    kernel: `${cacheDir}/vmlinux-${kernelVersion}`,
    initrd: `${cacheDir}/initrd-${kernelVersion}-${recipe}.cpio`,
    disk: `${cacheDir}/disk.img`,
    kernelVersion,
  };
}

async function readManifest(cacheDir: string): Promise<Manifest | undefined> {
  try {
    const value: unknown = JSON.parse(await Deno.readTextFile(`${cacheDir}/guest.json`));
    const { kernelVersion, kernelPackage } = value as Record<string, unknown>;
    if (typeof kernelVersion === "string" && typeof kernelPackage === "string") return { kernelVersion, kernelPackage };
  } catch {
    // Absent, or edited by hand: either way the cache is built again from what is there.
  }
  return undefined;
}
