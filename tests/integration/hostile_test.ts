/**
 * Guests that mean harm: the host never throws, the VM can always be stopped, and no other VM of the process notices.
 *
 * Each test's name has its seeds.
 *
 * @module
 */
import assert from "node:assert/strict";
import { riscv } from "../../arch/riscv/mod.ts";
import { Hypervisor } from "../../core/hypervisor.ts";
import type { RunOutcome } from "../../core/vm.ts";
import { createDenoHost } from "../../host/deno.ts";
import { MemoryBlock } from "../../devices/virtio/block_memory.ts";
import { Random } from "../arch/riscv/random.ts";
import {
  createGuest as createPlainGuest,
  createImageGuest,
  ENTRY,
  type GuestOptions,
  RAM,
  type TestGuest,
} from "./guest.ts";

import {
  hammer,
  hostileRings,
  nastyNumber,
  randomBytes,
  randomInstructions,
  randomTables,
  sbiCalls,
  skippingHandler,
  virtioProbes,
} from "./hostile_programs.ts";
import { SLOT0 } from "./virtio_guest.ts";

/** Milliseconds after which a guest that sleeps for ever is stopped. */
const PATIENCE = 30;

/** Longest that a stop may take, in milliseconds: the machine may be busy. */
const STOP_LIMIT = 5000;

const MODES = ["guest", "machine"] as const;

/** A host that knows the time, so that a slow guest is interrupted soon. */
const HOST = createDenoHost({ log: () => {} });

/** A guest on {@link HOST}, under virtual time. */
function createGuest(source: string, options: GuestOptions = {}): Promise<TestGuest> {
  return createPlainGuest(source, { host: { host: HOST }, ...options });
}

/** Runs a guest for so many steps; one that is asleep or endless is stopped. Fails if it ends by anything but its own wish. */
async function endure(guest: TestGuest, what: string, steps = 60_000): Promise<RunOutcome> {
  const { vm } = guest;
  const ended = vm.run({ maxSteps: vm.steps + steps });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, PATIENCE));
  await Promise.race([ended, patience]);
  clearTimeout(timer);
  const started = Date.now();
  if (vm.status === "running") await vm.stop();
  const outcome = await ended;
  assert.ok(Date.now() - started < STOP_LIMIT, `${what}: the VM was stopped`);
  if (outcome.reason === "failed") assert.match(outcome.message, /every CPU of the guest has stopped itself/, what);
  return outcome;
}

/** {@link endure}, then without a limit: `stop` must end it. */
async function endureAndStop(guest: TestGuest, what: string, steps?: number): Promise<void> {
  await endure(guest, what, steps);
  const ended = guest.vm.run();
  await new Promise((resolve) => setTimeout(resolve, 2));
  await guest.vm.stop();
  const { reason } = await ended;
  assert.ok(["stopped", "shutdown", "failed"].includes(reason), what);
  assert.equal(guest.vm.status, "stopped", what);
}

const NOWHERE = [
  0n,
  2n,
  0x1000_0000n,
  0x1000n,
  0x7fff_fffcn,
  BigInt(RAM + 0x400_0000),
  BigInt(RAM + 0x400_0000 - 2),
  1n << 38n,
  1n << 50n,
  1n << 56n,
  1n << 63n,
  (1n << 64n) - 2n,
];

for (const mode of MODES) {
  const x = mode === "guest" ? "s" : "m";

  Deno.test(`a guest that jumps to nowhere takes a fault there, and loops in faults without a handler (${mode} mode)`, async () => {
    for (const target of NOWHERE) {
      const jump = `li t0,${target}\njr t0\n`;
      const handler =
        `la t0,trap\ncsrw ${x}tvec,t0\n${jump}\n.align 2\ntrap:\ncsrr s1,${x}cause\ncsrr s2,${x}tval\nstay: j stay\n`;
      await using caught = await createGuest(handler, { mode });
      await endure(caught, `to ${target}`, 1000);
      const { arch } = caught.vm.vcpus[0];
      // At the end of RAM the first half of an instruction is there: zeros, which are illegal.
      const expected = target === BigInt(RAM + 0x400_0000 - 2) ? 2n : 1n;
      assert.equal(arch.getGpr(9), expected, `cause of the jump to ${target}`);
      if (expected === 1n) assert.equal(arch.getGpr(18), target, `tval of the jump to ${target}`);
      await using lost = await createGuest(jump, { mode });
      await endureAndStop(lost, `to ${target} without a handler`, 20_000);
    }
  });

  Deno.test(`a guest whose trap handler faults loops, and can be stopped (${mode} mode)`, async () => {
    const handlers = [
      "trap: .word 0",
      "trap: ld t0,0(zero)",
      "trap: li t0,-1\njr t0",
      "trap: ebreak",
      "trap: jal zero,trap",
      `trap: li t0,${1n << 63n}\ncsrw ${x}tvec,t0\n.word 0`,
    ];
    for (const handler of handlers) {
      await using guest = await createGuest(`la t0,trap\ncsrw ${x}tvec,t0\n.word 0\n.align 2\n${handler}`, { mode });
      await endureAndStop(guest, handler, 200_000);
    }
  });

  Deno.test(`garbage as code, and as its own trap handler, harms nobody (${mode} mode, seeds 1 to 10)`, async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = new Random(seed);
      const kind = seed % 2 === 0 ? randomBytes : randomInstructions;
      const code = kind(random, 0x4000);
      const prelude = `
        la t0,garbage
        csrw ${x}tvec,t0
        li t1,0x6000
        csrs ${x}status,t1
        ${Array.from({ length: 31 }, (_, i) => `li ${XS[i]},${nastyNumber(random)}`).join("\n")}
        garbage:
      `;
      await using guest = await createGuest(prelude + littleWords(code), { mode, cpus: 1 + seed % 2 });
      await endureAndStop(guest, `seed ${seed}`);
    }
  });

  Deno.test(`accesses of every width and kind all over the devices' addresses harm nobody (${mode} mode, seeds 1 to 4)`, async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const random = new Random(seed);
      const windows: { base: number; size: number }[] = [];
      const board = { disks: [{ backend: new MemoryBlock(64 * 1024) }], rng: true };
      await using probe = await createGuest("j shutdown", { mode, board });
      for (const { base, size } of probe.vm.devices) windows.push({ base, size });
      const address = (): number => {
        const { base, size } = windows[random.below(windows.length)];
        const near = random.below(3) === 0 ? random.below(size + 16) : random.below(Math.min(size, 0x120));
        return base + (random.below(4) === 0 ? near : near & ~3) - (random.below(20) === 0 ? 4 : 0);
      };
      const code = `
        la t0,trap
        csrw ${x}tvec,t0
        li t0,0x6000
        csrs ${x}status,t0
        ${hammer(random, 1500, address)}
        j shutdown
        ${skippingHandler(x)}
      `;
      await using guest = await createGuest(code, { mode, board });
      await endure(guest, `seed ${seed}`);
    }
  });

  Deno.test(`virtqueues full of nonsense harm nobody (${mode} mode, seeds 1 to 6)`, async () => {
    const rings = RAM + 0x80_0000;
    for (let seed = 1; seed <= 6; seed++) {
      const random = new Random(seed);
      const board = { disks: [{ backend: new MemoryBlock(64 * 1024) }], rng: true };
      const slot = seed % 2 === 0 ? SLOT0 : SLOT0 + 7 * 0x1000;
      const code = `
        la t0,trap
        csrw ${x}tvec,t0
        again:
        ${virtioProbes(random, 400, slot, rings)}
        j again
        ${skippingHandler(x)}
      `;
      await using guest = await createGuest(code, { mode, board });
      await guest.vm.run({ maxSteps: 0 });
      for (let round = 0; round < 6; round++) {
        guest.vm.memory.write(rings, hostileRings(random, 0x1000, rings));
        await endure(guest, `seed ${seed}`, 8000);
        if (guest.vm.status !== "suspended") break;
      }
    }
  });

  Deno.test(`page tables full of nonsense harm nobody (${mode} mode, seeds 1 to 9)`, async () => {
    const place = RAM + 0x100_0000;
    for (let seed = 1; seed <= 9; seed++) {
      const random = new Random(seed);
      const satp = BigInt(8 + seed % 3) << 60n | BigInt(place / 4096);
      // In machine mode MPRV sends loads and stores through the tables of S-mode while code goes on in M-mode.
      const enter = mode === "machine" ? "li t0,0x20800\ncsrs mstatus,t0" : "";
      const code = `
        la t0,trap
        csrw ${x}tvec,t0
        li t0,0x6000
        csrs ${x}status,t0
        ${mode === "machine" ? "li t0,-1\ncsrw pmpaddr0,t0\nli t0,0x1f\ncsrw pmpcfg0,t0" : ""}
        li t0,${satp}
        csrw satp,t0
        ${enter}
        ${hammer(random, 800, () => nastyNumber(random))}
        j shutdown
        ${skippingHandler(x)}
      `;
      await using guest = await createGuest(code, { mode, arch: { nested_levels: 3 + seed % 3 } });
      await guest.vm.run({ maxSteps: 0 });
      const tables = randomTables(random, place, 16);
      // The guest's own code stays where it is, so that it can do its worst; not for every seed.
      if (seed % 4 !== 0 && mode === "guest") keepCode(tables, place, 3 + seed % 3);
      guest.vm.memory.write(place, tables);
      await endureAndStop(guest, `seed ${seed}`);
    }
  });
}

/** Entry 2 of the last level of large leaves leads to RAM's own gigapage, whatever tables lie above it. */
function keepCode(tables: Uint8Array, place: number, levels: number): void {
  const view = new DataView(tables.buffer);
  for (let level = levels - 1, page = 0; level > 2; level--, page++) {
    view.setBigUint64(page * 4096, BigInt(place / 4096 + page + 1) << 10n | 1n, true);
  }
  view.setBigUint64((levels - 3) * 4096 + 16, BigInt(RAM / 4096) << 10n | 0xcfn, true);
}

const XS = "ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" ");

function littleWords(bytes: Uint8Array): string {
  const words = new Uint32Array(bytes.buffer, 0, bytes.length >> 2);
  return Array.from(words, (word) => `.word ${word}`).join("\n") + "\n";
}

/** BASE, TIME, sPI, RFNC, HSM, SRST, PMU, DBCN, SUSP, FWFT, HVC, and what does not exist: CPPC, NACL, STA, SSE, DBTR, MPXY. */
const EIDS = [
  0x10,
  0x54494d45,
  0x735049,
  0x52464e43,
  0x48534d,
  0x53525354,
  0x504d55,
  0x4442434e,
  0x53555350,
  0x46574654,
  0x485643,
  0x43505043,
  0x4e41434c,
  0x535441,
  0x535345,
  0x44425452,
  0x4d505859,
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  0xa000000,
  0xffffffff,
];

Deno.test("SBI calls with any arguments harm nobody: each extension by itself (its EID is the seed)", async () => {
  for (const eid of EIDS) {
    const random = new Random(eid);
    const code = `la t0,trap\ncsrw stvec,t0\n${sbiCalls(random, [eid], 150)}\nj shutdown\n${skippingHandler("s")}`;
    await using guest = await createGuest(code, { cpus: 2 });
    await endure(guest, `EID 0x${eid.toString(16)}`);
  }
});

Deno.test("SBI calls with any arguments harm nobody: all extensions mixed, on 3 CPUs (seeds 1 to 12)", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed);
    const start = (hart: number): string => `li a0,${hart}\nla a1,calls\nli a2,0\nli a6,0\nli a7,0x48534d\necall\n`;
    const eids = seed % 3 === 0 ? EIDS : EIDS.filter((eid) => eid !== 0x53525354 && eid !== 8);
    const code = `
      ${start(1)}
      ${start(2)}
      calls:
      la t0,trap
      csrw stvec,t0
      ${sbiCalls(random, eids, 250)}
      j calls
      ${skippingHandler("s")}
    `;
    await using guest = await createGuest(code, { cpus: 3 });
    await endureAndStop(guest, `seed ${seed}`);
  }
});

/** A guest that computes for a while and prints what it computed. */
const WITNESS = `
  li s0,${RAM + 0x100_0000}
  li s1,1
  li s2,60000
  work:
  li t0,6364136223846793005
  mul s1,s1,t0
  addi s1,s1,11
  srli t0,s1,44
  slli t0,t0,3
  add t0,t0,s0
  ld t1,0(t0)
  add t1,t1,s1
  sd t1,0(t0)
  addi s2,s2,-1
  bnez s2,work
  mv a0,s1
  call puthex
  j shutdown
`;

Deno.test("a VM beside hostile ones, in one host memory with them, computes what it computes alone (seeds 1 to 4)", async () => {
  const memory = 24 * 2 ** 20 + 0x1000;
  await using alone = await createGuest(WITNESS, { memory });
  assert.deepEqual(await alone.vm.run(), { reason: "shutdown", code: 0 });
  const expected = [alone.output(), alone.vm.steps, await alone.vm.hashMemory()];

  await using hypervisor = new Hypervisor({ architectures: [riscv], host: HOST, sharedMemory: 512 * 2 ** 20 });
  for (let seed = 1; seed <= 4; seed++) {
    const random = new Random(seed);
    const mode = MODES[seed % 2];
    const options: GuestOptions = { memory, hypervisor };
    const witness = await createGuest(WITNESS, options);
    const bytes = seed < 3 ? randomInstructions(random, 0x4000) : randomBytes(random, 0x1_0000);
    const base = mode === "guest" ? ENTRY : RAM;
    const label = (): number => base;
    const hostile = await createImageGuest({ bytes, base, label }, { ...options, mode });
    for (let steps = 20_000; witness.vm.status !== "stopped"; steps += 20_000) {
      if (hostile.vm.status !== "stopped") await endure(hostile, `seed ${seed}`, 20_000);
      await witness.vm.run({ maxSteps: steps });
    }
    const found = [witness.output(), witness.vm.steps, await witness.vm.hashMemory()];
    assert.deepEqual(found, expected, `seed ${seed}`);
    await hypervisor.remove(hostile.vm.id);
    await hypervisor.remove(witness.vm.id);
  }
});
