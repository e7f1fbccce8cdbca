/** discoverRegion: which code belongs to a region, and how its blocks are connected. @module */
import assert from "node:assert/strict";
import { discoverRegion, endsFlow, followed, isCall, type Region } from "../../../../arch/riscv/engine/region.ts";
import { asm } from "../assemble.ts";

const PAGE = 0x2000;

/** The region at an offset of a page that holds these instructions from `start` on, elsewhere nothing. */
function region(start: number, words: readonly number[], entry = start): Region | undefined {
  const memory = new Int32Array(0x4000 / 4);
  memory.set(words, (PAGE + start) / 4);
  return discoverRegion(new Uint16Array(memory.buffer), PAGE + entry);
}

/** Start and end of every block. */
function blocks(found: Region | undefined): [number, number][] {
  return found!.blocks.map(({ instructions, end }) => [instructions[0].offset, end]);
}

const NOTHING = asm("addi", { rd: 5, rs1: 5, imm: 1 });
const RETURN = asm("jalr", { rd: 0, rs1: 1, imm: 0 });

Deno.test("discoverRegion splits where branches go to, and follows both ways", () => {
  const code = [
    NOTHING,
    asm("beq", { rs1: 5, rs2: 6, imm: 8 }),
    NOTHING,
    asm("bne", { rs1: 5, rs2: 6, imm: -12 }),
    RETURN,
  ];
  const found = region(0x100, code);
  assert.deepEqual(blocks(found).sort(), [[0x100, 0x108], [0x108, 0x10c], [0x10c, 0x110], [0x110, 0x114]]);
  assert.equal(found!.page, PAGE);
  assert.equal(found!.blocks[0].instructions[0].offset, 0x100);
  for (const [index, { instructions }] of found!.blocks.entries()) {
    assert.equal(found!.blockAt.get(instructions[0].offset), index);
  }
});

Deno.test("discoverRegion goes on behind calls, not behind jumps, and does not follow calls", () => {
  const call = asm("jal", { rd: 1, imm: 64 });
  assert.deepEqual(blocks(region(0, [call, NOTHING, RETURN, NOTHING])), [[0, 4], [4, 12]]);
  assert.deepEqual(blocks(region(0, [asm("jalr", { rd: 1, rs1: 5, imm: 0 }), RETURN])), [[0, 4], [4, 8]]);
  assert.deepEqual(blocks(region(0, [asm("jal", { rd: 0, imm: 8 }), NOTHING, RETURN])), [[0, 4], [8, 12]]);
});

Deno.test("discoverRegion ends before what only the interpreter executes, and at the end of the page", () => {
  assert.equal(region(0, [asm("ecall")]), undefined);
  assert.equal(region(0, [0]), undefined);
  assert.deepEqual(blocks(region(0, [NOTHING, asm("ecall"), NOTHING])), [[0, 4]]);
  assert.deepEqual(blocks(region(0xff8, [NOTHING, NOTHING, NOTHING])), [[0xff8, 0x1000]]);
  const crossing = new Uint16Array(0x4000 / 2);
  crossing.set([1, NOTHING & 0xffff, NOTHING >>> 16], (PAGE + 0xffc) / 2);
  assert.deepEqual(blocks(discoverRegion(crossing, PAGE + 0xffc)), [[0xffc, 0xffe]]);
});

Deno.test("discoverRegion takes hundreds of instructions at most", () => {
  const [block] = region(0, new Array(1000).fill(NOTHING))!.blocks;
  assert.ok(block.instructions.length >= 100 && block.instructions.length <= 500);
});

Deno.test("isCall, endsFlow and followed tell calls from jumps", () => {
  const at = (word: number) => region(0, [word])!.blocks[0].instructions[0];
  const [call, jump, branch] = [asm("jal", { rd: 1, imm: 16 }), asm("jal", { rd: 0, imm: 16 }), asm("beq", { imm: 16 })]
    .map(at);
  assert.deepEqual([call, jump, branch].map(({ decoded }) => isCall(decoded)), [true, false, false]);
  assert.deepEqual([call, jump, branch].map(({ decoded }) => endsFlow(decoded)), [false, true, false]);
  assert.deepEqual([call, jump, branch].map(followed), [undefined, 16, 16]);
});
