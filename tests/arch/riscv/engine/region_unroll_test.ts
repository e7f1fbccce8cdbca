/** unrollLoops: which loops go several rounds in a row, and that every round goes on in the next. @module */
import assert from "node:assert/strict";
import { discoverRegion, type Region, successorsOf } from "../../../../arch/riscv/engine/region.ts";
import { unrollLoops } from "../../../../arch/riscv/engine/region_unroll.ts";
import { asm } from "../assemble.ts";

const COUNT = asm("addi", { rd: 5, rs1: 5, imm: 1 });
const RETURN = asm("jalr", { rd: 0, rs1: 1, imm: 0 });

function regionAt(entry: number, words: readonly number[]): Region {
  const memory = new Int32Array(0x1000 / 4);
  memory.set(words);
  return discoverRegion(new Uint16Array(memory.buffer), entry, { privilege: 3, virtual: 0 })!;
}

function region(...words: number[]): Region {
  return regionAt(0, words);
}

function repeat(times: number): number[] {
  return new Array<number>(times).fill(COUNT);
}

function back(instructions: number): number {
  return asm("bne", { rs1: 5, rs2: 6, imm: -4 * instructions });
}

Deno.test("unrollLoops: a loop of one block has four rounds, each with a way out, the last one leads to the first", () => {
  const unrolled = unrollLoops(region(COUNT, COUNT, back(1), RETURN));
  const offsets = unrolled.blocks.map(({ instructions }) => instructions[0].offset);
  const loop = offsets.indexOf(4);
  const behind = offsets.indexOf(12);
  assert.equal(offsets.filter((offset) => offset === 4).length, 4);
  const seen: number[] = [];
  for (let at = loop; !seen.includes(at);) {
    seen.push(at);
    const next = successorsOf(unrolled, at);
    assert.equal(next[1], behind);
    at = next[0];
  }
  assert.deepEqual([seen.length, seen[0]], [4, loop]);
});

Deno.test("unrollLoops: an entry in the middle of a loop's code leaves its rounds whole", () => {
  const unrolled = unrollLoops(regionAt(4, [COUNT, COUNT, back(2), RETURN]));
  const visited = new Set<number>();
  let at = 0;
  const offsets: number[] = [];
  while (!visited.has(at)) {
    visited.add(at);
    offsets.push(unrolled.blocks[at].instructions[0].offset);
    at = successorsOf(unrolled, at)[0];
  }
  assert.deepEqual([at, offsets], [0, [4, 0, 4, 0, 4, 0, 4, 0]]);
});

Deno.test("unrollLoops: long loops have fewer rounds; those that fork, call, are too long or not busy stay as they are", () => {
  const rounds = (found: Region): number => unrollLoops(found).blocks.length - found.blocks.length + 1;
  assert.equal(rounds(region(...repeat(50), back(50), RETURN)), 2);
  assert.equal(rounds(region(...repeat(70), back(70), RETURN)), 1);
  const fork = asm("beq", { rs1: 5, rs2: 7, imm: 8 });
  assert.equal(rounds(region(COUNT, fork, COUNT, COUNT, back(4), RETURN)), 1);
  assert.equal(rounds(region(COUNT, asm("jal", { rd: 1, imm: 64 }), back(2), RETURN)), 1);
  assert.equal(rounds(region(COUNT, RETURN)), 1);
  assert.equal(rounds({ ...region(COUNT, back(1), RETURN), unrolls: false }), 1);
});
