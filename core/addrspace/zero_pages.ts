/**
 * Zeroing memory without committing it: the operating system commits a page when it is written, not when it is read.
 *
 * @module
 */
import { type HostPhysAddr, PAGE_SIZE } from "../address.ts";
import type { HostMemory } from "../memory.ts";

/**
 * Makes a range zero by writing only pages that are not.
 *
 * @param changed Called for every piece (at most a page) that was written
 */
export function zeroPages(
  memory: HostMemory,
  start: HostPhysAddr,
  size: number,
  changed: (host: HostPhysAddr, length: number) => void,
): void {
  const end = start + size;
  for (let at = start; at < end;) {
    const next = Math.min(end, at - at % PAGE_SIZE + PAGE_SIZE);
    const isZero = next - at === PAGE_SIZE ? isZeroPage(memory.i32, at / 4) : isZeroBytes(memory.u8, at, next);
    if (!isZero) {
      memory.u8.fill(0, at, next);
      changed(at, next - at);
    }
    at = next;
  }
}

/** Looks at eight words at a time: resets scan gigabytes. */
function isZeroPage(words: Int32Array, from: number): boolean {
  for (let i = from; i < from + PAGE_SIZE / 4; i += 8) {
    const any = words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] | words[i + 6] |
      words[i + 7];
    if (any !== 0) return false;
  }
  return true;
}

function isZeroBytes(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}
