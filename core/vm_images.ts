/**
 * Reads and parses the images that a configuration names, before anything is built.
 *
 * @module
 */
import type { ArchModule, LoadedImage } from "./arch_vcpu.ts";
import type { VmConfig } from "./config_types.ts";
import { isElf } from "./elf.ts";
import { gunzip, loadImage } from "./image.ts";
import { readHostFile, type VmHost } from "./vm_host.ts";

/** Where a kernel of flat bytes goes above the start of RAM: what lies below is the firmware's, present or not. */
const FIRMWARE_ROOM = 2 * 2 ** 20;

/** Images of a VM. */
export interface VmImages {
  /** The kernel. */
  readonly kernel: LoadedImage | undefined;
  /** The firmware. */
  readonly bios: LoadedImage | undefined;
  /** The initial RAM disk. */
  readonly ramdisk: Uint8Array | undefined;
  /** The device tree, if it is not generated. */
  readonly dtb: Uint8Array | undefined;
}

/** What is needed to read images. */
export interface ImageSources {
  /** Reads files. */
  readonly host: VmHost;
  /** What relative paths are relative to. */
  readonly base: URL | undefined;
  /** Knows the formats. */
  readonly arch: ArchModule;
}

/** Reads the images of a VM. */
export async function readImages(config: VmConfig, sources: ImageSources): Promise<VmImages> {
  const { kernel, base } = config;
  const { host, arch } = sources;
  const read = async (bytes: Uint8Array | undefined, path: string | undefined, key: string) =>
    bytes ?? (path === undefined ? undefined : await readHostFile(host, path, sources.base, `kernel.${key}_path`));
  const parse = async (bytes: Uint8Array | undefined, name: string, loadAddress: number | undefined) =>
    bytes && await loadImage(bytes, { arch, ramBase: kernel.memory_regions[0].gpa, loadAddress, name });
  const biosBytes = await read(kernel.bios, kernel.bios_path, "bios");
  const kernelBytes = await read(kernel.image, kernel.kernel_path, "kernel");
  const bios = await parse(biosBytes, kernel.bios_path ?? "kernel.bios", kernel.bios_load_addr);
  const name = kernel.kernel_path ?? "kernel.image";
  const ramBase = kernel.memory_regions[0].gpa;
  const leavesRoom = base.mode === "guest" || bios !== undefined;
  let kernelAddress = kernel.kernel_load_addr;
  if (kernelBytes && kernelAddress === undefined && leavesRoom && await isFlat(kernelBytes, name, arch, ramBase)) {
    kernelAddress = ramBase + FIRMWARE_ROOM;
  }
  return {
    kernel: await parse(kernelBytes, name, kernelAddress),
    bios,
    ramdisk: await read(kernel.ramdisk, kernel.ramdisk_path, "ramdisk"),
    dtb: await read(kernel.dtb, kernel.dtb_path, "dtb"),
  };
}

/** Whether an image says nothing about itself: not an ELF, not a format of the architecture. */
async function isFlat(bytes: Uint8Array, name: string, arch: ArchModule, ramBase: number): Promise<boolean> {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = isPacked ? await gunzip(bytes, name, 2 ** 30) : bytes;
  return !isElf(plain) && arch.recognizeImage(plain, ramBase) === undefined;
}
