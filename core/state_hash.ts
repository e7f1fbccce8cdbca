/**
 * SHA-256 of a VM's RAM, for comparing runs.
 *
 * @module
 */
import type { VmMachine } from "./vm_machine.ts";

/**
 * Hashes all RAM in order of address; memory without a frame counts as zeros and gets none.
 *
 * @returns 64 hexadecimal digits
 */
export async function hashMemory({ space, memory, config }: VmMachine): Promise<string> {
  const regions = [...config.kernel.memory_regions].sort((a, b) => a.gpa - b.gpa);
  const offsets: { gpa: number; size: number; offset: number }[] = [];
  let total = 0;
  for (const { gpa, size } of regions) {
    offsets.push({ gpa, size, offset: total });
    total += size;
  }
  // The digest refuses shared memory and takes no pieces, so it gets one copy; its untouched pages stay uncommitted zeros.
  const copy = new Uint8Array(total);
  space.forEachPopulated((guest, host, size) => {
    const region = offsets.find(({ gpa, size: bytes }) => guest >= gpa && guest + size <= gpa + bytes);
    if (region) copyNonZero(memory.u32, memory.u8, host, size, copy, region.offset + guest - region.gpa);
  });
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", copy)));
}

/** Copies pages that are not zero. */
function copyNonZero(
  words: Uint32Array,
  bytes: Uint8Array,
  host: number,
  size: number,
  to: Uint8Array,
  at: number,
): void {
  for (let page = 0; page < size; page += 4096) {
    if (!isZero(words, (host + page) / 4)) to.set(bytes.subarray(host + page, host + page + 4096), at + page);
  }
}

/** Whether the page that begins at a word is all zero. */
export function isZero(words: Uint32Array, start: number): boolean {
  for (let i = start; i < start + 1024; i += 4) {
    if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3]) !== 0) return false;
  }
  return true;
}

/** Writes bytes as hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
