/** selectBranches: which branches become selections, and that what they skip is neither done nor counted. @module */
import assert from "node:assert/strict";
import { discoverRegion, type Region } from "../../../../arch/riscv/engine/region.ts";
import { isSelectable } from "../../../../arch/riscv/engine/footprint.ts";
import { selectBranches } from "../../../../arch/riscv/engine/region_selection.ts";
import { decode, encode, type Instruction, INSTRUCTIONS } from "../../../../arch/riscv/isa/mod.ts";
import { asm } from "../assemble.ts";
import { Random } from "../random.ts";
import { type EngineName, Machine, RAM } from "./machine.ts";

const COUNT = asm("addi", { rd: 5, rs1: 5, imm: 1 });
const RETURN = asm("jalr", { rd: 0, rs1: 1, imm: 0 });

/** A branch over so many instructions. */
function over(instructions: number): number {
  return asm("beq", { rs1: 6, rs2: 7, imm: 4 * (instructions + 1) });
}

function region(...words: number[]): Region {
  const memory = new Int32Array(0x1000 / 4);
  memory.set(words);
  return selectBranches(discoverRegion(new Uint16Array(memory.buffer), 0, { privilege: 3, virtual: 0 })!);
}

/** Offsets of the instructions of each block, those that are selected as negative numbers. */
function shape({ blocks }: Region): number[][] {
  return blocks.map(({ instructions }) => instructions.map(({ offset, isSelected }) => isSelected ? -offset : offset));
}

Deno.test("selectBranches: one to three simple instructions behind a branch belong to its block; more, or none, do not", () => {
  assert.deepEqual(shape(region(over(1), COUNT, RETURN)), [[0, -4], [8]]);
  assert.deepEqual(shape(region(COUNT, over(3), COUNT, COUNT, COUNT, RETURN)), [[0, 4, -8, -12, -16], [20]]);
  assert.deepEqual(shape(region(over(4), COUNT, COUNT, COUNT, COUNT, RETURN)), [[0], [20], [4, 8, 12, 16]]);
  assert.deepEqual(shape(region(over(0), RETURN)), [[0], [4]]);
  assert.deepEqual(shape(region(over(1), COUNT, over(1), COUNT, RETURN)), [[0, -4], [8, -12], [16]], "in a row");
});

Deno.test("selectBranches: what may trap, jump, take long or write nothing is not done in vain", () => {
  const others = [
    asm("ld", { rd: 5, rs1: 6, imm: 0 }),
    asm("sd", { rs1: 6, rs2: 7, imm: 0 }),
    asm("div", { rd: 5, rs1: 6, rs2: 7 }),
    asm("mulhu", { rd: 5, rs1: 6, rs2: 7 }),
    asm("amoadd.d", { rd: 5, rs1: 6, rs2: 7 }),
    asm("lr.d", { rd: 5, rs1: 6 }),
    asm("fmv.x.d", { rd: 5, rs1: 6 }),
    asm("fsgnj.d", { rd: 5, rs1: 6, rs2: 7 }),
    asm("csrrw", { rd: 5, rs1: 6, imm: 0x340 }),
    asm("fence"),
    asm("addi", { rd: 0, rs1: 5, imm: 1 }),
    asm("bne", { rs1: 6, rs2: 7, imm: 64 }),
    asm("jal", { rd: 1, imm: 64 }),
  ];
  for (const other of others) {
    const { blocks } = region(over(2), COUNT, other, RETURN);
    assert.equal(blocks.flatMap(({ instructions }) => instructions).some((placed) => placed.isSelected), false);
  }
});

Deno.test("selectBranches: what is come to from elsewhere, too, stays a block", () => {
  const into = asm("bne", { rs1: 6, rs2: 7, imm: -4 });
  assert.deepEqual(shape(region(over(1), COUNT, into, RETURN)), [[0], [8], [4], [12]]);
});

/** What a program of selections may have behind its branches. */
const SELECTABLE = INSTRUCTIONS.filter((row) =>
  row.format !== "none" && isSelectable(decode(encode(row, { rd: 5, rs1: 6, rs2: 7, imm: 4 }))!)
);

const BRANCHES = INSTRUCTIONS.filter(({ format }) => format === "B");

/** Registers that programs compute with; x20 counts their rounds. */
function register(random: Random): number {
  return 10 + random.below(6);
}

function simple(random: Random): number {
  const row: Instruction = SELECTABLE[random.below(SELECTABLE.length)];
  const imm = row.format === "U" ? random.word() & 0xfffff000 : row.format === "R" ? 0 : random.below(32);
  return encode(row, { rd: register(random), rs1: register(random), rs2: register(random), imm });
}

/** A loop of branches over simple instructions. */
function randomLoop(random: Random): number[] {
  const words: number[] = [];
  for (let triangle = 0; triangle < 4; triangle++) {
    words.push(simple(random), simple(random));
    const skipped = 1 + random.below(3);
    const row = BRANCHES[random.below(BRANCHES.length)];
    words.push(encode(row, { rs1: register(random), rs2: register(random), imm: 4 * (skipped + 1) }));
    for (let i = 0; i < skipped; i++) words.push(simple(random));
  }
  const back = asm("bne", { rs1: 20, rs2: 0, imm: -4 * (words.length + 1) });
  return [...words, asm("addi", { rd: 20, rs1: 20, imm: -1 }), back, asm("jal", { rd: 0, imm: 0 })];
}

function prepare(engine: EngineName, seed: number): Machine {
  const random = new Random(seed);
  const machine = new Machine(engine);
  machine.write(RAM, ...randomLoop(random));
  for (let i = 10; i < 16; i++) machine.setX(i, random.value());
  machine.setX(20, 60n);
  return machine;
}

function state(machine: Machine): bigint[] {
  return [machine.field("pc"), machine.field("steps"), ...Array.from({ length: 31 }, (_, i) => machine.x(i + 1))];
}

Deno.test("Regions and Oracle agree on registers and counted steps after every slice of loops with selections", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const [oracle, tested] = [prepare("oracle", seed), prepare("jit-always", seed)];
    const slices = new Random(seed);
    for (let round = 0; round < 8; round++) {
      const budget = 1 + slices.below(200);
      assert.equal(tested.run(budget), oracle.run(budget), `steps, seed ${seed}, round ${round}`);
      assert.deepEqual(state(tested), state(oracle), `seed ${seed}, round ${round}: ${budget} steps`);
    }
    assert.ok(tested.translator!.regions.counts.compiled > 0);
  }
});
