/**
 * Translation tables: what a lookup may hit, banks, flushes (Privileged ISA, "Supervisor Memory-Management Fence Instruction"; Hypervisor
 * extension, "Hypervisor Memory-Management Fence Instructions").
 *
 * @module
 */
import assert from "node:assert/strict";
import { HostMemory } from "../../../../core/memory.ts";
import {
  mmuAreaSize,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_LEAST_CONTEXTS,
  tlbTag,
} from "../../../../arch/riscv/mmu/area.ts";
import { Access } from "../../../../arch/riscv/mmu/pte.ts";
import { Tlb } from "../../../../arch/riscv/mmu/tlb.ts";
import { FakeHart, fault, KERNEL, MXR, PageTable, pair, random, SUM, USER } from "./helpers.ts";

/** Two banks. */
const [FIRST, SECOND] = [1, 6];

/** Tables of their own and a lookup as generated code does it. */
function tables(): { tlb: Tlb; memory: HostMemory; lookup: (bank: number, access: number, va: bigint) => number } {
  const memory = new HostMemory({ size: 8 << 20, shared: false });
  const contexts = TLB_LEAST_CONTEXTS;
  const tlb = new Tlb(memory, memory.reserve(mmuAreaSize(contexts)), contexts);
  const lookup = (bank: number, access: number, va: bigint): number => {
    const [low, high] = pair(va);
    const entry = (tlb.table(bank, access) + ((low >>> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE) / 4;
    const hit = memory.i32[entry] === tlbTag(low) && memory.i32[entry + 1] === high;
    return hit ? (memory.i32[entry + 2] + low) >>> 0 : -1;
  };
  return { tlb, memory, lookup };
}

/** Enters a read or write translation. */
function enter(tlb: Tlb, bank: number, access: number, va: bigint, hostPage: number, shift = 12): void {
  const [low, high] = pair(va);
  tlb.fill(bank, access, low, high, (hostPage - (low & -4096)) | 0, 0, shift);
}

Deno.test("Tlb.fill: pages that differ in exactly one bit k, for every k from 12 to 63, never hit each other", () => {
  const { tlb, lookup } = tables();
  const indexed = 12n + BigInt(Math.log2(TLB_ENTRIES));
  for (const access of [Access.READ, Access.WRITE, Access.EXECUTE]) {
    for (const va of [0n, 0x5555555555555000n, 0xaaaaaaaaaaaaa000n, 0xfffffffffffff000n]) {
      for (let k = 12n; k < 64n; k++) {
        const other = va ^ 1n << k;
        enter(tlb, FIRST, access, va, 0x7000);
        assert.equal(lookup(FIRST, access, va), 0x7000);
        assert.equal(lookup(FIRST, access, other), -1, `bit ${k}`);
        enter(tlb, FIRST, access, other, 0xfffff000);
        assert.equal(lookup(FIRST, access, other + 0xabcn), 0xfffffabc);
        const first = lookup(FIRST, access, va);
        assert.equal(first, k < indexed ? 0x7000 : -1, "bits above those of the index share a slot");
        tlb.flush(FIRST);
      }
    }
  }
});

Deno.test("an empty or flushed table matches no address", () => {
  const { tlb, lookup } = tables();
  for (const va of [0n, 0xfffffffffffff000n]) assert.equal(lookup(0, Access.READ, va), -1);
  enter(tlb, 0, Access.READ, 0n, 0x1000);
  enter(tlb, 0, Access.READ, 0xfffffffffffff000n, 0x1000);
  tlb.flush(0);
  for (const va of [0n, 0xfffffffffffff000n]) assert.equal(lookup(0, Access.READ, va), -1);
});

Deno.test("Tlb.flush empties exactly the bank asked for, after few fills and after many, near together and far apart", () => {
  for (const stride of [1, 255, 256]) {
    for (const count of [1, 64, 65, 256, 257, 700, TLB_ENTRIES + 300]) {
      const { tlb, lookup } = tables();
      const page = (i: number): bigint => BigInt(i * stride) << 12n;
      const seen = new Set<number>();
      for (const bank of [SECOND, FIRST]) {
        for (let i = 0; i < count; i++) enter(tlb, bank, Access.WRITE, page(i), i << 12);
      }
      tlb.flush(SECOND);
      for (let i = count - 1; i >= 0; i--) {
        assert.equal(lookup(SECOND, Access.WRITE, page(i)), -1);
        const index = i * stride % TLB_ENTRIES;
        assert.equal(lookup(FIRST, Access.WRITE, page(i)), seen.has(index) ? -1 : i << 12, "the last of an index");
        seen.add(index);
      }
      enter(tlb, SECOND, Access.WRITE, 0n, 0x9000);
      assert.equal(lookup(SECOND, Access.WRITE, 0n), 0x9000);
      tlb.flush(SECOND);
      assert.equal(lookup(SECOND, Access.WRITE, 0n), -1);
    }
  }
});

Deno.test("Tlb.counts tells fills by kind, and flushes of banks that had entries", () => {
  const { tlb } = tables();
  const kinds = [Access.READ, Access.WRITE, Access.WRITE, Access.EXECUTE, Access.EXECUTE, Access.EXECUTE];
  for (const kind of kinds) enter(tlb, FIRST, kind, 0x5000n, 0x1000);
  assert.deepEqual(tlb.counts, { reads: 1, writes: 2, fetches: 3, flushes: 0 });
  tlb.flush(SECOND);
  tlb.flush(FIRST);
  tlb.flush(FIRST);
  assert.equal(tlb.counts.flushes, 1);
});

Deno.test("Tlb.flushAddress drops one page, or all that may come from the same large leaf", () => {
  for (const shift of [12, 16, 21, 30, 39, 48]) {
    const { tlb, lookup } = tables();
    const base = 0xff00_0000_0000_0000n;
    const inside = base + (1n << BigInt(shift)) - 0x1000n;
    const small = 0x7000n;
    enter(tlb, FIRST, Access.READ, small, 0x1000);
    enter(tlb, FIRST, Access.READ, inside, 0x2000, shift);
    enter(tlb, SECOND, Access.READ, inside, 0x2000, shift);
    tlb.flushAddress(FIRST, 1, ...pair(small));
    assert.equal(lookup(FIRST, Access.READ, small), -1);
    assert.equal(lookup(FIRST, Access.READ, inside), 0x2000);
    tlb.flushAddress(FIRST, 1, ...pair(base + 0x800n));
    assert.equal(lookup(FIRST, Access.READ, inside), -1, `leaf of 2^${shift}`);
    assert.equal(lookup(SECOND, Access.READ, inside), 0x2000);
    tlb.flush(FIRST);
    enter(tlb, FIRST, Access.READ, small, 0x1000);
    tlb.flushAddress(FIRST, 1, ...pair(base));
    assert.equal(lookup(FIRST, Access.READ, small), 0x1000, "large leaves are forgotten with their bank");
  }
});

Deno.test("Tlb.flushAddress writes to no piece of a table that nothing was entered in: the host would commit it", () => {
  const { tlb, memory, lookup } = tables();
  const [near, far] = [0x7000n, 0x0200_7000n];
  const untouched = (tlb.table(FIRST, Access.READ) + Number(far >> 12n) * TLB_ENTRY_SIZE) / 4;
  enter(tlb, FIRST, Access.READ, near, 0x1000);
  memory.i32[untouched] = -2;
  tlb.flushAddress(FIRST, 1, ...pair(far));
  assert.equal(memory.i32[untouched], -2);
  enter(tlb, FIRST, Access.READ, far, 0x1000);
  tlb.flushAddress(FIRST, 1, ...pair(far));
  assert.equal(lookup(FIRST, Access.READ, far), -1);
  assert.equal(lookup(FIRST, Access.READ, near), 0x1000);
});

Deno.test("Tlb.dropWritesTo and Tlb.drop take write entries away, of however many", () => {
  for (const others of [2, 200, 300, 5000]) {
    const { tlb, lookup } = tables();
    for (let i = 0; i < others; i++) enter(tlb, SECOND, Access.WRITE, BigInt(i + 256) << 12n, (i + 1) << 12);
    enter(tlb, SECOND, Access.WRITE, 0x3000n, 0x80007000);
    enter(tlb, 3, Access.WRITE, 0xffffffc000004000n, 0x80007000);
    enter(tlb, SECOND, Access.READ, 0x3000n, 0x80007000);
    tlb.dropWritesTo(0x80007000);
    assert.equal(lookup(SECOND, Access.WRITE, 0x3000n), -1);
    assert.equal(lookup(3, Access.WRITE, 0xffffffc000004000n), -1);
    assert.equal(lookup(SECOND, Access.READ, 0x3000n), 0x80007000);
    for (let i = 0; i < others; i++) {
      assert.equal(lookup(SECOND, Access.WRITE, BigInt(i + 256) << 12n), (i + 1) << 12);
    }
    tlb.drop(Access.WRITE);
    assert.equal(lookup(SECOND, Access.WRITE, 0x100000n), -1);
    assert.equal(lookup(SECOND, Access.READ, 0x3000n), 0x80007000);
    enter(tlb, SECOND, Access.WRITE, 0x3000n, 0x80007000);
    tlb.dropWritesTo(0x80007000);
    assert.equal(lookup(SECOND, Access.WRITE, 0x3000n), -1);
  }
});

Deno.test("Tlb.dropWritesTo finds all entries of a page that many addresses lead to, guarded ones as well", () => {
  for (const copies of [4, 5, 40, 600]) {
    const { tlb, lookup } = tables();
    const address = (i: number): bigint => BigInt(i * 7 + 1) << 12n;
    const isGone = (i: number): boolean => lookup(i % 9, Access.WRITE, address(i)) === -1;
    for (let i = 0; i < copies; i++) {
      const [low, high] = pair(address(i));
      tlb.fill(i % 9, Access.WRITE, low, high, (0x80007000 - low) | 0, 0, 12);
    }
    enter(tlb, 1, Access.WRITE, 0x7_0000_0000n, 0x84007000);
    const [low, high] = pair(0x8_0000_2000n);
    tlb.fill(1, Access.WRITE, low, high, (0x80007000 - low) | 0, 0x1230, 12);
    tlb.dropWritesTo(0x80007000);
    for (let i = 0; i < copies; i++) assert.ok(isGone(i), `${i} of ${copies}`);
    assert.equal(lookup(1, Access.WRITE, 0x7_0000_0000n), 0x84007000, "a page of the same set of the index");
    tlb.fill(1, Access.WRITE, low, high, (0x80007000 - low) | 0, 0x1230, 12);
    tlb.dropWritesTo(0x84007000);
    assert.equal(lookup(1, Access.WRITE, 0x7_0000_0000n), -1);
  }
});

Deno.test("Tlb.dropWritesTo keeps up with pages that come and go, as a search of all entries would", () => {
  for (let seed = 1; seed <= 4; seed++) {
    const next = random(seed * 104729);
    const { tlb, lookup } = tables();
    const places = Array.from({ length: 60 }, (_, i) => BigInt(i * 300 + next(3)) << 12n);
    const pages = Array.from({ length: 12 }, (_, i) => 0x80000000 + (next(3) << 26) + (i >> 1 << 12));
    const expected = places.map(() => [-1, -1, -1]);
    for (let step = 0; step < 4000; step++) {
      const [place, bank, page] = [next(60), next(3), pages[next(12)]];
      const action = next(20);
      if (action === 0) {
        tlb.dropWritesTo(page);
        for (const banks of expected) banks.forEach((to, i) => to === page && (banks[i] = -1));
      } else if (action === 1) {
        tlb.flush(bank);
        for (const banks of expected) banks[bank] = -1;
      } else {
        enter(tlb, bank, Access.WRITE, places[place], page);
        expected[place][bank] = page;
      }
      if (step % 50 === 0 || action === 0) {
        const found = places.map((va) => [0, 1, 2].map((bank) => lookup(bank, Access.WRITE, va)));
        assert.deepEqual(found, expected, `seed ${seed}, step ${step}`);
      }
    }
  }
});

/** A hart with one-stage and two-stage tables that both map 0x5000 and 0x6000 for user and 0x7000 for supervisor. */
function regimes(): { hart: FakeHart; own: PageTable; first: PageTable; second: PageTable; pages: number[] } {
  const hart = new FakeHart("guest");
  const [own, first] = [new PageTable(hart, 3), new PageTable(hart, 3)];
  const second = new PageTable(hart, 3, { nested: true });
  for (let at = 0; at < 0x400000; at += 4096) second.map(BigInt(at), at, USER);
  const pages = [hart.frame(), hart.frame(), hart.frame(), hart.frame(), hart.frame(), hart.frame()];
  [own, first].forEach((table, i) => {
    table.map(0x5000n, pages[i * 3], USER);
    table.map(0x6000n, pages[i * 3 + 1], USER);
    table.map(0x7000n, pages[i * 3 + 2], KERNEL);
  });
  hart.set({ satp: own.register(1n), vsatp: first.register(1n), hgatp: second.register(1n) });
  return { hart, own, first, second, pages };
}

Deno.test("modeChanged: each regime has tables of its own, and entries survive a change of mode", () => {
  const { hart, pages } = regimes();
  const modes: [number, number, bigint, bigint, bigint, number][] = [
    [3, 0, 0n, 0n, 0x5000n, 0x5000],
    [0, 0, 0n, 0n, 0x5000n, pages[0]],
    [1, 0, 0n, 0n, 0x7000n, pages[2]],
    [1, 0, SUM, 0n, 0x5000n, pages[0]],
    [0, 1, 0n, 0n, 0x5000n, pages[3]],
    [1, 1, 0n, 0n, 0x7000n, pages[5]],
    [1, 1, 0n, SUM, 0x5000n, pages[3]],
  ];
  const enterMode = ([privilege, virtual, mstatus, vsstatus]: (typeof modes)[number]): void => {
    hart.set({ mstatus, vsstatus });
    hart.setMode(privilege, virtual);
  };
  for (const mode of modes) {
    enterMode(mode);
    assert.equal(hart.lookup(mode[4]), -1);
    assert.equal(hart.load(mode[4]), mode[5]);
  }
  for (const mode of modes) {
    enterMode(mode);
    assert.equal(hart.lookup(mode[4]), mode[5]);
  }
  enterMode([1, 0, 0n, 0n, 0n, 0]);
  assert.equal(hart.lookup(0x5000n), -1, "SUM is cleared");
  enterMode([1, 0, MXR, 0n, 0n, 0]);
  assert.equal(hart.lookup(0x7000n), -1, "MXR has its own bank");
});

Deno.test("translationChanged keeps entries when satp, vsatp and hgatp stay, and drops the right ones when one changes", () => {
  const { hart, own, first, second, pages } = regimes();
  const fill = (): void => {
    hart.setMode(1, 0);
    hart.load(0x7000n);
    hart.setMode(1, 1);
    hart.load(0x7000n);
  };
  const state = (): [boolean, boolean] => {
    hart.setMode(1, 0);
    const supervisor = hart.lookup(0x7000n) === pages[2];
    hart.setMode(1, 1);
    return [supervisor, hart.lookup(0x7000n) === pages[5]];
  };
  fill();
  hart.set({ satp: own.register(1n), vsatp: first.register(1n), hgatp: second.register(1n) });
  assert.deepEqual(state(), [true, true]);
  hart.set({ satp: own.register(2n) });
  assert.deepEqual(state(), [false, true]);
  fill();
  hart.set({ vsatp: first.register(2n) });
  assert.deepEqual(state(), [true, false]);
  fill();
  hart.set({ hgatp: second.register(2n) });
  assert.deepEqual(state(), [true, false]);
  fill();
  hart.mmu.nestedChanged();
  assert.deepEqual(state(), [true, false]);
  fill();
  hart.mmu.flushAll();
  assert.deepEqual(state(), [false, false]);
});

Deno.test("sfenceVma and hfenceVvma reach the stage, address and ASID that they name", () => {
  const { hart, pages } = regimes();
  const fill = (): void => {
    for (const virtual of [0, 1]) {
      hart.setMode(0, virtual);
      hart.load(0x5000n);
      hart.load(0x6000n);
    }
  };
  const hits = (virtual: number): boolean[] => {
    hart.setMode(0, virtual);
    return [0x5000n, 0x6000n].map((va, i) => hart.lookup(va) === pages[virtual * 3 + i]);
  };
  const check = (virtual: number, act: () => void, own: boolean[], guest: boolean[]): void => {
    fill();
    hart.setMode(1, virtual);
    act();
    assert.deepEqual([hits(0), hits(1)], [own, guest]);
  };
  const { mmu } = hart;
  const both = [true, true], none = [false, false], second = [false, true];
  check(0, () => mmu.sfenceVma(0x5000, 0, true, 0, false), second, both);
  check(0, () => mmu.sfenceVma(0x5000, 0, true, 1, true), second, both);
  check(0, () => mmu.sfenceVma(0x5000, 0, true, 2, true), both, both);
  check(0, () => mmu.sfenceVma(0, 0, false, 2, true), both, both);
  check(0, () => mmu.sfenceVma(0, 0, false, 1, true), none, both);
  check(0, () => mmu.sfenceVma(0, 0, false, 0, false), none, both);
  check(1, () => mmu.sfenceVma(0x5000, 0, true, 0, false), both, second);
  check(1, () => mmu.sfenceVma(0, 0, false, 0, false), both, none);
  check(0, () => mmu.hfenceVvma(0x5000, 0, true, 1, true), both, second);
  check(0, () => mmu.hfenceVvma(0, 0, false, 7, true), both, both);
  check(0, () => mmu.hfenceVvma(0, 0, false, 0, false), both, none);
  check(0, () => mmu.hfenceGvma(0, 0, false, 1, true), both, none);
  check(0, () => mmu.hfenceGvma(0, 0, false, 2, true), both, both);
  check(0, () => mmu.hfenceGvma(0x5000 >> 2, 0, true, 0, false), both, none);
});

Deno.test("sfenceVma with any address of a superpage or Svnapot region drops all its entries", () => {
  const hart = new FakeHart("guest");
  const table = new PageTable(hart, 4);
  table.map(0x40000000n, 0x200000, KERNEL, 1);
  for (let i = 0n; i < 16n; i++) table.map(0x50000n + i * 4096n, 0x18000, KERNEL, 0, 1n << 63n);
  hart.set({ satp: table.register() });
  hart.setMode(1, 0);
  assert.equal(hart.load(0x40003000n), 0x203000);
  hart.mmu.sfenceVma(0x401ff000, 0, true, 0, false);
  assert.equal(hart.lookup(0x40003000n), -1);
  assert.equal(hart.load(0x53000n), 0x13000);
  hart.mmu.sfenceVma(0x5f000, 0, true, 0, false);
  assert.equal(hart.lookup(0x53000n), -1);
});

Deno.test("a changed last-level table is seen after a fence, with or without address", () => {
  const hart = new FakeHart("guest");
  const table = new PageTable(hart, 3);
  const [first, second] = [hart.frame(), hart.frame()];
  table.map(0x5000n, first, KERNEL);
  hart.set({ satp: table.register() });
  hart.setMode(1, 0);
  for (const hasAddress of [true, false]) {
    table.map(0x5000n, first, KERNEL);
    hart.mmu.flushAll();
    assert.equal(hart.load(0x5000n), first);
    hart.memory.u64[table.entry(0x5000n, 1) / 8] = 0n;
    table.map(0x5000n, second, KERNEL);
    hart.mmu.sfenceVma(0x5000, 0, hasAddress, 0, false);
    assert.equal(hart.load(0x5000n), second);
  }
  hart.memory.u64[table.entry(0x5000n, 1) / 8] = 0n;
  hart.mmu.sfenceVma(0, 0, false, 0, false);
  assert.deepEqual(fault(hart.load(0x5000n)), [13, 0x5000n]);
});

Deno.test("dropWrites and dropFetches make stores and fetches take the slow way again", () => {
  const hart = new FakeHart("guest");
  hart.setMode(1, 0);
  hart.store(0x100000n);
  hart.store(0x101000n);
  hart.fetch(0x100000n);
  hart.mmu.fillFetch(0x100000, 0, 0x100000, 0x42000);
  hart.mmu.dropWrites(0x101000);
  assert.equal(hart.lookup(0x100000n, "writeTable"), 0x100000);
  assert.equal(hart.lookup(0x101000n, "writeTable"), -1);
  hart.mmu.dropWrites();
  assert.equal(hart.lookup(0x100000n, "writeTable"), -1);
  assert.equal(hart.lookup(0x100000n, "readTable"), 0x100000);
  assert.equal(hart.lookup(0x100000n, "fetchTable"), 0x42000);
  hart.mmu.dropFetches();
  assert.equal(hart.lookup(0x100000n, "fetchTable"), -1);
});
