/**
 * Reads and parses the images that a configuration names, before anything is built.
 *
 * @module
 */
import type { ArchModule, LoadedImage } from "./arch_vcpu.ts";
import type { VmConfig } from "./config_types.ts";
import { isFlat, loadImage } from "./image.ts";
import { type ImageBytes, releaseImage, wholeOf } from "./image_bytes.ts";
import { openHostFile, type VmHost } from "./vm_host.ts";

/** Where a kernel of flat bytes goes above the start of RAM: what lies below is the firmware's, present or not. */
const FIRMWARE_ROOM = 2 * 2 ** 20;

/** Images of a VM. */
export interface VmImages {
  /** The kernel. */
  readonly kernel: LoadedImage | undefined;
  /** The firmware. */
  readonly bios: LoadedImage | undefined;
  /** The initial RAM disk. */
  readonly ramdisk: ImageBytes | undefined;
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

/** Reads the images of a VM, as far as they must be known now; nothing stays open. */
export async function readImages(config: VmConfig, sources: ImageSources): Promise<VmImages> {
  const { kernel, base } = config;
  const { arch } = sources;
  const files = new ImageFiles(sources);
  try {
    const biosBytes = await files.open(kernel.bios, kernel.bios_path, "bios");
    const kernelBytes = await files.open(kernel.image, kernel.kernel_path, "kernel");
    const ramBase = kernel.memory_regions[0].gpa;
    const parse = async (bytes: ImageBytes | undefined, name: string, loadAddress: number | undefined) =>
      bytes && await loadImage(bytes, { arch, ramBase, loadAddress, name });
    const bios = await parse(biosBytes, kernel.bios_path ?? "kernel.bios", kernel.bios_load_addr);
    const name = kernel.kernel_path ?? "kernel.image";
    const leavesRoom = base.mode === "guest" || bios !== undefined;
    let kernelAddress = kernel.kernel_load_addr;
    if (
      kernelBytes && kernelAddress === undefined && leavesRoom && await isFlat(kernelBytes, { arch, ramBase, name })
    ) {
      kernelAddress = ramBase + FIRMWARE_ROOM;
    }
    const dtb = await files.open(kernel.dtb, kernel.dtb_path, "dtb");
    return {
      kernel: await parse(kernelBytes, name, kernelAddress),
      bios,
      ramdisk: await files.open(kernel.ramdisk, kernel.ramdisk_path, "ramdisk"),
      dtb: dtb && wholeOf(dtb),
    };
  } finally {
    files.release();
  }
}

/** The images that were opened. */
class ImageFiles {
  readonly #sources: ImageSources;
  readonly #opened: ImageBytes[] = [];

  constructor(sources: ImageSources) {
    this.#sources = sources;
  }

  /** The bytes that a configuration gives itself, or names by a path. */
  async open(
    bytes: Uint8Array | undefined,
    path: string | undefined,
    key: string,
  ): Promise<ImageBytes | undefined> {
    if (bytes !== undefined || path === undefined) return bytes;
    const { host, base } = this.#sources;
    const file = await openHostFile(host, path, base, `kernel.${key}_path`);
    this.#opened.push(file);
    return file;
  }

  release(): void {
    this.#opened.forEach(releaseImage);
  }
}
