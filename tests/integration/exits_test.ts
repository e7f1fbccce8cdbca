/** `AxVM.statistics`: its counts are those of the exits that `AxVCpu.run` returned. @module */
import assert from "node:assert/strict";
import { ENGINE_NAMES } from "../../arch/riscv/hart.ts";
import type { AxVCpuExitReason, ExitKind } from "../../core/exit.ts";
import type { Plugin } from "../../core/plugin_types.ts";
import { createGuest, RAM, runToEnd } from "./guest.ts";

/** Counts exits as a plugin sees them. */
function counter(): { plugin: Plugin; counts: Partial<Record<ExitKind, number>>; faults: AxVCpuExitReason[] } {
  const counts: Partial<Record<ExitKind, number>> = {};
  const faults: AxVCpuExitReason[] = [];
  const plugin: Plugin = {
    name: "counter",
    apiVersion: 1,
    setup: (context) =>
      context.onExit((_cpu, exit) => {
        counts[exit.kind] = (counts[exit.kind] ?? 0) + 1;
        if (exit.kind === "NestedPageFault") faults.push({ ...exit });
      }),
  };
  return { plugin, counts, faults };
}

/** Accesses to devices of every width and kind: 25 reads and 39 writes. */
const ACCESSES = `
  li s0,0x10000007   # scratch register of the UART
  li s1,37
  writes:
    sb s1,0(s0)
    addi s1,s1,-1
    bnez s1,writes
  li s1,23
  reads:
    lbu s2,0(s0)
    addi s1,s1,-1
    bnez s1,reads
  li s0,0xc000000    # PLIC: an 8-byte access is one exit, two accesses to the device
  ld s2,8(s0)
  sd zero,8(s0)
  amoadd.w s2,zero,(s0)  # an atomic is a read and a write
  j shutdown
`;

Deno.test("AxVM.statistics counts exactly the accesses to devices that a guest makes, of every width and kind", async () => {
  const { plugin, counts } = counter();
  await using guest = await createGuest(ACCESSES, { plugins: [plugin] });
  await runToEnd(guest);
  const { exits, deviceReads, deviceWrites } = guest.vm.statistics();
  assert.equal(exits.MmioRead, 23 + 1 + 1);
  assert.equal(exits.MmioWrite, 37 + 1 + 1);
  assert.equal(deviceReads, 25);
  assert.equal(deviceWrites, 39);
  assert.equal(exits.NestedPageFault, undefined);
  assert.equal(exits.SystemDown, 1);
  // How often the VM's loop looks around is the host's business; everything else is the guest's.
  assert.deepEqual({ ...counts, Nothing: 0 }, { ...exits, Nothing: 0 }, "a plugin sees the same exits");
  const [{ exitCounts }] = guest.vm.vcpus;
  assert.equal(exitCounts.MmioRead, exits.MmioRead);
  assert.equal(exitCounts.MmioWrite, exits.MmioWrite);
});

Deno.test("AxVM.statistics counts the same where nobody observes exits and accesses are made without them, with every engine", async () => {
  for (const engine of ENGINE_NAMES) {
    await using guest = await createGuest(ACCESSES, { arch: { engine } });
    await runToEnd(guest);
    const { exits, deviceReads, deviceWrites } = guest.vm.statistics();
    assert.deepEqual([exits.MmioRead, exits.MmioWrite, deviceReads, deviceWrites], [25, 39, 25, 39], engine);
  }
});

/**
 * Lazy RAM comes in as one aligned chunk of 2 MiB where the region has room for it and all of it is untouched, else 64 KiB, else a page
 * (`core/addrspace/alloc.ts`). So regions of three sizes fault once a chunk of theirs.
 */
Deno.test("AxVM.statistics counts one NestedPageFault for each chunk that a guest touches first, and none after", async () => {
  const { plugin, faults } = counter();
  const large = RAM + 0x100_0000; // five chunks of 2 MiB
  const medium = 0xa000_0000; // 3 of 64 KiB
  const small = 0xa100_0000; // 7 pages
  await using guest = await createGuest(
    `
    li s3,2
    again:
      li a0,${large}
      li a1,0x200000
      li a2,5
      call touch
      li a0,${medium}
      li a1,0x10000
      li a2,3
      call touch
      li a0,${small}
      li a1,0x1000
      li a2,7
      call touch
      addi s3,s3,-1
      bnez s3,again
    j shutdown
    touch:  # a2 times: a write at a0, reads of two other places of the chunk, a0 += a1
      sd a0,8(a0)
      add t0,a0,a1
      ld t1,-8(t0)
      srli t0,a1,1
      add t0,t0,a0
      lb t1,0(t0)
      add a0,a0,a1
      addi a2,a2,-1
      bnez a2,touch
      ret
    `,
    { plugins: [plugin], regions: [{ gpa: medium, size: 0x3_0000 }, { gpa: small, size: 0x7000 }] },
  );
  await runToEnd(guest);
  assert.equal(guest.vm.statistics().exits.NestedPageFault, 5 + 3 + 7);
  const expected = [
    ...Array.from({ length: 5 }, (_, i) => large + i * 0x20_0000 + 8),
    ...Array.from({ length: 3 }, (_, i) => medium + i * 0x1_0000 + 8),
    ...Array.from({ length: 7 }, (_, i) => small + i * 0x1000 + 8),
  ];
  assert.deepEqual(faults.map((exit) => exit.kind === "NestedPageFault" && exit.addr), expected);
  assert.deepEqual(new Set(faults.map((exit) => exit.kind === "NestedPageFault" && exit.access)), new Set(["write"]));
});

Deno.test("a NestedPageFault tells reads, writes and fetches apart and costs the guest no step", async () => {
  const { plugin, faults } = counter();
  const place = RAM + 0x200_0000;
  const source = `
    li s0,${place}
    li s1,0x200000
    ld a0,0(s0)
    add s0,s0,s1
    sw s0,0(s0)
    add s0,s0,s1
    amoadd.d a0,s0,(s0)
    add s0,s0,s1
    la ra,back
    jr s0
    .align 2
    back:
    j shutdown
  `;
  const ret = [0x67, 0x80, 0, 0];
  await using guest = await createGuest(source, { plugins: [plugin] });
  await guest.vm.run({ maxSteps: 1 });
  // The host's write brings this chunk in, so only the other three fault.
  guest.vm.memory.write(place + 3 * 0x20_0000, Uint8Array.from(ret));
  await runToEnd(guest);
  const kinds = faults.map((exit) => exit.kind === "NestedPageFault" && [exit.addr - place, exit.access]);
  assert.deepEqual(kinds, [[0, "read"], [0x20_0000, "write"], [0x40_0000, "write"]]);
  const lazy = guest.vm.steps;

  await using other = await createGuest(source);
  await other.vm.run({ maxSteps: 1 });
  for (let i = 0; i < 4; i++) other.vm.memory.write(place + i * 0x20_0000, Uint8Array.from(ret));
  await runToEnd(other);
  assert.equal(other.vm.statistics().exits.NestedPageFault, undefined);
  assert.equal(other.vm.steps, lazy);
});

Deno.test("a fetch from RAM that was never touched is a NestedPageFault of kind execute", async () => {
  const { plugin, faults } = counter();
  const place = RAM + 0x200_0000;
  await using guest = await createGuest(
    `
    la t0,trap
    csrw stvec,t0
    li s0,${place}
    jr s0
    .align 2
    trap:
    csrr a0,scause
    call puthex
    j shutdown
    `,
    { plugins: [plugin] },
  );
  assert.equal(await runToEnd(guest), "0000000000000002\n", "zeros are an illegal instruction");
  assert.deepEqual(faults, [{ kind: "NestedPageFault", addr: place, access: "execute" }]);
});
