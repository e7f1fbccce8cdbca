/** Guests with every mode of their own translation over every mode of the nested one: Sv39, Sv48, Sv57 over Sv39x4, Sv48x4, Sv57x4. @module */
import assert from "node:assert/strict";
import { createGuest, RAM, runToEnd } from "./guest.ts";
import { PageTables, PAGING_MODES, PTE, RWX } from "./page_tables.ts";
import { write } from "./virtio_guest.ts";

const TABLES = RAM + 0x100_0000;
const FRAMES = RAM + 0x200_0000;

/** Instructions `addi a0,a0,1` and `ret`. */
const FUNCTION = [0x00150513, 0x00008067];

/** A page that a guest uses: `level` tells the size of its leaf, `offset` where in it the guest looks. */
interface Page {
  readonly virtual: bigint;
  readonly physical: number;
  readonly level: number;
  readonly offset: number;
}

/** Pages whose addresses have a different index at every level, in both halves of the address space. */
function pages(levels: number): Page[] {
  const bits = BigInt(12 + 9 * levels);
  const top = -(1n << bits - 1n);
  const mixed = 0x00a5_93c7_5b6d_2000n & (1n << bits - 1n) - 1n;
  const found: Page[] = [
    { virtual: mixed, physical: FRAMES, level: 0, offset: 0 },
    { virtual: -4096n, physical: FRAMES + 0x1000, level: 0, offset: 0xff0 },
    { virtual: top, physical: FRAMES + 0x2000, level: 0, offset: 8 },
    { virtual: top + (1n << bits - 2n) + 0x20_0000n, physical: RAM + 0x220_0000, level: 1, offset: 0x12_3450 },
    { virtual: 0x40_0000n, physical: FRAMES, level: 1, offset: 0x3000 },
  ];
  // A leaf of every size above 1 GiB shows all that lies below its size; RAM is at 2 GiB.
  for (let level = 2; level < levels; level++) {
    const size = 1n << BigInt(12 + 9 * level);
    const physical = level === 2 ? RAM : 0;
    const offset = FRAMES + 0x1_0000 * level - physical;
    found.push({ virtual: top + (1n << bits - 3n) + size * 2n, physical, level, offset });
  }
  return found;
}

/** Reads, writes and executes each page, then touches what must fault and prints cause and address. */
function source(satp: bigint, list: readonly Page[], faults: readonly bigint[]): string {
  const uses = list.map(({ virtual, offset }, index) => `
    li s0,${virtual + BigInt(offset)}
    ld s1,0(s0)
    li s2,${1000 + index}
    bne s1,s2,wrong
    addi s1,s1,1000
    sd s1,0(s0)
    li a0,41
    jalr ra,8(s0)
    li t0,42
    bne a0,t0,wrong
  `);
  const probes = faults.map((address, index) => `
    la s3,probed${index}
    li s0,${address}
    ld s1,0(s0)
    probed${index}:
  `);
  return `
    la t0,trap
    csrw stvec,t0
    li s4,${satp}
    csrw satp,s4
    sfence.vma
    csrr s5,satp
    bne s4,s5,wrong
    ${uses.join("\n")}
    ${probes.join("\n")}
    j shutdown
    wrong:
    li a0,0x2a
    call puthex
    j shutdown
    .align 2
    trap:
    csrr a0,scause
    call puthex
    csrr a0,stval
    call puthex
    csrw sepc,s3
    sret
  `;
}

for (const [name, { levels, mode }] of Object.entries(PAGING_MODES)) {
  for (const nested of [3, 4, 5]) {
    Deno.test(`a guest runs with ${name} over ${["Sv39x4", "Sv48x4", "Sv57x4"][nested - 3]}`, async () => {
      const list = pages(levels);
      const hole = 0x7000n;
      const beyond = 1n << BigInt(11 + 9 * levels); // not canonical
      const readOnly = 0x60_0000n;
      const satp = mode << 60n | BigInt(TABLES / 4096);
      const code = source(satp, list, [hole, beyond, readOnly]);
      await using guest = await createGuest(code, { arch: { nested_levels: nested } });
      await guest.vm.run({ maxSteps: 0 });
      const tables = new PageTables(guest.vm, TABLES, levels);
      tables.map(BigInt(RAM), RAM, 2);
      tables.map(readOnly, FRAMES, 1, RWX & ~PTE.A);
      for (const [index, { virtual, physical, level, offset }] of list.entries()) {
        tables.map(virtual, physical, level);
        write(guest.vm, physical + offset, [8, 1000 + index], [4, FUNCTION[0]], [4, FUNCTION[1]]);
      }
      const printed = (await runToEnd(guest)).trim().split("\n").map((line) => BigInt(`0x${line}`));
      assert.deepEqual(printed, [13n, hole, 13n, beyond, 13n, readOnly]);
      for (const [index, { physical, offset }] of list.entries()) {
        assert.equal(guest.read64(physical + offset), BigInt(2000 + index), `page ${index}`);
      }
    });
  }
}

Deno.test("arch.nested_levels decides how far guest-physical addresses reach", async () => {
  const far = 2 ** 41; // one above Sv39x4
  const region = { gpa: far, size: 0x20_0000 };
  const code = `li s0,${far}\nli s1,77\nsd s1,0(s0)\nld a0,0(s0)\ncall puthex\nj shutdown`;
  await assert.rejects(createGuest(code, { regions: [region], arch: { nested_levels: 3 } }), /0x20000000000/);
  for (const nested of [4, 5]) {
    await using guest = await createGuest(code, { regions: [region], arch: { nested_levels: nested } });
    assert.equal(await runToEnd(guest), "000000000000004d\n");
    assert.equal(guest.read64(far), 77n);
  }
});
