/** What the operating system does with memory that is only read. @module */

const PAGE = 4096;
const WASM_PAGES = 1024;

/**
 * Whether memory that was never written is committed when it is read. Most kernels show one page of zeros everywhere; where they do not,
 * reading all of RAM, as a reset does, commits it, and nothing but its contents tells what was touched.
 */
export function readingCommits(): boolean {
  const memory = new Uint8Array(new WebAssembly.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES }).buffer);
  const before = Deno.memoryUsage().rss;
  let sum = 0;
  for (let at = 0; at < memory.length; at += PAGE) sum += memory[at];
  return sum > 0 || Deno.memoryUsage().rss - before > memory.length / 2;
}
