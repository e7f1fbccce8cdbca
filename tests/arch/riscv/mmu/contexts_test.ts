/** Address spaces by ASID and VMID: what is kept when one switches between them, and what fences must reach. @module */
import assert from "node:assert/strict";
import { HostMemory } from "../../../../core/memory.ts";
import { mmuAreaSize, TLB_LEAST_CONTEXTS } from "../../../../arch/riscv/mmu/area.ts";
import { ANY, Contexts } from "../../../../arch/riscv/mmu/contexts.ts";
import { Tlb } from "../../../../arch/riscv/mmu/tlb.ts";
import type { FirstStage } from "../../../../arch/riscv/mmu/first_stage.ts";
import { A, CONTEXTS, FakeHart, fault, KERNEL, MXR, PageTable, R, random, SUM, U, USER, V } from "./helpers.ts";

const USER_PAGE = 0x5000n;

/** Address spaces of one hart whose tables map {@link USER_PAGE} to pages of their own, by ASID. */
class Spaces {
  readonly hart = new FakeHart("guest");
  readonly tables: PageTable[] = [];
  readonly pages: number[] = [];

  constructor(count: number) {
    for (let asid = 0; asid < count; asid++) {
      const table = new PageTable(this.hart, 3);
      const page = this.hart.frame();
      table.map(USER_PAGE, page, USER);
      this.tables.push(table);
      this.pages.push(page);
    }
    this.hart.setMode(0, 0);
  }

  enter(asid: number): void {
    this.hart.set({ satp: this.tables[asid].register(BigInt(asid)) });
  }

  /** Enters a space and tells whether its page is in the read table. */
  has(asid: number): boolean {
    this.enter(asid);
    return this.hart.lookup(USER_PAGE) === this.pages[asid];
  }

  /** Has the page of every space in the tables. */
  fill(): void {
    this.tables.forEach((_, asid) => {
      this.enter(asid);
      assert.equal(this.hart.load(USER_PAGE), this.pages[asid]);
    });
  }
}

Deno.test("Contexts keep entries for as many ASIDs as there are contexts beside the guest's, the oldest goes first", () => {
  const kept = CONTEXTS - 1;
  const spaces = new Spaces(kept + 1);
  spaces.tables.slice(0, kept).forEach((_, asid) => {
    spaces.enter(asid);
    spaces.hart.load(USER_PAGE);
  });
  for (let asid = 0; asid < kept; asid++) assert.ok(spaces.has(asid), `ASID ${asid}`);
  assert.ok(!spaces.has(kept));
  assert.equal(spaces.hart.load(USER_PAGE), spaces.pages[kept]);
  assert.ok(spaces.has(1) && spaces.has(kept));
  assert.ok(!spaces.has(0), "it made room");
});

Deno.test("Contexts: an address space that was forgotten makes room for the next one before the oldest does", () => {
  const kept = CONTEXTS - 1;
  const spaces = new Spaces(kept + 1);
  for (let asid = 0; asid < kept; asid++) {
    spaces.enter(asid);
    spaces.hart.load(USER_PAGE);
  }
  spaces.enter(0);
  spaces.hart.mmu.sfenceVma(0, 0, false, 3, true);
  spaces.enter(kept);
  assert.equal(spaces.hart.load(USER_PAGE), spaces.pages[kept]);
  for (let asid = 0; asid < kept; asid++) if (asid !== 3) assert.ok(spaces.has(asid), `ASID ${asid}`);
});

Deno.test("Contexts: another root under the same ASID empties it, the same root under another ASID does not share", () => {
  const spaces = new Spaces(2);
  const { hart, tables, pages } = spaces;
  spaces.fill();
  hart.set({ satp: tables[0].register(1n) });
  assert.equal(hart.lookup(USER_PAGE), -1);
  assert.equal(hart.load(USER_PAGE), pages[0]);
  assert.ok(!spaces.has(1), "and back");
  assert.ok(spaces.has(0), "another ASID stays");
  hart.set({ satp: 0n });
  assert.equal(hart.lookup(USER_PAGE), -1, "no translation is another root too");
});

Deno.test("sfenceVma reaches the ASID that it names, or all, in whatever address space it is executed", () => {
  const spaces = new Spaces(4);
  const { mmu } = spaces.hart;
  const kept = (act: () => void): boolean[] => {
    spaces.fill();
    spaces.enter(0);
    act();
    return [0, 1, 2, 3].map((asid) => spaces.has(asid));
  };
  const all = [true, true, true, true], none = all.map((has) => !has);
  assert.deepEqual(kept(() => mmu.sfenceVma(0, 0, false, 2, true)), [true, true, false, true]);
  assert.deepEqual(kept(() => mmu.sfenceVma(0, 0, false, 0, true)), [false, true, true, true]);
  assert.deepEqual(kept(() => mmu.sfenceVma(0, 0, false, 9, true)), all);
  assert.deepEqual(kept(() => mmu.sfenceVma(0, 0, false, 0, false)), none);
  assert.deepEqual(kept(() => mmu.sfenceVma(0x5000, 0, true, 3, true)), [true, true, true, false]);
  assert.deepEqual(kept(() => mmu.sfenceVma(0x5000, 0, true, 0, false)), none);
  assert.deepEqual(kept(() => mmu.sfenceVma(0x6000, 0, true, 0, false)), all);
  assert.deepEqual(kept(() => mmu.hfenceVvma(0, 0, false, 0, false)), all, "another stage");
});

Deno.test("hfenceVvma and hfenceGvma reach the VMID that they name, and a guest's entries survive another guest", () => {
  const hart = new FakeHart("guest");
  const [first, second] = [new PageTable(hart, 3), new PageTable(hart, 3, { nested: true })];
  for (let at = 0; at < 0x400000; at += 4096) second.map(BigInt(at), at, USER);
  const page = hart.frame();
  first.map(USER_PAGE, page, USER);
  const enter = (vmid: number, asid: number): void => {
    hart.set({ vsatp: first.register(BigInt(asid)), hgatp: second.register(BigInt(vmid)) });
    hart.setMode(0, 1);
  };
  const guests: [number, number][] = [[1, 0], [1, 7], [2, 0], [2, 7]];
  const kept = (act: () => void): boolean[] => {
    for (const [vmid, asid] of guests) {
      enter(vmid, asid);
      assert.equal(hart.load(USER_PAGE), page);
    }
    enter(1, 0);
    act();
    return guests.map(([vmid, asid]) => {
      enter(vmid, asid);
      return hart.lookup(USER_PAGE) === page;
    });
  };
  const { mmu } = hart;
  assert.deepEqual(kept(() => {}), [true, true, true, true]);
  assert.deepEqual(kept(() => mmu.hfenceVvma(0, 0, false, 7, true)), [true, false, true, true]);
  assert.deepEqual(kept(() => mmu.hfenceVvma(0, 0, false, 0, false)), [false, false, true, true]);
  assert.deepEqual(kept(() => mmu.hfenceVvma(0x5000, 0, true, 0, false)), [false, false, true, true]);
  assert.deepEqual(kept(() => mmu.sfenceVma(0, 0, false, 7, true)), [true, false, true, true], "V=1");
  assert.deepEqual(kept(() => mmu.hfenceGvma(0, 0, false, 2, true)), [true, true, false, false]);
  assert.deepEqual(kept(() => mmu.hfenceGvma(0, 0, false, 0, false)), [false, false, false, false]);
  assert.deepEqual(kept(() => mmu.nestedChanged()), [false, false, false, false]);
});

Deno.test("Contexts: the odd bank is emptied when MXR comes to mean something else", () => {
  const hart = new FakeHart("guest");
  const table = new PageTable(hart, 3);
  const page = hart.frame();
  table.map(USER_PAGE, page, USER);
  hart.set({ satp: table.register(1n), mstatus: MXR });
  hart.setMode(0, 0);
  hart.load(USER_PAGE);
  hart.set({ mstatus: 0n });
  hart.set({ mstatus: MXR });
  assert.equal(hart.lookup(USER_PAGE), page);
  hart.setMode(1, 0);
  assert.deepEqual(fault(hart.load(USER_PAGE)), [13, USER_PAGE], "a user page without SUM");
  hart.set({ mstatus: MXR | SUM });
  assert.equal(hart.load(USER_PAGE), page);
});

Deno.test("Contexts number the generations of first-stage tables anew once they are used up", () => {
  const memory = new HostMemory({ size: 8 << 20, shared: false });
  const count = TLB_LEAST_CONTEXTS;
  const tlb = new Tlb(memory, memory.reserve(mmuAreaSize(count)), count);
  let clears = 0;
  const first = { generation: 0, guestGeneration: 0, clear: () => clears++, flushAddress() {} };
  const contexts = new Contexts(tlb, first as unknown as FirstStage, 1, count, 40);
  for (let i = 0; i < 200; i++) {
    if (i % 3 === 0) contexts.useSupervisor(i % 5, 0);
    else contexts.forget(i % 2 === 0, ANY, ANY);
    assert.equal(first.generation, contexts.supervisor.generation);
    assert.equal(first.guestGeneration, contexts.guest.generation);
    assert.notEqual(first.generation, first.guestGeneration);
    assert.ok(first.generation > 0 && first.generation <= 40 + count);
  }
  assert.ok(clears >= 3, `${clears}`);
});

Deno.test("Contexts: software that fences after every change, however narrowly, always gets its present tables", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const next = random(seed * 7919);
    const spaces = new Spaces(CONTEXTS + 4);
    const { hart, tables } = spaces;
    const frames = Array.from({ length: 8 }, () => hart.frame());
    const pages = [0x5000n, 0x6000n, 0x205000n, 0x3f_ffff_f000n, 0xffff_ffc0_0000_5000n];
    const mapped = tables.map(() => pages.map(() => 0));
    const map = (table: PageTable, asid: number, va: bigint, page: number): void => {
      const frame = mapped[asid][page] = next(5) === 0 ? 0 : frames[next(8)];
      table.map(va, frame, frame === 0 ? 0 : next(2) === 0 ? USER : V | R | U | A);
    };
    tables.forEach((table, asid) => pages.forEach((va, page) => map(table, asid, va, page)));
    let current = 0;
    spaces.enter(0);
    for (let step = 0; step < 400; step++) {
      const page = next(pages.length);
      const va = pages[page];
      const action = next(9);
      if (action < 3) {
        current = next(2) === 0 ? next(4) : next(tables.length);
        spaces.enter(current);
      } else if (action < 5) {
        const asid = next(2) === 0 ? current : next(tables.length);
        map(tables[asid], asid, va, page);
        const [low, high] = [Number(BigInt.asIntN(32, va)), Number(BigInt.asIntN(32, va >> 32n))];
        const [hasAddress, hasAsid] = [next(2) === 0, next(2) === 0];
        hart.mmu.sfenceVma(low, high, hasAddress, asid, hasAsid);
      } else {
        hart.set({ mstatus: next(2) === 0 ? SUM : MXR | SUM });
        hart.setMode(next(2), 0);
        const host = hart.lookup(va) !== -1 ? hart.lookup(va) : hart.load(va);
        const frame = mapped[current][page];
        assert.deepEqual(fault(host), frame === 0 ? [13, va] : frame, `seed ${seed}, step ${step}, ASID ${current}`);
      }
    }
  }
});

Deno.test("sfenceVma of a user address keeps a supervisor's superpages in the upper half", () => {
  const hart = new FakeHart("guest");
  const table = new PageTable(hart, 3);
  for (let i = 0n; i < 256n; i++) table.map(0xffff_ffd0_0000_0000n + (i << 21n), 0x200000, KERNEL, 1);
  hart.set({ satp: table.register(1n) });
  hart.setMode(1, 0);
  const kernel = 0xffff_ffd0_0000_3000n;
  for (let i = 0n; i < 256n; i++) hart.load(0xffff_ffd0_0000_0000n + (i << 21n));
  hart.load(kernel);
  for (let i = 0; i < 2000; i++) hart.mmu.sfenceVma((i << 21) + 0x1000, i >> 11, true, 0, false);
  assert.equal(hart.lookup(kernel), 0x203000);
  hart.mmu.sfenceVma(0x1ff000, 0xffffffd0 | 0, true, 0, false);
  assert.equal(hart.lookup(kernel), -1);
});
