/**
 * A process of its own that measures what a VM commits: `rss_child.ts SCENARIO`; writes resident bytes by moment as JSON.
 *
 * @module
 */
import { assemble } from "./assembler.ts";
import { createImageGuest, ENTRY, RAM, type TestGuest } from "./guest.ts";

const MIB = 2 ** 20;

/** Touches `count` pages from `start` on, one every `stride` bytes, then waits for an interrupt that never comes. */
function touching(start: number, count: number, stride: number): string {
  return `
    li s0,${start}
    li s1,${count}
    li s2,${stride}
    next:
    sd s1,0(s0)
    add s0,s0,s2
    addi s1,s1,-1
    bnez s1,next
    idle:
    j idle
  `;
}

const measured: Record<string, number> = {};

function measure(moment: string): void {
  measured[moment] = Deno.memoryUsage().rss;
}

async function make(source: string, memory: number, mode: "guest" | "machine" = "guest"): Promise<TestGuest> {
  return await createImageGuest(assemble(mode === "guest" ? ENTRY : RAM, source), { memory, mode });
}

/** One VM of `memory` bytes whose guest writes `touched` bytes; then a reset, and the same again. */
async function touchAndReset(memory: number, touched: number, mode: "guest" | "machine"): Promise<void> {
  // The engine itself is made before the first measurement.
  await using warm = await make("idle: j idle", 16 * MIB, mode);
  await warm.advance(1000);
  measure("before");
  const pages = touched / 4096;
  const stride = Math.floor((memory - 16 * MIB) / pages / 4096) * 4096;
  await using guest = await make(touching(RAM + 8 * MIB, pages, stride), memory, mode);
  measure("created");
  await guest.advance(pages * 4 + 1000);
  measure("touched");
  await guest.vm.stop();
  guest.vm.reset();
  measure("reset");
  await guest.vm.run({ maxSteps: pages * 4 + 1000 });
  measure("again");
}

/** A VM of 512 MiB whose guest waits. */
async function idle(): Promise<void> {
  await using guest = await make("wait: wfi\nj wait", 512 * MIB);
  const ended = guest.vm.run();
  await new Promise((resolve) => setTimeout(resolve, 200));
  measure("idle");
  await guest.vm.stop();
  await ended;
}

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  idle,
  large: () => touchAndReset(3072 * MIB, 32 * MIB, "guest"),
  "large-machine": () => touchAndReset(3072 * MIB, 32 * MIB, "machine"),
  dense: () => touchAndReset(512 * MIB, 256 * MIB, "guest"),
};

await scenarios[Deno.args[0]]();
console.log(JSON.stringify(measured));
