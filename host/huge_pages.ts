/**
 * Huge pages behind guest memory: `madvise` with MADV_HUGEPAGE of Linux's C library (madvise(2)), as QEMU calls it, if the program may
 * call that library.
 *
 * @module
 */

/** Where Linux systems have the C library. */
export const C_LIBRARIES = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
] as const;

const SYMBOLS = { madvise: { parameters: ["buffer", "usize", "i32"], result: "i32" } } as const;

const MADV_HUGEPAGE = 14;

/** Advice begins at a multiple of the page size: no Linux has larger ones than these, but for huge pages. */
const LARGEST_PAGE = 65536;

/**
 * Asks the kernel for huge pages behind memory, so that touching it first costs less. Without the permission `ffi` for the C library, on
 * other systems than Linux, and where the kernel has no huge pages, nothing happens.
 *
 * @param areas Bytes of a `WebAssembly.Memory`
 */
export function adviseHugePages(areas: readonly Uint8Array[]): void {
  if (Deno.build.os !== "linux") return;
  for (const path of C_LIBRARIES) {
    if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") continue;
    const library = openLibrary(path);
    for (const area of areas) {
      const whole = area.subarray((LARGEST_PAGE - area.byteOffset % LARGEST_PAGE) % LARGEST_PAGE);
      library?.symbols.madvise(whole, BigInt(whole.byteLength), MADV_HUGEPAGE);
    }
    library?.close();
  }
}

/** Opens the C library; undefined if it is not there: a program may have the permission for all of them. */
function openLibrary(path: string): Deno.DynamicLibrary<typeof SYMBOLS> | undefined {
  try {
    return Deno.dlopen(path, SYMBOLS);
  } catch {
    return undefined;
  }
}
