/**
 * Two-stage translation by the rules of the Privileged ISA, Hypervisor extension, "Two-Stage Address Translation".
 *
 * @module
 */
import assert from "node:assert/strict";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import {
  A,
  ADUE,
  D,
  FakeHart,
  fault,
  guestFault,
  KERNEL,
  MPRV,
  MPV,
  MXR,
  PageTable,
  pair,
  PBMTE,
  R,
  SPVP,
  SUM,
  Trap,
  USER,
  V,
  W,
  X,
} from "./helpers.ts";

const LOAD_FAULT = 13, STORE_FAULT = 15, FETCH_FAULT = 12, LOAD_ACCESS = 5;
const FETCH_GUEST = 20, LOAD_GUEST = 21, STORE_GUEST = 23, READ_PSEUDO = 0x3000, WRITE_PSEUDO = 0x3020;

/** sd x5, 24(x6) */
const SD = 0x00533c23;

interface Guest {
  hart: FakeHart;
  /** vsatp's table; its frames are mapped one to one by the second stage. */
  first: PageTable;
  second: PageTable;
}

/** A hart in VS-mode whose second stage maps all of memory one to one. */
function guest(levels = 3, nestedLevels = 3, mode: "guest" | "machine" = "guest"): Guest {
  const hart = new FakeHart(mode);
  const base = mode === "machine" ? 0x80000000 : 0;
  const second = new PageTable(hart, nestedLevels, { nested: true, base });
  const first = new PageTable(hart, levels);
  for (let at = 0; at < hart.memory.size; at += 0x1000) second.map(BigInt(at), at + base, USER);
  hart.set({ hgatp: second.register(), vsatp: first.register() });
  hart.setMode(1, 1);
  return { hart, first, second };
}

/** Takes the second-stage mapping of a guest page away, or changes its bits. */
function remap({ hart, second }: Guest, page: number, flags: number): number {
  const entry = second.map(BigInt(page), page, flags);
  hart.mmu.nestedChanged();
  return entry;
}

Deno.test("loadAddress translates through all nine combinations of Sv39, Sv48, Sv57 over Sv39x4, Sv48x4, Sv57x4", () => {
  for (const levels of [3, 4, 5]) {
    for (const nestedLevels of [3, 4, 5]) {
      const { hart, first, second } = guest(levels, nestedLevels);
      // Above what a first stage of so many levels reaches; a leaf of the first stage names 56 bits at most.
      const gpa = nestedLevels === 5 ? 1n << 55n : 3n << BigInt(12 + 9 * nestedLevels);
      const page = hart.frame();
      second.map(gpa, page, USER);
      const va = (1n << 64n) - (1n << BigInt(12 + 9 * levels - 1));
      const entry = first.entry(va);
      hart.memory.u64[entry / 8] = gpa >> 12n << 10n | BigInt(KERNEL);
      assert.equal(hart.load(va + 8n), page + 8, `${levels} over ${nestedLevels}`);
      assert.equal(hart.store(va + 16n, 5n), true);
      assert.equal(hart.fetch(va), page);
      assert.equal(hart.lookup(va + 8n), page + 8);
    }
  }
});

Deno.test("loadAddress raises guest-page faults with the guest-physical address where the second stage has nothing", () => {
  const { hart, first } = guest();
  const gpa = 0x10000000;
  first.map(0x5000n, gpa, KERNEL);
  for (
    const [cause, trap] of [
      [LOAD_GUEST, hart.load(0x5124n, 4)],
      [STORE_GUEST, hart.store(0x5124n, 1n, 4)],
      [STORE_GUEST, hart.attempt((mmu) => mmu.amoAddress(0x5124, 0, 4))],
      [LOAD_GUEST, hart.attempt((mmu) => mmu.reserveAddress(0x5124, 0, 4))],
      [FETCH_GUEST, hart.fetch(0x5124n)],
    ] as const
  ) {
    assert(trap instanceof Trap);
    assert.deepEqual([trap.cause, trap.tval, trap.guestAddress, trap.gva], [cause, 0x5124n, gpa + 0x124, true]);
  }
});

Deno.test("loadAddress checks the width of guest-physical addresses: 41, 50 and 59 bits", () => {
  for (const [nestedLevels, width] of [[3, 41n], [4, 50n], [5, 59n]] as const) {
    const { hart } = guest(3, nestedLevels);
    hart.set({ vsatp: 0n });
    assert.equal(hart.load(0x1230n), 0x1230);
    for (let bit = width; bit < 64n; bit++) {
      const va = 1n << bit | 0x1004n;
      assert.deepEqual(guestFault(hart.load(va)), [LOAD_GUEST, Number(va)]);
      assert.equal(hart.state.get64(FIELD.mtval2), va >> 2n);
      hart.setMode(1, 1);
      assert.deepEqual(guestFault(hart.fetch(va)), [FETCH_GUEST, Number(va)]);
    }
  }
});

Deno.test("loadAddress with hgatp Bare goes straight to physical memory, with vsatp Bare straight to the second stage", () => {
  const { hart, first, second } = guest();
  const page = hart.frame();
  hart.set({ hgatp: 0n });
  first.map(0x7000n, page, KERNEL);
  assert.equal(hart.load(0x7008n), page + 8);
  hart.set({ vsatp: 0n });
  assert.equal(hart.load(0x7008n), 0x7008);
  assert.deepEqual(fault(hart.load(1n << 50n)), [LOAD_ACCESS, 1n << 50n]);
  second.map(0x7000n, page, USER);
  hart.set({ hgatp: second.register() });
  assert.equal(hart.load(0x7008n), page + 8);
});

Deno.test("loadAddress reports the entry's guest-physical address and pseudoinstruction 0x3000 for implicit accesses", () => {
  for (const levels of [3, 4, 5]) {
    for (let level = 0; level < levels; level++) {
      const setting = guest(levels);
      const { hart, first } = setting;
      const va = 0x1234567000n;
      first.map(va, hart.frame(), KERNEL);
      const entry = first.entry(va, level);
      remap(setting, entry & ~0xfff, 0);
      for (
        const [cause, trap] of [[LOAD_GUEST, hart.load(va)], [STORE_GUEST, hart.store(va)], [
          FETCH_GUEST,
          hart.fetch(va),
        ]]
      ) {
        assert(trap instanceof Trap);
        assert.deepEqual([trap.cause, trap.tval, trap.guestAddress, trap.tinst], [cause, va, entry, READ_PSEUDO]);
      }
      // Execute permission alone does not let the walker read.
      remap(setting, entry & ~0xfff, V | X | A | D | 16);
      hart.set({ mstatus: MXR });
      assert.deepEqual(guestFault(hart.load(va)), [LOAD_GUEST, entry]);
      remap(setting, entry & ~0xfff, V | R | A | 16);
      assert(typeof hart.load(va) === "number");
    }
  }
});

Deno.test("storeValue updates A and D in the VS-stage only with henvcfg.ADUE, and only where the second stage allows writing", () => {
  const setting = guest();
  const { hart, first } = setting;
  const page = hart.frame();
  const entry = first.map(0x5000n, page, V | R | W | X);
  const bits = (): number => hart.memory.i32[entry / 4] & (A | D);
  assert.deepEqual(fault(hart.load(0x5000n)), [LOAD_FAULT, 0x5000n]);
  hart.set({ menvcfg: ADUE });
  assert.deepEqual(fault(hart.fetch(0x5000n)), [FETCH_FAULT, 0x5000n], "menvcfg alone is for the other stages");
  hart.set({ menvcfg: ADUE, henvcfg: ADUE });
  remap(setting, entry & ~0xfff, V | R | X | A | D | 16);
  for (
    const [cause, trap] of [[LOAD_GUEST, hart.load(0x5008n)], [STORE_GUEST, hart.store(0x5008n)], [
      FETCH_GUEST,
      hart.fetch(0x5008n),
    ]]
  ) {
    assert(trap instanceof Trap);
    assert.deepEqual([trap.cause, trap.tval, trap.guestAddress, trap.tinst], [cause, 0x5008n, entry, WRITE_PSEUDO]);
  }
  assert.equal(bits(), 0);
  hart.codePages.add(entry & ~0xfff);
  remap(setting, entry & ~0xfff, USER);
  assert.equal(hart.load(0x5000n), page);
  assert.equal(bits(), A);
  assert.equal(hart.store(0x5000n), true);
  assert.equal(bits(), A | D);
  assert.deepEqual(hart.codePages.reports, [[entry, 8], [entry, 8]]);
});

Deno.test("loadAddress obeys A and D of the second stage: a guest-page fault, or an update with menvcfg.ADUE", () => {
  const setting = guest();
  const { hart, first } = setting;
  const page = hart.frame();
  first.map(0x5000n, page, KERNEL);
  const entry = remap(setting, page, V | R | W | X | 16);
  const bits = (): number => hart.memory.i32[entry / 4] & (A | D);
  assert.deepEqual(guestFault(hart.load(0x5008n)), [LOAD_GUEST, page + 8]);
  hart.set({ menvcfg: ADUE });
  assert.equal(hart.load(0x5000n), page);
  assert.equal(bits(), A);
  assert.equal(hart.lookup(0x5000n, "writeTable"), -1);
  assert.equal(hart.store(0x5000n), true);
  assert.equal(bits(), A | D);
  remap(setting, page, V | R | W | X | A | 16);
  hart.set({ menvcfg: 0n });
  assert.equal(hart.load(0x5000n), page);
  assert.deepEqual(guestFault(hart.store(0x5008n)), [STORE_GUEST, page + 8]);
});

Deno.test("an A or D update of a VS-stage entry dirties its page in the second stage", () => {
  const setting = guest();
  const { hart, first } = setting;
  hart.set({ menvcfg: ADUE, henvcfg: ADUE });
  const entry = first.map(0x5000n, hart.frame(), V | R | W | X);
  const nested = remap(setting, entry & ~0xfff, V | R | W | 16);
  assert(typeof hart.load(0x5000n) === "number");
  assert.equal(hart.memory.i32[nested / 4] & (A | D), A | D);
});

Deno.test("loadAddress needs U=1 and well-formed entries in the second stage", () => {
  const setting = guest();
  const { hart, first, second } = setting;
  const page = hart.frame();
  first.map(0x5000n, page, KERNEL);
  const bad: [number, bigint][] = [[KERNEL, 0n], [USER & ~V, 0n], [USER & ~R, 0n], [V, 0n], [USER, 1n << 54n], [
    USER,
    1n << 61n,
  ], [USER, 1n << 63n]];
  for (const [flags, extra] of bad) {
    second.map(BigInt(page), page, flags, 0, extra);
    hart.mmu.nestedChanged();
    assert.deepEqual(guestFault(hart.load(0x5000n)), [LOAD_GUEST, page], `${flags} ${extra}`);
  }
  second.map(BigInt(page), page, USER, 0, 1n << 61n);
  hart.set({ menvcfg: PBMTE });
  assert.equal(hart.load(0x5000n), page);
  second.map(0x40000000n, 0x1000, USER, 1);
  first.map(0x6000n, 0x40000000, KERNEL);
  assert.deepEqual(guestFault(hart.load(0x6000n)), [LOAD_GUEST, 0x40000000], "misaligned superpage");
  second.map(0x40000000n, 0x200000, USER, 1);
  hart.mmu.nestedChanged();
  assert.equal(hart.load(0x6008n), 0x200008);
  second.map(0x200000000n, 0, USER, 2);
  first.map(0x8000n, 0x200345000, KERNEL);
  assert.equal(hart.load(0x8000n), 0x345000);
});

Deno.test("loadAddress checks R, W, X in both stages", () => {
  const setting = guest();
  const { hart, first } = setting;
  const page = hart.frame();
  first.map(0x5000n, page, KERNEL);
  remap(setting, page, V | R | A | D | 16);
  assert.equal(hart.load(0x5000n), page);
  assert.equal(hart.lookup(0x5000n, "writeTable"), -1);
  assert.deepEqual(guestFault(hart.store(0x5000n)), [STORE_GUEST, page]);
  assert.deepEqual(guestFault(hart.fetch(0x5000n)), [FETCH_GUEST, page]);
  remap(setting, page, V | X | A | D | 16);
  assert.equal(hart.fetch(0x5000n), page);
  assert.deepEqual(guestFault(hart.load(0x5000n)), [LOAD_GUEST, page]);
  first.map(0x5000n, page, V | R | A | D);
  hart.mmu.hfenceVvma(0, 0, false, 0, false);
  assert.deepEqual(fault(hart.fetch(0x5000n)), [FETCH_FAULT, 0x5000n]);
  assert.deepEqual(fault(hart.store(0x5000n)), [STORE_FAULT, 0x5000n]);
});

Deno.test("MXR of vsstatus acts on the VS-stage only, that of sstatus on both", () => {
  const setting = guest();
  const { hart, first } = setting;
  const page = hart.frame();
  first.map(0x5000n, page, V | X | A);
  assert.deepEqual(fault(hart.load(0x5000n)), [LOAD_FAULT, 0x5000n]);
  hart.set({ vsstatus: MXR });
  assert.equal(hart.load(0x5000n), page);
  remap(setting, page, V | X | A | 16);
  assert.deepEqual(guestFault(hart.load(0x5000n)), [LOAD_GUEST, page]);
  hart.set({ vsstatus: 0n, mstatus: MXR });
  assert.equal(hart.load(0x5000n), page);
  assert.equal(hart.lookup(0x5000n), page);
  hart.set({ vsstatus: MXR, mstatus: 0n });
  assert.equal(hart.lookup(0x5000n), -1, "the odd bank is emptied when its meaning changes");
  assert.deepEqual(guestFault(hart.load(0x5000n)), [LOAD_GUEST, page]);
});

Deno.test("SUM comes from vsstatus when V=1", () => {
  const { hart, first } = guest();
  const page = hart.frame();
  first.map(0x5000n, page, USER);
  hart.set({ mstatus: SUM });
  assert.deepEqual(fault(hart.load(0x5000n)), [LOAD_FAULT, 0x5000n]);
  hart.set({ mstatus: 0n, vsstatus: SUM });
  assert.equal(hart.load(0x5000n), page);
  hart.setMode(0, 1);
  assert.equal(hart.load(0x5000n), page);
});

Deno.test("guestLoad and guestStore go through both stages with the privilege of SPVP; HLVX needs X and raises load faults", () => {
  const setting = guest();
  const { hart, first } = setting;
  const page = hart.frame();
  first.map(0x5000n, page, USER);
  first.map(0x6000n, page, KERNEL);
  first.map(0x7000n, page, V | R | A | D | 16);
  first.map(0x8000n, page, V | X | A | D | 16);
  const load = (va: number, execute = false): unknown => fault(hart.attempt((mmu) => mmu.guestLoad(va, 0, 4, execute)));
  hart.setMode(1, 0);
  hart.set({ satp: 0n });
  assert.equal(load(0x5004), page + 4);
  assert.deepEqual(load(0x6000), [LOAD_FAULT, 0x6000n]);
  hart.set({ hstatus: SPVP });
  assert.equal(load(0x6000), page);
  assert.deepEqual(load(0x5000), [LOAD_FAULT, 0x5000n]);
  hart.set({ hstatus: SPVP, mstatus: SUM });
  assert.deepEqual(load(0x5000), [LOAD_FAULT, 0x5000n], "sstatus.SUM does not count");
  hart.set({ hstatus: SPVP, vsstatus: SUM, mstatus: 0n });
  assert.equal(load(0x5000), page);
  hart.set({ hstatus: 0n });
  assert.equal(load(0x8000, true), page);
  assert.deepEqual(load(0x8000), [LOAD_FAULT, 0x8000n]);
  assert.deepEqual(load(0x7000, true), [LOAD_FAULT, 0x7000n]);
  const stored = hart.attempt((mmu) => mmu.guestStore(0x5ffe, 0, 0x11223344, 0, 4));
  assert.deepEqual(fault(stored), [STORE_FAULT, 0x6000n]);
  assert.equal(hart.attempt((mmu) => mmu.guestStore(0x5002, 0, 0x11223344, 0, 4)), true);
  assert.equal(hart.memory.u8[page + 2], 0x44);
  remap(setting, page, V | R | A | D | 16);
  assert.deepEqual(load(0x8000, true), [LOAD_GUEST, 0x8000n]);
  const trap = hart.attempt((mmu) => mmu.guestStore(0x5000, 0, 0, 0, 4));
  assert(trap instanceof Trap);
  assert.deepEqual([trap.cause, trap.guestAddress, trap.gva], [STORE_GUEST, page, true]);
});

Deno.test("MPRV with MPV makes M-mode's loads two-stage", () => {
  const { hart, first } = guest();
  const page = hart.frame();
  first.map(0x5000n, page, KERNEL);
  hart.setMode(3, 0);
  hart.set({ mstatus: MPRV | MPV | 1n << 11n });
  assert.equal(hart.load(0x5008n), page + 8);
  const trap = hart.load(0x9000n);
  assert(trap instanceof Trap && trap.gva && trap.cause === LOAD_FAULT);
  hart.set({ mstatus: MPRV | MPV | 3n << 11n });
  assert.equal(hart.load(0x9000n), 0x9000);
});

Deno.test("the transformed instruction of a guest-page fault has no immediate and no rs1, and bit 1 clear if compressed", () => {
  const { hart, first } = guest();
  const code = hart.frame();
  first.map(0x1000n, code, KERNEL);
  first.map(0x2000n, hart.frame(), KERNEL);
  first.map(0x5000n, 0x10000000, KERNEL);
  const rows: [number, number][] = [
    [SD, 0x00503023], // sd x5, 24(x6)
    [0x01832283, 0x00002283], // lw x5, 24(x6)
    [0x01834283, 0x00004283], // lbu x5, 24(x6)
    [0x01833287, 0x00003287], // fld f5, 24(x6)
    [0xfe533c27, 0x00503027], // fsd f5, -8(x6)
    [0x0c5332af, 0x0c5032af], // amoswap.d.aq... x5, x5, (x6): rs1 goes, the rest stays
    [0x6d34c2f3, 0x6d3042f3], // hlv.d and its kind: a SYSTEM instruction with funct3 100
    [0x4398, 0x00002701], // c.lw x14, 0(x15)
    [0xe398, 0x00e03021], // c.sd x14, 0(x15)
  ];
  rows.forEach(([bits, expected], i) => {
    hart.memory.i32[code / 4 + i] = bits;
    hart.set({ pc: 0x1000n + BigInt(i * 4) });
    const trap = hart.load(0x5000n);
    assert(trap instanceof Trap);
    assert.equal(trap.tinst.toString(16), expected.toString(16), bits.toString(16));
  });
});

Deno.test("currentInstruction reads across pages, from the fetch table or by a walk", () => {
  const { hart, first } = guest();
  const [left, right] = [hart.frame(), hart.frame()];
  first.map(0x1000n, left, KERNEL);
  first.map(0x2000n, right, KERNEL);
  hart.memory.u16[(left + 4094) / 2] = SD & 0xffff;
  hart.memory.u16[right / 2] = SD >>> 16;
  hart.set({ pc: 0x1ffen });
  assert.equal(hart.mmu.currentInstruction(), SD);
  assert.equal(hart.mmu.instructionLength, 4);
  hart.fetch(0x1000n);
  hart.mmu.fillFetch(...pair(0x1000n), left, 0x777000);
  assert.equal(hart.lookup(0x1000n, "fetchTable"), 0x777000);
  assert.equal(hart.mmu.currentInstruction(), SD);
  hart.set({ pc: 0x4000n });
  assert.equal(hart.mmu.currentInstruction(), 0);
});

Deno.test("page-table updates and walks work in machine mode, where physical addresses are not host addresses", () => {
  const hart = new FakeHart("machine");
  const base = 0x80000000;
  const second = new PageTable(hart, 4, { nested: true, base });
  const first = new PageTable(hart, 4, { base });
  for (let at = 0; at < 0x200000; at += 0x1000) second.map(BigInt(base + at), base + at, V | R | W | X | 16);
  const page = hart.frame();
  const entry = first.map(0x5000n, base + page, V | R | W);
  hart.set({ hgatp: second.register(), vsatp: first.register(), menvcfg: ADUE, henvcfg: ADUE });
  hart.setMode(1, 1);
  assert.equal(hart.store(0x5008n, 7n), true);
  assert.equal(hart.memory.u64[page / 8 + 1], 7n);
  assert.equal(hart.memory.i32[entry / 4] & (A | D), A | D);
});
