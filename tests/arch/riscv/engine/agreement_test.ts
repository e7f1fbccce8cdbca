/** The interpreter, regions and the oracle leave the same state behind, on random programs. @module */
import assert from "node:assert/strict";
import type { TranslatorOptions } from "../../../../arch/riscv/engine/translator.ts";
import { FIELD, type FieldName } from "../../../../arch/riscv/layout.ts";
import { writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { setMode } from "../../../../arch/riscv/trap/mode.ts";
import { Random } from "../random.ts";
import { type EngineName, Machine, RAM } from "./machine.ts";
import { HANDLER, POINTER_VALUES, PROGRAM, randomProgram, trapHandler } from "./random_program.ts";

const PROGRAMS = 60;
const ROUNDS = 6;

/** Fields that say how an engine works, not what the guest sees. */
const INTERNAL: readonly string[] = ["readTable", "writeTable", "fetchTable", "budget", "budgetLeft"];

const COMPARED = (Object.keys(FIELD) as FieldName[]).filter((name) => !INTERNAL.includes(name));

/** Page tables: three roots, whose third entry is a leaf for the gigabyte that RAM lies in. */
const ROOTS = { supervisor: RAM + 0x20000, user: RAM + 0x21000, guest: RAM + 0x24000 };
const LEAF = (BigInt(RAM) >> 2n) | 0xcfn;
const USER = 1n << 4n;
const SV39 = 8n << 60n;

/** Puts the machine into one of M, S with Sv39, U with Sv39, VS and VU with Sv39, or every other time nothing, over Sv39x4. */
function enterMode(machine: Machine, mode: number, odd: boolean): void {
  const { hart } = machine;
  const entry = (BigInt(RAM) >> 30n) * 8n;
  machine.write64(ROOTS.supervisor + Number(entry), LEAF);
  machine.write64(ROOTS.user + Number(entry), LEAF | USER);
  machine.write64(ROOTS.guest + Number(entry), LEAF | USER);
  const [privilege, virtual] = [[3, 0], [1, 0], [0, 0], [1, 1], [0, 1]][mode];
  const bareGuest = virtual === 1 && odd;
  const root = SV39 | (BigInt(privilege === 0 ? ROOTS.user : ROOTS.supervisor) >> 12n);
  const all = 0xffff_ffff_ffff_ffffn;
  writeCsr64(hart, 0x3b0, all);
  writeCsr64(hart, 0x3a0, 0x1fn);
  for (const csr of [0x306, 0x106, 0x606, 0x30a, 0x10a, 0x60a]) writeCsr64(hart, csr, csr & 8 ? 0xf0n : 7n);
  if (mode !== 0 && !bareGuest) writeCsr64(hart, virtual ? 0x280 : 0x180, root);
  if (virtual) writeCsr64(hart, 0x680, SV39 | (BigInt(ROOTS.guest) >> 12n));
  if (virtual) writeCsr64(hart, 0x200, 0x6000n);
  setMode(hart, privilege, virtual);
}

function prepare(engine: EngineName, seed: number, options?: TranslatorOptions): Machine {
  const random = new Random(seed);
  const machine = new Machine(engine, options);
  machine.setFloat(1 + random.below(3));
  machine.writeHalves(PROGRAM, ...randomProgram(random));
  machine.write(HANDLER, ...trapHandler());
  for (let i = 1; i < 32; i++) machine.setX(i, random.value());
  for (let i = 0; i < 32; i++) machine.setF(i, randomFloat(random));
  for (const [index, value] of POINTER_VALUES) machine.setX(index, value);
  machine.hart.state.set64(FIELD.mtvec, BigInt(HANDLER));
  machine.hart.state.set64(FIELD.pc, BigInt(PROGRAM));
  enterMode(machine, seed % 5, (seed & 1) !== 0);
  return machine;
}

/** A double or a boxed single, seldom a badly boxed one, with exponents that meet each other. */
function randomFloat(random: Random): bigint {
  const bits = random.value();
  switch (random.below(4)) {
    case 0:
      return bits;
    case 1:
      return (bits & ~(0x7ffn << 52n)) | (BigInt(1020 + random.below(8)) << 52n);
    default:
      return 0xffffffff_00000000n | (bits & 0x807fffffn) | (BigInt(124 + random.below(8)) << 23n);
  }
}

/** Registers and fields by name, for messages that say what differs. */
function snapshot(machine: Machine): Record<string, string> {
  const seen: Record<string, string> = {};
  for (let i = 0; i < 32; i++) {
    seen[`x${i}`] = machine.x(i).toString(16);
    seen[`f${i}`] = machine.f(i).toString(16);
  }
  for (const name of COMPARED) {
    const word = FIELD[name] >= FIELD.privilege;
    seen[name] = word ? String(machine.word(name)) : machine.field(name).toString(16);
  }
  return seen;
}

/** Tells how often regions were evicted. */
function checkAgreement(engine: EngineName, programs: number, options?: TranslatorOptions): number {
  let evictions = 0;
  for (let seed = 1; seed <= programs; seed++) {
    const oracle = prepare("oracle", seed);
    const tested = prepare(engine, seed, options);
    const slices = new Random(seed);
    for (let round = 0; round < ROUNDS; round++) {
      const budget = 1 + slices.below(100);
      const before = oracle.field("pc").toString(16);
      assert.equal(tested.run(budget), oracle.run(budget), `steps, seed ${seed}, round ${round}`);
      const message = `seed ${seed}, round ${round}: ${budget} steps from 0x${before}`;
      assert.deepEqual(snapshot(tested), snapshot(oracle), message);
      assert.deepEqual(tested.bytes(), oracle.bytes(), message);
    }
    evictions += tested.translator?.regions.counts.evictions ?? 0;
  }
  return evictions;
}

Deno.test("Interpreter and Oracle agree on registers, CSRs and memory after every slice of random programs in all modes", () => {
  checkAgreement("interpreter", PROGRAMS);
});

Deno.test("Regions and Oracle agree on registers, CSRs and memory after every slice of random programs in all modes", () => {
  checkAgreement("jit-always", PROGRAMS);
});

Deno.test("Regions and Oracle agree where code becomes hot while it runs", () => {
  checkAgreement("jit", PROGRAMS, { hotSamples: 2, stepsBetweenSamples: 3 });
});

Deno.test("Regions and Oracle agree where a cache has room for a few regions, and where there are slots for a few", () => {
  assert.ok(checkAgreement("jit-always", 20, { cacheBytes: 200_000 }) > 20);
  assert.ok(checkAgreement("jit-always", 20, { slots: 3 }) > 20);
});
