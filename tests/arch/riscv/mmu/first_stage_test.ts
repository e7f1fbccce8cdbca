/**
 * Single-stage translation by the rules of the Privileged ISA, "Virtual Address Translation Process".
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  A,
  ADUE,
  D,
  FakeHart,
  fault,
  G,
  KERNEL,
  MPRV,
  MXR,
  PageTable,
  PBMTE,
  R,
  SUM,
  USER,
  V,
  W,
  X,
} from "./helpers.ts";

const LOAD_FAULT = 13, STORE_FAULT = 15, FETCH_FAULT = 12, LOAD_ACCESS = 5, STORE_ACCESS = 7, FETCH_ACCESS = 1;
const LEVELS = [3, 4, 5];

/** A hart in S-mode with an empty table of `levels` levels; no PMP. */
function supervisor(levels = 3): { hart: FakeHart; table: PageTable } {
  const hart = new FakeHart("guest");
  const table = new PageTable(hart, levels);
  hart.set({ satp: table.register() });
  hart.setMode(1, 0);
  return { hart, table };
}

Deno.test("loadAddress translates 4 KiB pages at both ends of the address space in Sv39, Sv48 and Sv57", () => {
  for (const levels of LEVELS) {
    const { hart, table } = supervisor(levels);
    const half = 1n << BigInt(12 + 9 * levels - 1);
    for (const va of [0n, 0x1000n, half - 4096n, (1n << 64n) - half, (1n << 64n) - 4096n]) {
      const page = hart.frame();
      table.map(va, page, KERNEL);
      assert.equal(hart.load(va + 0x123n, 1), page + 0x123);
      assert.equal(hart.store(va + 8n, 0x1122334455667788n), true);
      assert.equal(hart.memory.u64[(page + 8) / 8], 0x1122334455667788n);
      assert.equal(hart.fetch(va), page);
    }
  }
});

Deno.test("loadAddress faults on addresses that are not sign-extended", () => {
  for (const levels of LEVELS) {
    const { hart, table } = supervisor(levels);
    const half = 1n << BigInt(12 + 9 * levels - 1);
    for (const va of [0n, half - 4096n]) table.map(va, hart.frame(), KERNEL);
    for (let bit = BigInt(12 + 9 * levels - 1); bit < 64n; bit++) {
      const va = 1n << bit;
      assert.deepEqual(fault(hart.load(va)), [LOAD_FAULT, va]);
      assert.deepEqual(fault(hart.store(va)), [STORE_FAULT, va]);
      assert.deepEqual(fault(hart.fetch(va)), [FETCH_FAULT, va]);
    }
  }
});

Deno.test("loadAddress follows superpages of every level and refuses misaligned ones", () => {
  for (const levels of LEVELS) {
    for (let level = 1; level < levels; level++) {
      const { hart, table } = supervisor(levels);
      const va = 1n << BigInt(12 + 9 * levels - 2);
      const span = 2 ** (12 + 9 * level);
      table.map(va, 0, KERNEL, level);
      assert.equal(hart.load(va + 0x145678n), 0x145678);
      for (let bit = 12; bit < 12 + 9 * level; bit += 3) {
        table.map(va, 2 ** bit, KERNEL, level);
        hart.mmu.sfenceVma(0, 0, false, 0, false);
        assert.deepEqual(fault(hart.load(va)), [LOAD_FAULT, va], `level ${level} bit ${bit}`);
      }
      table.map(va, span, KERNEL, level);
      hart.mmu.sfenceVma(0, 0, false, 0, false);
      const expected = span < hart.memory.size ? span + 0x4000 : [LOAD_ACCESS, va + 0x4000n];
      assert.deepEqual(fault(hart.load(va + 0x4000n)), expected);
    }
  }
});

Deno.test("loadAddress faults on malformed entries", () => {
  const { hart, table } = supervisor();
  let page = hart.frame();
  if ((page >> 12 & 15) === 8) page = hart.frame(); // would be a good frame for a region of 64 KiB
  const leaves: [string, number, bigint][] = [
    ["invalid", KERNEL & ~V, 0n],
    ["W without R", V | W | A | D, 0n],
    ["W and X without R", V | W | X | A | D, 0n],
    ["pointer at the last level", V, 0n],
    ...Array.from(
      { length: 7 },
      (_, i) => [`reserved bit ${54 + i}`, KERNEL, 1n << BigInt(54 + i)] as [string, number, bigint],
    ),
    ["PBMT without Svpbmt", KERNEL, 1n << 61n],
    ["NAPOT of another size", KERNEL, 1n << 63n],
  ];
  for (const [what, flags, extra] of leaves) {
    table.map(0x5000n, page, flags, 0, extra);
    assert.deepEqual(fault(hart.load(0x5000n)), [LOAD_FAULT, 0x5000n], what);
  }
  table.map(0x5000n, page, KERNEL | G);
  assert.equal(hart.load(0x5000n), page);
  const pointer = table.entry(0x5000n, 1) / 8;
  const good = hart.memory.u64[pointer];
  for (const bit of [4n, 6n, 7n, 54n, 60n, 61n, 62n, 63n]) {
    hart.memory.u64[pointer] = good | 1n << bit;
    hart.mmu.sfenceVma(0, 0, false, 0, false);
    assert.deepEqual(fault(hart.load(0x5000n)), [LOAD_FAULT, 0x5000n], `bit ${bit} of a pointer`);
  }
});

Deno.test("loadAddress takes 64 KiB Svnapot regions, at the last level only", () => {
  const { hart, table } = supervisor();
  const region = hart.memory.allocContiguous(16, 65536)!;
  for (let i = 0n; i < 16n; i++) table.map(0x40000n + i * 4096n, region + 8 * 4096, KERNEL, 0, 1n << 63n);
  for (let i = 0; i < 16; i++) assert.equal(hart.load(0x40000n + BigInt(i * 4096 + 16)), region + i * 4096 + 16);
  table.map(0x200000n, 8 * 4096, KERNEL, 1, 1n << 63n);
  assert.deepEqual(fault(hart.load(0x200000n)), [LOAD_FAULT, 0x200000n]);
});

Deno.test("loadAddress accepts memory types when menvcfg.PBMTE is set, but not the reserved one", () => {
  const { hart, table } = supervisor();
  const page = hart.frame();
  hart.set({ menvcfg: PBMTE });
  for (const type of [1n, 2n]) {
    table.map(type << 12n, page, KERNEL, 0, type << 61n);
    assert.equal(hart.load(type << 12n), page);
  }
  table.map(0x3000n, page, KERNEL, 0, 3n << 61n);
  assert.deepEqual(fault(hart.load(0x3000n)), [LOAD_FAULT, 0x3000n]);
  hart.set({ menvcfg: 0n });
  assert.deepEqual(fault(hart.load(0x1000n)), [LOAD_FAULT, 0x1000n]);
});

Deno.test("storeValue and loadAddress check R, W, X; fetchPage checks X", () => {
  const { hart, table } = supervisor();
  const page = hart.frame();
  const rows: [number, boolean, boolean, boolean][] = [
    [R, true, false, false],
    [R | W, true, true, false],
    [X, false, false, true],
    [R | X, true, false, true],
    [R | W | X, true, true, true],
  ];
  rows.forEach(([rights, read, write, execute], i) => {
    const va = BigInt(i + 1) * 4096n;
    table.map(va, page, V | A | D | rights);
    assert.deepEqual(fault(hart.load(va)), read ? page : [LOAD_FAULT, va]);
    assert.deepEqual(fault(hart.store(va)), write ? true : [STORE_FAULT, va]);
    assert.deepEqual(fault(hart.fetch(va)), execute ? page : [FETCH_FAULT, va]);
    assert.deepEqual(fault(hart.attempt((mmu) => mmu.amoAddress(Number(va), 0, 8))), write ? page : [STORE_FAULT, va]);
    assert.deepEqual(
      fault(hart.attempt((mmu) => mmu.reserveAddress(Number(va), 0, 8))),
      read ? page : [LOAD_FAULT, va],
    );
  });
});

Deno.test("loadAddress keeps U-mode out of S pages, and S-mode out of U pages unless SUM is set", () => {
  const { hart, table } = supervisor();
  const page = hart.frame();
  table.map(0x1000n, page, KERNEL);
  table.map(0x2000n, page, USER);
  assert.deepEqual(fault(hart.load(0x2000n)), [LOAD_FAULT, 0x2000n]);
  assert.deepEqual(fault(hart.store(0x2000n)), [STORE_FAULT, 0x2000n]);
  hart.set({ mstatus: SUM });
  assert.equal(hart.load(0x2000n), page);
  assert.equal(hart.store(0x2000n), true);
  assert.deepEqual(fault(hart.fetch(0x2000n)), [FETCH_FAULT, 0x2000n], "SUM never lets S-mode execute user pages");
  hart.setMode(0, 0);
  assert.equal(hart.load(0x2000n), page);
  assert.equal(hart.fetch(0x2000n), page);
  assert.deepEqual(fault(hart.load(0x1000n)), [LOAD_FAULT, 0x1000n]);
  assert.deepEqual(fault(hart.fetch(0x1000n)), [FETCH_FAULT, 0x1000n]);
});

Deno.test("loadAddress reads executable pages with MXR, and not after MXR is cleared", () => {
  const { hart, table } = supervisor();
  const page = hart.frame();
  table.map(0x1000n, page, V | X | A);
  hart.set({ mstatus: MXR });
  assert.equal(hart.load(0x1000n), page);
  assert.equal(hart.lookup(0x1000n), page);
  assert.deepEqual(fault(hart.store(0x1000n)), [STORE_FAULT, 0x1000n]);
  hart.set({ mstatus: 0n });
  assert.equal(hart.lookup(0x1000n), -1);
  assert.deepEqual(fault(hart.load(0x1000n)), [LOAD_FAULT, 0x1000n]);
});

Deno.test("loadAddress raises page faults on clear A and D bits without ADUE (Svade)", () => {
  const { hart, table } = supervisor();
  const page = hart.frame();
  table.map(0x1000n, page, V | R | W | X);
  assert.deepEqual(fault(hart.load(0x1000n)), [LOAD_FAULT, 0x1000n]);
  assert.deepEqual(fault(hart.fetch(0x1000n)), [FETCH_FAULT, 0x1000n]);
  const entry = table.map(0x2000n, page, V | R | W | X | A);
  assert.equal(hart.load(0x2000n), page);
  assert.equal(hart.lookup(0x2000n, "writeTable"), -1, "a clean page gets no write entry");
  assert.deepEqual(fault(hart.store(0x2000n)), [STORE_FAULT, 0x2000n]);
  assert.equal(hart.memory.u64[entry / 8] & BigInt(D), 0n);
});

Deno.test("storeValue sets A and D with menvcfg.ADUE (Svadu), a load only A, a failing access nothing", () => {
  const { hart, table } = supervisor();
  hart.set({ menvcfg: ADUE });
  const page = hart.frame();
  const bits = (entry: number): number => hart.memory.i32[entry / 4] & (A | D);
  const loaded = table.map(0x1000n, page, V | R | W);
  assert.equal(hart.load(0x1000n), page);
  assert.equal(bits(loaded), A);
  assert.equal(hart.lookup(0x1000n, "writeTable"), -1);
  assert.equal(hart.store(0x1000n), true);
  assert.equal(bits(loaded), A | D);
  assert.equal(hart.lookup(0x1000n, "writeTable"), page);
  const refused = table.map(0x2000n, page, V | R);
  assert.deepEqual(fault(hart.store(0x2000n)), [STORE_FAULT, 0x2000n]);
  assert.equal(bits(refused), 0);
  assert.equal(hart.mmu.debugTranslate(0x2000n, 0), page);
  assert.equal(bits(refused), 0, "a debugger changes nothing");
});

Deno.test("loadAddress in Bare mode and in M-mode uses physical addresses of at most 50 bits", () => {
  const { hart } = supervisor();
  hart.set({ satp: 0n });
  for (const privilege of [0, 1, 3]) {
    hart.setMode(privilege, 0);
    assert.equal(hart.load(0x123450n), 0x123450);
    assert.equal(hart.fetch(0x123000n), 0x123000);
    for (const va of [1n << 50n, 1n << 63n, (1n << 64n) - 8n, 1n << 32n]) {
      assert.deepEqual(fault(hart.load(va)), [LOAD_ACCESS, va]);
      assert.deepEqual(fault(hart.store(va)), [STORE_ACCESS, va]);
      assert.deepEqual(fault(hart.fetch(va)), [FETCH_ACCESS, va]);
    }
  }
});

Deno.test("loadAddress raises access faults when an entry or the root leaves implemented memory", () => {
  const { hart, table } = supervisor();
  const entry = table.map(0x1000n, 0, KERNEL);
  for (const ppn of [1n << 38n, 1n << 43n, (1n << 38n) - 1n]) {
    hart.memory.u64[entry / 8] = ppn << 10n | BigInt(KERNEL);
    assert.deepEqual(fault(hart.load(0x1000n)), [LOAD_ACCESS, 0x1000n]);
    assert.deepEqual(fault(hart.store(0x1000n)), [STORE_ACCESS, 0x1000n]);
    assert.deepEqual(fault(hart.fetch(0x1000n)), [FETCH_ACCESS, 0x1000n]);
  }
  const pointer = table.entry(0x40000000n, 1);
  hart.memory.u64[pointer / 8] = 1n << 38n << 10n | 1n;
  assert.deepEqual(fault(hart.load(0x40000000n)), [LOAD_ACCESS, 0x40000000n]);
  hart.set({ satp: 8n << 60n | 1n << 40n });
  assert.deepEqual(fault(hart.fetch(0x1000n)), [FETCH_ACCESS, 0x1000n]);
});

Deno.test("loadAddress obeys MPRV and MPP in M-mode, fetchPage does not", () => {
  const { hart, table } = supervisor();
  const page = hart.frame();
  table.map(0x1000n, page, KERNEL);
  table.map(0x2000n, page, USER);
  hart.setMode(3, 0);
  hart.set({ mstatus: MPRV | 1n << 11n });
  assert.equal(hart.load(0x1000n), page);
  assert.equal(hart.lookup(0x1000n), page);
  assert.equal(hart.fetch(0x1000n), 0x1000);
  assert.deepEqual(fault(hart.load(0x2000n)), [LOAD_FAULT, 0x2000n]);
  hart.set({ mstatus: MPRV });
  assert.equal(hart.load(0x2000n), page);
  assert.deepEqual(fault(hart.load(0x1000n)), [LOAD_FAULT, 0x1000n]);
  hart.set({ mstatus: MPRV | 3n << 11n });
  assert.equal(hart.load(0x1000n), 0x1000);
  hart.set({ mstatus: 0n });
  assert.equal(hart.load(0x2000n), 0x2000);
});
