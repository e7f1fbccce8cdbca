/**
 * Walks by generated code against those of the MMU: what it enters must be what the MMU would have entered, and all that is plain it must
 * enter by itself.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { TLB_ENTRIES, TLB_ENTRY_SIZE } from "../../../../arch/riscv/mmu/area.ts";
import { Access } from "../../../../arch/riscv/mmu/pte.ts";
import { A, D, FakeHart, MXR, PageTable, pair, R, random, SUM, Trap, U, USER, V, W, X } from "./helpers.ts";

const LARGE = 2 << 20;
const SPACE = 64 << 20;

/** Guest memory from here on is mapped page by page in the second stage; below, by large leaves. */
const SMALL = 48 << 20;

/** A hart whose tables do not lie in the first large page, where no guest's memory ever is. */
function guestHart(): FakeHart {
  const hart = new FakeHart("guest");
  while (hart.frame() < LARGE);
  return hart;
}

/** Two harts whose memories are the same. */
class Twins {
  readonly generated = guestHart();
  readonly typescript = guestHart();
  readonly both = [this.generated, this.typescript];

  /** Makes the same table in both; gives that of one. */
  table(levels: number, nested: boolean, fill: (table: PageTable) => void): PageTable {
    const [table] = this.both.map((hart) => {
      const table = new PageTable(hart, levels, { nested });
      fill(table);
      return table;
    });
    return table;
  }

  set(fields: Parameters<FakeHart["set"]>[0], privilege: number): void {
    for (const hart of this.both) {
      hart.set(fields);
      hart.setMode(privilege, 1);
    }
  }

  /** Has the second stage's large leaves found, which a walk by generated code relies on. */
  warm(): void {
    this.set({ vsatp: 0n }, 1);
    for (let at = 0; at < SMALL; at += LARGE) {
      this.generated.load(BigInt(at));
      this.generated.fetch(BigInt(at));
    }
  }

  /** What the tables in use have for an address; nothing of an entry that was cleared. */
  entries(hart: FakeHart, va: bigint): number[][] {
    return (["readTable", "writeTable", "fetchTable"] as const).map((table) => {
      const entry = hart.state.word(FIELD[table]) / 4 +
        Number(va >> 12n & BigInt(TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE / 4;
      return hart.memory.i32[entry] === 0 ? [] : [...hart.memory.i32.subarray(entry, entry + 4)];
    });
  }
}

/** Does an access as the MMU does it, with what an engine does after a fetch; whether it is allowed. */
function access(hart: FakeHart, va: bigint, kind: number): boolean {
  const [low, high] = pair(va);
  if (kind === Access.READ) return !(hart.load(va, 1) instanceof Trap);
  if (kind === Access.WRITE) return !(hart.attempt((mmu) => mmu.amoAddress(low, high, 1)) instanceof Trap);
  const page = hart.fetch(va);
  if (page instanceof Trap) return false;
  hart.mmu.fillFetch(low, high, page, hart.codePages.guard(page));
  return true;
}

/** Random leaves, most of them as they should be, at places that tables of three to five levels can all have. */
function randomLeaves(
  pick: (limit: number) => number,
  levels: number,
): { va: bigint; write: (table: PageTable) => void }[] {
  return Array.from({ length: 60 }, () => {
    let va = BigInt(pick(4)) << 21n | BigInt(pick(6)) << 12n | BigInt(pick(3)) << BigInt(3 + 9 * levels);
    if (pick(4) === 0) va |= BigInt(pick(3)) << 30n;
    va = BigInt.asUintN(64, BigInt.asIntN(12 + 9 * levels, va));
    const level = pick(4) === 0 ? 1 : 0;
    let flags = V | R | W | X | A | D | (pick(2) === 0 ? U : 0);
    for (let count = pick(3) & pick(3); count > 0; count--) flags ^= [V, R, W, X, A, D, U, R | X, W | X][pick(9)];
    const extra = pick(12) === 0 ? 1n << BigInt(54 + pick(10)) : 0n;
    const bad = pick(16) === 0 ? [BigInt(U), BigInt(A), BigInt(D), 1n << 54n, 1n << 63n][pick(5)] : 0n;
    const size = level === 0 || pick(6) === 0 ? 4096 : LARGE;
    const target = pick(SPACE / size) * size + (pick(10) === 0 ? [2 ** 31, 2 ** 40, 2 ** 53][pick(3)] : 0);
    return {
      va,
      write: (table) => {
        const above = table.memory.u64[table.entry(va, 1) / 8];
        if (level === 0 && above !== 0n && (above & BigInt(R | W | X)) !== 0n) return;
        if (level === 1 && above !== 0n) return;
        if (bad !== 0n && above !== 0n) table.memory.u64[table.entry(va, 1) / 8] |= bad;
        table.map(va, target, flags, level, extra);
      },
    };
  });
}

Deno.test("refill enters what the MMU would enter, all of it that is plain, and else nothing", () => {
  const pick = random(0x1234567);
  const seen = { entered: 0, refused: 0, left: 0 };
  for (let round = 0; round < 36; round++) {
    const twins = new Twins();
    const levels = 3 + round % 3;
    const large = Array.from(
      { length: SMALL / LARGE },
      (_, i) => i < 8 ? USER : USER & ~[0, 0, R, W, X, D, W | D][pick(7)],
    );
    const second = twins.table(3 + round % 2, true, (table) => {
      large.forEach((flags, i) => void table.map(BigInt(i * LARGE), i * LARGE, flags & R ? flags : flags & ~W, 1));
      for (let at = SMALL; at < SPACE - LARGE; at += 4096) table.map(BigInt(at), at, USER);
    });
    const leaves = randomLeaves(pick, levels);
    const first = twins.table(levels, false, (table) => leaves.forEach(({ write }) => write(table)));
    assert.ok(first.root < 8 * LARGE, "tables are where large leaves let them be read");
    for (const hart of twins.both) {
      hart.state.load();
      for (let page = SPACE / 2; page < SPACE; page += 3 * 4096) hart.codePages.add(page);
    }
    twins.set({ hgatp: second.register() }, 1);
    twins.warm();
    for (let i = 0; i < 150; i++) {
      const sum = pick(2) === 0 ? SUM : 0n;
      const mxr = pick(8) === 0 ? MXR : 0n;
      twins.set({ vsatp: first.register(BigInt(pick(3))), vsstatus: sum | mxr }, pick(2));
      const va = leaves[pick(leaves.length)].va + (pick(5) === 0 ? BigInt(pick(512)) << 12n : 0n) + BigInt(pick(4096));
      const kind = pick(3);
      const where = `round ${round}.${i}: ${["load", "store", "fetch"][kind]} ${va.toString(16)}`;
      const entered = twins.generated.mmu.refill(BigInt.asIntN(64, va), kind);
      const allowed = access(twins.typescript, va, kind);
      if (entered === 1) {
        assert.ok(allowed, where);
        assert.deepEqual(twins.entries(twins.generated, va), twins.entries(twins.typescript, va), where);
        seen.entered++;
      } else if (!allowed) {
        seen.refused++;
      } else {
        assert.ok(mxr !== 0n || !isPlain(twins.typescript, first, va, kind), where);
        seen.left++;
      }
      for (const hart of twins.both) hart.mmu.sfenceVma(0, 0, false, 0, false);
    }
  }
  assert.ok(seen.entered > 500 && seen.refused > 200 && seen.left > 20, JSON.stringify(seen));
});

/** Whether an access that is allowed meets nothing but what generated code knows. */
function isPlain(hart: FakeHart, first: PageTable, va: bigint, kind: number): boolean {
  let entry = first.entry(va, 1);
  if ((hart.memory.u64[entry / 8] & BigInt(R | X)) === 0n) entry = first.entry(va, 0);
  const pte = hart.memory.u64[entry / 8];
  const address = Number(pte >> 10n) * 4096;
  if (pte >> 54n !== 0n || address < LARGE || address >= SMALL) return false;
  return kind !== Access.EXECUTE || hart.codePages.guard(hart.fetch(va) as number) !== 0;
}

Deno.test("refill knows nothing where the hart is no guest's, or the first stage is off", () => {
  for (const [mode, virtual] of [["guest", 0], ["machine", 0], ["machine", 1]] as const) {
    const hart = new FakeHart(mode);
    const base = mode === "machine" ? 0x8000_0000 : 0;
    const first = new PageTable(hart, 3, { base });
    first.map(0x5000n, base + 0x10_0000, V | R | W | X | A | D);
    hart.state.load();
    hart.set({ satp: first.register(), vsatp: first.register() });
    hart.setMode(1, virtual);
    for (const kind of [0, 1, 2]) assert.equal(hart.mmu.refill(0x5000n, kind), 0, mode);
    if (virtual === 0) assert.ok(!(hart.load(0x5000n) instanceof Trap));
  }
});

Deno.test("refill forgets what it knew of the second stage when that changes", () => {
  const hart = guestHart();
  const second = new PageTable(hart, 3, { nested: true });
  for (let at = 0; at < SPACE - LARGE; at += LARGE) second.map(BigInt(at), at, USER, 1);
  const first = new PageTable(hart, 3);
  first.map(0x5000n, 0x100_0000, V | R | A);
  hart.state.load();
  hart.set({ hgatp: second.register(), vsatp: first.register() });
  hart.setMode(1, 1);
  assert.equal(hart.mmu.refill(0x5000n, Access.READ), 0, "no large leaf was met yet");
  assert.equal(hart.load(0x5000n), 0x100_0000);
  hart.mmu.sfenceVma(0, 0, false, 0, false);
  assert.equal(hart.lookup(0x5000n), -1);
  assert.equal(hart.mmu.refill(0x5000n, Access.READ), 1);
  assert.equal(hart.lookup(0x5000n), 0x100_0000);
  second.map(0x100_0000n, 0x100_0000, 0, 1);
  hart.mmu.nestedChanged();
  assert.equal(hart.lookup(0x5000n), -1);
  assert.equal(hart.mmu.refill(0x5000n, Access.READ), 0);
  assert.ok(hart.load(0x5000n) instanceof Trap);
});
