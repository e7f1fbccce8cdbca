/**
 * The boot header of a RISC-V Linux `Image` (Linux kernel, Documentation/arch/riscv/boot-image-header.rst).
 *
 * @module
 */
import type { LoadedImage } from "../../core/arch_vcpu.ts";
import type { GuestPhysAddr } from "../../core/address.ts";
import { headOf, type ImageBytes } from "../../core/image_bytes.ts";

const HEADER_SIZE = 64;
const TEXT_OFFSET = 8;
const IMAGE_SIZE = 16;
const MAGIC2_OFFSET = 56;
/** "RSC\x05", little endian. */
const MAGIC2 = 0x05435352;

/** Recognises the header; the kernel goes to its `text_offset` above the start of RAM and takes `image_size` bytes there. */
export function recognizeLinuxImage(bytes: ImageBytes, ramBase: GuestPhysAddr): LoadedImage | undefined {
  if (bytes.length < HEADER_SIZE) return undefined;
  const header = headOf(bytes, HEADER_SIZE);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(MAGIC2_OFFSET, true) !== MAGIC2) return undefined;
  const entry = ramBase + Number(view.getBigUint64(TEXT_OFFSET, true));
  const size = Math.max(bytes.length, Number(view.getBigUint64(IMAGE_SIZE, true)));
  return { entry, segments: [{ address: entry, bytes, size }], symbols: new Map() };
}
