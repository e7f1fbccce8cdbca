/** Slow accesses: what is finished without TypeScript, and that it is the same as with it. @module */
import assert from "node:assert/strict";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { asm } from "../assemble.ts";
import { Machine, RAM } from "./machine.ts";

const ENGINES = ["interpreter", "jit-always"] as const;

/** Where tests put data: the boundary of two pages behind the code. */
const MIDDLE = RAM + 0x9000;

const [RESULT, ADDRESS, VALUE] = [5, 6, 7];

const LOADS = [["lb", 1], ["lh", 2], ["lw", 4], ["ld", 8]] as const;
const STORES = [["sb", 1], ["sh", 2], ["sw", 4], ["sd", 8]] as const;

/** A machine that executes one instruction after the other and knows how often it asked TypeScript about accesses. */
class Counting {
  readonly machine: Machine;
  readonly engine: string;
  asked = 0;
  /** Where the next instruction is put. */
  #at = RAM;
  readonly #places = new Map<number, number>();

  constructor(engine: (typeof ENGINES)[number]) {
    this.engine = engine;
    this.machine = new Machine(engine);
    const { mmu } = this.machine.hart;
    for (const name of ["loadAddress", "storeValue", "amoAddress"] as const) {
      const original = mmu[name].bind(mmu) as (...args: unknown[]) => unknown;
      const counting = (...args: unknown[]) => {
        this.asked++;
        return original(...args);
      };
      Object.assign(mmu, { [name]: counting });
    }
  }

  /** Executes an instruction, each different one at a place of its own, with an address; then a jump to itself. */
  execute(instruction: number, address: number, value = 0n): bigint {
    const { machine } = this;
    let at = this.#places.get(instruction);
    if (at === undefined) {
      at = this.#at;
      this.#at += 64;
      this.#places.set(instruction, at);
      machine.write(at, instruction, asm("jal", { rd: 0, imm: 0 }));
    }
    machine.hart.state.set64(FIELD.pc, BigInt(at));
    machine.setX(ADDRESS, BigInt(address));
    machine.setX(VALUE, value);
    machine.run(2);
    assert.equal(machine.field("pc"), BigInt(at + 4), "the instruction trapped");
    return machine.x(RESULT);
  }
}

function loadOf(name: string): number {
  return asm(name, { rd: RESULT, rs1: ADDRESS, imm: 0 });
}

function storeOf(name: string): number {
  return asm(name, { rs1: ADDRESS, rs2: VALUE, imm: 0 });
}

Deno.test("emitSlowAccesses: a misaligned load is finished in the tables, inside of a page and across two", () => {
  for (const engine of ENGINES) {
    const counting = new Counting(engine);
    const { machine } = counting;
    for (let i = -4; i < 4; i++) {
      machine.write64(MIDDLE + i * 8, BigInt.asUintN(64, 0x8796_a5b4_c3d2_e1f0n * BigInt(i * 2 + 1)));
    }
    const bytes = machine.bytes();
    for (const [name] of LOADS) for (const at of [MIDDLE - 8, MIDDLE]) counting.execute(loadOf(name), at);
    counting.asked = 0;
    for (const [name, size] of LOADS) {
      for (let at = MIDDLE - 20; at < MIDDLE + 12; at++) {
        let expected = 0n;
        for (let i = size - 1; i >= 0; i--) expected = expected << 8n | BigInt(bytes[at - RAM + i]);
        const loaded = counting.execute(loadOf(name), at);
        assert.equal(loaded, BigInt.asUintN(64, BigInt.asIntN(size * 8, expected)), `${engine} ${name} ${at - MIDDLE}`);
      }
    }
    assert.equal(counting.asked, 0, engine);
  }
});

Deno.test("emitSlowAccesses: a misaligned store is finished in the tables, inside of a page and across two", () => {
  for (const engine of ENGINES) {
    const counting = new Counting(engine);
    const { machine } = counting;
    for (const [name] of STORES) for (const at of [MIDDLE - 8, MIDDLE]) counting.execute(storeOf(name), at);
    counting.asked = 0;
    const expected = machine.bytes();
    for (const [name, size] of STORES) {
      for (let at = MIDDLE - 20; at < MIDDLE + 12; at++) {
        const value = BigInt.asUintN(64, 0x9e37_79b9_7f4a_7c15n * BigInt(at));
        counting.execute(storeOf(name), at, value);
        for (let i = 0; i < size; i++) expected[at - RAM + i] = Number(value >> BigInt(i * 8) & 0xffn);
        assert.deepEqual(machine.bytes().subarray(0x8f00, 0x9100), expected.subarray(0x8f00, 0x9100), `${name} ${at}`);
      }
    }
    assert.equal(counting.asked, 0, engine);
  }
});

Deno.test("emitSlowAccesses: one page of the two that is not in the table is asked for, once", () => {
  for (const engine of ENGINES) {
    for (const [touched, access] of [[-8, "load"], [0, "load"], [-8, "store"], [0, "store"]] as const) {
      const counting = new Counting(engine);
      const [one, both] = access === "load" ? [loadOf("lb"), loadOf("ld")] : [storeOf("sb"), storeOf("sd")];
      counting.execute(one, MIDDLE + touched);
      counting.asked = 0;
      for (let i = 0; i < 3; i++) counting.execute(both, MIDDLE - 3, 0x1122_3344_5566_7788n);
      assert.equal(counting.asked, 1, `${engine} ${access}`);
      if (access === "store") assert.equal(counting.machine.read64(MIDDLE) & 0xff_ffff_ffffn, 0x11_2233_4455n);
    }
  }
});

/** Places in the page of the code: in a line without code, across two such lines, misaligned. */
const BESIDE = [RAM + 0xc00, RAM + 0xc3c, RAM + 0xc41, RAM + 0xff8];

Deno.test("emitSlowAccesses: data in lines without code is stored to at once, though the page holds code", () => {
  for (const engine of ENGINES) {
    const counting = new Counting(engine);
    const { machine } = counting;
    for (const [name] of STORES) counting.execute(storeOf(name), RAM + 0xd00);
    counting.asked = 0;
    for (const [name, size] of STORES) {
      for (const at of BESIDE) {
        counting.execute(storeOf(name), at, 0x1122_3344_5566_7788n);
        const stored = machine.bytes().subarray(at - RAM, at - RAM + size);
        assert.deepEqual([...stored], [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11].slice(0, size));
      }
    }
    assert.equal(counting.asked, 0, engine);
    counting.execute(storeOf("sd"), RAM + 0xffc, 1n);
    assert.equal(counting.asked, 1, "a store into the next page");
  }
});

Deno.test("emitSlowAccesses: atomics on such data need TypeScript neither", () => {
  for (const engine of ENGINES) {
    const counting = new Counting(engine);
    const { machine } = counting;
    const add = asm("amoadd.d", { rd: RESULT, rs1: ADDRESS, rs2: VALUE });
    counting.execute(add, RAM + 0xc00, 1n);
    counting.asked = 0;
    for (let i = 1n; i < 10n; i++) assert.equal(counting.execute(add, RAM + 0xc00, 1n), i);
    assert.equal(machine.read64(RAM + 0xc00), 10n);
    counting.execute(asm("lr.w", { rd: RESULT, rs1: ADDRESS }), RAM + 0xc04);
    const swap = asm("sc.w", { rd: RESULT, rs1: ADDRESS, rs2: VALUE });
    assert.equal(counting.execute(swap, RAM + 0xc04, 0x5an), 0n);
    assert.equal(machine.read64(RAM + 0xc00), 0x5a_0000_000an);
    assert.equal(counting.asked, 0, engine);
  }
});

Deno.test("emitSlowAccesses: a store or atomic into a line with code changes what is executed next", () => {
  const jump = asm("jal", { rd: 0, imm: 0 });
  const add = (rd: number) => asm("addi", { rd, rs1: 0, imm: 77 });
  for (const engine of ENGINES) {
    for (const instruction of [storeOf("sw"), asm("amoswap.w", { rd: 0, rs1: ADDRESS, rs2: VALUE })]) {
      const counting = new Counting(engine);
      const { machine } = counting;
      const target = RAM + 0xc40;
      const run = () => {
        machine.hart.state.set64(FIELD.pc, BigInt(target));
        machine.run(2);
      };
      machine.write(target, add(20), jump);
      run();
      counting.execute(instruction, target + 0x80, 0n); // the page is guarded by now
      counting.execute(instruction, target, BigInt(add(21)));
      run();
      assert.deepEqual([machine.x(20), machine.x(21)], [77n, 77n], engine);
    }
  }
});

Deno.test("emitSlowAccesses: a page that has no code left gets plain entries after a while", () => {
  const counting = new Counting("interpreter");
  const { machine } = counting;
  const other = RAM + 0x3000;
  machine.write(other, asm("jal", { rd: 0, imm: 0 }));
  machine.hart.state.set64(FIELD.pc, BigInt(other));
  machine.run(1);
  const pages = machine.codePages.pages;
  counting.execute(storeOf("sd"), other + 0x100); // decodes the code of the store itself
  const before = machine.codePages.pages;
  assert.equal(before, pages + 1);
  for (let i = 0; i < 200; i++) counting.execute(storeOf("sd"), other + 0x100 + i * 8, 1n);
  assert.equal(machine.codePages.pages, before, "its line of code was not written");
  for (let i = 0; i < 100; i++) counting.execute(storeOf("sd"), other + i * 8, 0n);
  assert.equal(machine.codePages.pages, before - 1);
  assert.equal(machine.codePages.guard(machine.ram + 0x3000), 0);
  counting.asked = 0;
  for (let i = 0; i < 100; i++) counting.execute(storeOf("sd"), other + i * 8, 0n);
  assert.equal(counting.asked, 0);
});
