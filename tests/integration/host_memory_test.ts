/** VMs over one `HostMemory`: what they take they give back, and a guest that finds it used up gets a fault. @module */
import assert from "node:assert/strict";
import { riscv } from "../../arch/riscv/mod.ts";
import { Hypervisor } from "../../core/hypervisor.ts";
import { createGuest, type GuestOptions, RAM, runToEnd, type TestGuest } from "./guest.ts";

const MIB = 2 ** 20;

/** Writes one word into each page from 16 MiB on; prints cause and address of the first fault, or 0. */
const GREEDY = (bytes: number): string => `
  la t0,trap
  csrw stvec,t0
  li s0,${RAM + 16 * MIB}
  li s1,${RAM + bytes}
  li s2,4096
  next:
  sd s0,0(s0)
  add s0,s0,s2
  bltu s0,s1,next
  li a0,0
  call puthex
  j shutdown
  .align 2
  trap:
  csrr a0,scause
  call puthex
  j shutdown
`;

async function greedy(hypervisor: Hypervisor, options: GuestOptions = {}): Promise<TestGuest> {
  const memory = 64 * MIB;
  return await createGuest(GREEDY(memory), { memory, hypervisor, ...options });
}

Deno.test("a guest that touches more than the host memory has gets an access fault, and the other VMs go on", async () => {
  // Each VM needs about 80 MiB for itself, of which it touches little.
  await using hypervisor = new Hypervisor({ architectures: [riscv], sharedMemory: 344 * MIB });
  const guests = [await greedy(hypervisor), await greedy(hypervisor), await greedy(hypervisor)];
  const printed = [];
  for (const guest of guests) printed.push(BigInt(`0x${(await runToEnd(guest)).trim()}`));
  assert.deepEqual(printed.slice(0, 1), [0n], "the first one has room");
  assert.equal(printed.at(-1), 7n, "the last one gets a store access fault");
  // A guest whose frames are there already is not concerned.
  assert.equal((await runToEnd(guests[0])).trim().split("\n").at(-1), "0000000000000000");
});

Deno.test("a hypervisor can make and remove VMs for ever in one memory", async () => {
  await using hypervisor = new Hypervisor({ architectures: [riscv], sharedMemory: 165 * MIB });
  for (let i = 0; i < 12; i++) {
    const mode = i % 3 === 2 ? "machine" : "guest";
    const source = mode === "guest" ? GREEDY(64 * MIB) : "j shutdown";
    const guest = await createGuest(source, { memory: 64 * MIB, hypervisor, mode, cpus: 1 + i % 2 });
    assert.doesNotMatch(await runToEnd(guest), /7/, `VM ${i}`);
    await hypervisor.remove(guest.vm.id);
  }
});

Deno.test("a VM's restart and reset take no more host memory than its first run", async () => {
  await using hypervisor = new Hypervisor({ architectures: [riscv], sharedMemory: 155 * MIB });
  const guest = await greedy(hypervisor);
  for (let i = 0; i < 8; i++) {
    await runToEnd(guest);
    if (i % 2 === 0) guest.vm.reset();
  }
  assert.equal(guest.output(), "0000000000000000\n".repeat(8));
});
