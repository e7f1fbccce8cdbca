/** `AddrSpace.takeDirtyLog`: exactly the pages that a guest, or a device for it, wrote. @module */
import assert from "node:assert/strict";
import type { GuestPhysAddr } from "../../core/address.ts";
import { MemoryBlock } from "../../devices/virtio/block_memory.ts";
import { Random } from "../arch/riscv/random.ts";
import { createGuest, type GuestOptions, RAM, type TestGuest } from "./guest.ts";
import { BLK, placeRequest, startDevice } from "./virtio_guest.ts";

const DATA = RAM + 0x100_0000;
const PAGES = 2048;

/** Ways to write memory at 0(s0), which is `offset` bytes into a page; each writes that page, and the next one too if `crosses`. */
const STORES: readonly { readonly code: string; readonly align: number; readonly crosses?: boolean }[] = [
  { code: "sb s1,0(s0)", align: 1 },
  { code: "sh s1,0(s0)", align: 2 },
  { code: "sw s1,0(s0)", align: 4 },
  { code: "sd s1,0(s0)", align: 8 },
  { code: ".half 0xe004", align: 8 }, // c.sd s1,0(s0)
  { code: "fsw fa0,0(s0)", align: 4 },
  { code: "fsd fa0,0(s0)", align: 8 },
  { code: "amoadd.w zero,s1,(s0)", align: 4 },
  { code: "amoor.d zero,zero,(s0)", align: 8 }, // writes what was there
  { code: "retry: lr.w t1,(s0)\nsc.w t2,t1,(s0)\nbnez t2,retry", align: 4 },
  { code: "retry: lr.d t1,(s0)\nsc.d t2,s1,(s0)\nbnez t2,retry", align: 8 },
  { code: "cbo.zero (s0)", align: 1 },
  { code: "sd s1,-3(s0)", align: 4096, crosses: true },
  { code: "sw s1,-2(s0)", align: 4096, crosses: true },
  { code: "fsd fa0,-4(s0)", align: 4096, crosses: true },
  { code: "sh s1,-1(s0)", align: 4096, crosses: true },
];

/** What reads or fails, and so must leave no trace. */
const READS: readonly string[] = [
  "ld t1,0(s0)",
  "fld fa1,0(s0)",
  "lr.d t1,(s0)",
  "prefetch.w 0(s0)",
  "cbo.clean (s0)",
];

/** A guest that writes random pages in random ways, over and over: it waits for s11 before each round. */
function randomWrites(random: Random, stores = STORES): { code: string; pages: GuestPhysAddr[] } {
  const written = new Set<number>();
  const lines: string[] = [];
  for (let i = 0; i < 300; i++) {
    const page = 1 + random.below(PAGES - 1);
    if (random.below(3) === 0) {
      lines.push(`li s0,${DATA + page * 4096 + 8 * random.below(512)}`, READS[random.below(READS.length)]);
      continue;
    }
    const { code, align, crosses } = stores[random.below(stores.length)];
    const offset = Math.floor(random.below(4096) / align) * align;
    lines.push(`li s0,${DATA + page * 4096 + offset}`, code.replaceAll("retry", `retry${i}`));
    written.add(DATA + page * 4096);
    if (crosses) written.add(DATA + (page - 1) * 4096);
  }
  return { code: lines.join("\n"), pages: [...written].sort((a, b) => a - b) };
}

function program(mode: "guest" | "machine", code: string): string {
  const x = mode === "guest" ? "s" : "m";
  return `
    ${mode === "machine" ? "li t0,0xf0\ncsrw menvcfg,t0" : ""}
    li t0,0x6000
    csrs ${x}status,t0
    la t0,trap
    csrw ${x}tvec,t0
    li s2,${DATA}   # a page that is only read
    li s1,-1
    wait:
    beqz s11,wait
    li s11,0
    ${code}
    j wait
    .align 2
    trap:
    csrr s10,${x}cause
    stay:
    j stay
  `;
}

/** Lets the guest do one round and come back to its wait. */
async function round(guest: TestGuest, steps = 5000): Promise<void> {
  const { arch } = guest.vm.vcpus[0];
  arch.setGpr(27, 1n);
  await guest.advance(steps);
  assert.equal(arch.getGpr(26), 0n, "no trap");
  assert.ok(Number(arch.getPc()) - guest.program.label("wait") < 8, "the round is over");
  assert.equal(arch.getGpr(27), 0n);
}

for (const mode of ["guest", "machine"] as const) {
  Deno.test(`AddrSpace.takeDirtyLog gives exactly the pages that a guest wrote in every way that there is (${mode} mode)`, async () => {
    for (const seed of [1, 2, 3]) {
      const { code, pages } = randomWrites(new Random(seed));
      await using guest = await createGuest(program(mode, code), { mode });
      const { space } = guest.vm;
      await guest.advance(1000);
      // Memory that was never touched.
      space.startDirtyLog();
      await round(guest);
      assert.deepEqual(space.takeDirtyLog(), pages, `seed ${seed}, cold`);
      // All of it is in the translation tables now.
      await round(guest);
      assert.deepEqual(space.takeDirtyLog(), pages, `seed ${seed}, warm`);
      await guest.advance(1000);
      assert.deepEqual(space.takeDirtyLog(), [], `seed ${seed}, nothing written`);
      space.stopDirtyLog();
      await round(guest);
      space.startDirtyLog();
      assert.deepEqual(space.takeDirtyLog(), [], `seed ${seed}, written while nobody watched`);
      await round(guest);
      assert.deepEqual(space.takeDirtyLog(), pages, `seed ${seed}, watched again`);
    }
  });
}

Deno.test("AddrSpace.startDirtyLog changes nothing that the guest can see: steps and memory are those of an unwatched run", async () => {
  // An SC may fail when its page is watched, and then its loop takes another turn.
  const { code } = randomWrites(new Random(4), STORES.filter((store) => !store.code.includes("sc.")));
  const results = [];
  for (const watched of [false, true]) {
    await using guest = await createGuest(program("guest", code));
    await guest.advance(100);
    if (watched) guest.vm.space.startDirtyLog();
    for (let i = 0; i < 3; i++) {
      await round(guest);
      if (watched) guest.vm.space.takeDirtyLog();
    }
    const { arch } = guest.vm.vcpus[0];
    const registers = Array.from({ length: 32 }, (_, index) => arch.getGpr(index));
    results.push({ registers, hash: await guest.vm.hashMemory(), pc: arch.getPc(), steps: guest.vm.steps });
  }
  assert.deepEqual(results[1], results[0]);
});

Deno.test("AddrSpace.takeDirtyLog holds the pages that a disk wrote by DMA, and the host", async () => {
  const places = { descriptors: DATA, available: DATA + 0x1000, used: DATA + 0x2000 };
  const request = { header: DATA + 0x3000, data: DATA + 0x4f00, length: 0x2000, status: DATA + 0x8010, sector: 1 };
  const disk = new MemoryBlock(64 * 1024);
  for (const type of [BLK.IN, BLK.OUT]) {
    const options: GuestOptions = { board: { disks: [{ backend: disk }] } };
    const code = `li t0,0x10001000\nsw zero,0x50(t0)\nloop:\nlw t1,0x60(t0)\nbeqz t1,loop\nsw t1,0x64(t0)`;
    await using guest = await createGuest(startDevice(places) + program("guest", code), options);
    await guest.advance(1000);
    placeRequest(guest.vm, places, { type, ...request });
    const { space } = guest.vm;
    space.startDirtyLog();
    await round(guest, 200_000);
    const data = type === BLK.IN ? [DATA + 0x4000, DATA + 0x5000, DATA + 0x6000] : [];
    assert.deepEqual(space.takeDirtyLog(), [DATA + 0x2000, ...data, DATA + 0x8000], `type ${type}`);
    assert.deepEqual(guest.vm.memory.read(request.status, 1), Uint8Array.of(0));
    guest.vm.memory.write(DATA + 0x1_0ffe, new Uint8Array(4));
    assert.deepEqual(space.takeDirtyLog(), [DATA + 0x1_0000, DATA + 0x1_1000]);
  }
});

/** One page table with a leaf of 2 MiB at virtual 0, and the guest's own gigapage; A and D are for the walker to set. */
function walkingGuest(mode: "guest" | "machine"): string {
  const [root, middle] = [DATA, DATA + 0x1000];
  const target = DATA + 0x40_0000;
  const enable = mode === "machine"
    ? "li t0,0x20000000000000f0\ncsrw menvcfg,t0"
    // FWFT: PTE_AD_HW_UPDATING = 4 is set to 1
    : "li a0,4\nli a1,1\nli a2,0\nli a6,0\nli a7,0x46574654\necall\nmv s9,a0";
  const code = `
    li s0,0x100008
    sd s1,0(s0)
    ld t1,0(s0)
  `;
  return `
    ${enable}
    li t0,${root}
    li t1,${(middle / 4096) * 1024 + 1}
    sd t1,0(t0)
    li t1,0x200000cf     # 0x80000000 as it is
    sd t1,16(t0)
    li t1,${(target / 4096) * 1024 + 7}  # V, R, W, but neither A nor D
    li t0,${middle}
    sd t1,0(t0)
    li t0,${root / 4096}
    li t1,0x8000000000000000
    or t0,t0,t1
    csrw satp,t0
    ${mode === "machine" ? ENTER_SUPERVISOR : ""}
    ${program("guest", code)}
  `;
}

/** From M-mode to S-mode with all of memory allowed. */
const ENTER_SUPERVISOR = `
    li t0,-1
    csrw pmpaddr0,t0
    li t0,0x1f
    csrw pmpcfg0,t0
    li t0,0x800
    csrs mstatus,t0
    la t0,supervisor
    csrw mepc,t0
    mret
    supervisor:
`;

for (const mode of ["guest", "machine"] as const) {
  Deno.test(`AddrSpace.takeDirtyLog holds the page table whose A and D bits the walker set (Svadu, ${mode} mode)`, async () => {
    await using guest = await createGuest(walkingGuest(mode), { mode });
    await guest.advance(1000);
    assert.equal(guest.vm.vcpus[0].arch.getGpr(25), 0n, "FWFT took the setting");
    const { space } = guest.vm;
    space.startDirtyLog();
    await round(guest);
    assert.deepEqual(space.takeDirtyLog(), [DATA + 0x1000, DATA + 0x50_0000]);
    assert.equal(guest.read64(DATA + 0x1000) & 0xc0n, 0xc0n);
    await round(guest);
    assert.deepEqual(space.takeDirtyLog(), [DATA + 0x50_0000], "A and D are set already");
  });
}
