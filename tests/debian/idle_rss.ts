/**
 * Boots Debian to its shell in a process of its own and prints, as JSON, this process's resident memory and what the guest touched.
 *
 * @module
 */
import { createDebian } from "./debian_vm.ts";

const { vm } = await createDebian({});
const ended = vm.run();
await vm.console().waitFor("~ # ");
await new Promise((resolve) => setTimeout(resolve, 1000));
const { rss } = Deno.memoryUsage();
let touched = 0;
const page = new Uint8Array(4096);
for (const region of vm.space.regions()) {
  for (let at = region.start; at < region.start + region.size; at += 4096) {
    if (!vm.memory.readInto(at, page)) continue;
    if (page.some((byte) => byte !== 0)) touched += 4096;
  }
}
console.log(JSON.stringify({ rss, touched }));
await vm.stop();
await ended;
Deno.exit(0);
