/** discoverRegion: which code belongs to a region, and how its blocks are connected. @module */
import assert from "node:assert/strict";
import {
  discoverRegion,
  endsFlow,
  followed,
  isCall,
  type Region,
  successorsOf,
} from "../../../../arch/riscv/engine/region.ts";
import { asm } from "../assemble.ts";

const PAGE = 0x2000;
const MODE = { privilege: 3, virtual: 0 };

/** The region at an offset of a page that holds these instructions from `start` on, elsewhere nothing. */
function region(start: number, words: readonly number[], entry = start): Region | undefined {
  const memory = new Int32Array(0x4000 / 4);
  memory.set(words, (PAGE + start) / 4);
  return discoverRegion(new Uint16Array(memory.buffer), PAGE + entry, MODE);
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
    assert.equal(found!.successorAt(0, instructions[0].offset), index);
  }
});

Deno.test("discoverRegion: where a function that calls itself comes back to, a return leads to the start", () => {
  const leave = asm("beq", { rs1: 5, rs2: 0, imm: 8 });
  const again = asm("jal", { rd: 1, imm: -8 });
  const behind = region(0x100, [NOTHING, leave, again, RETURN], 0x10c)!;
  assert.deepEqual([behind.returnsToItself, successorsOf(behind, 0)], [true, [0]]);
  const whole = region(0x100, [NOTHING, leave, again, RETURN])!;
  assert.equal(whole.returnsToItself, false, "not behind the call");
  const other = region(0x100, [NOTHING, RETURN, asm("jal", { rd: 1, imm: -8 }), RETURN], 0x10c)!;
  assert.deepEqual([other.returnsToItself, successorsOf(other, 0)], [false, []], "a call of another function");
});

Deno.test("discoverRegion goes on behind calls, not behind jumps, and does not follow calls", () => {
  const call = asm("jal", { rd: 1, imm: 64 });
  assert.deepEqual(blocks(region(0, [call, NOTHING, RETURN, NOTHING])), [[0, 4], [4, 12]]);
  assert.deepEqual(blocks(region(0, [asm("jalr", { rd: 1, rs1: 5, imm: 0 }), RETURN])), [[0, 4], [4, 8]]);
  assert.deepEqual(blocks(region(0, [asm("jal", { rd: 0, imm: 8 }), NOTHING, RETURN])), [[0, 4], [8, 12]]);
});

Deno.test("discoverRegion ends before what is no instruction, behind what may go anywhere, and at the end of the page", () => {
  assert.equal(region(0, [0]), undefined);
  assert.deepEqual(blocks(region(0, [NOTHING, 0])), [[0, 4]]);
  assert.deepEqual(blocks(region(0, [NOTHING, asm("ecall"), NOTHING])), [[0, 8]]);
  for (const name of ["sret", "mret", "ebreak", "wfi", "sfence.vma", "hfence.gvma"]) {
    assert.deepEqual(blocks(region(0, [asm(name, { rs1: 0, rs2: 0 }), NOTHING])), [[0, 4]], name);
  }
  assert.deepEqual(blocks(region(0xff8, [NOTHING, NOTHING, NOTHING])), [[0xff8, 0x1000]]);
  const crossing = new Uint16Array(0x4000 / 2);
  crossing.set([1, NOTHING & 0xffff, NOTHING >>> 16], (PAGE + 0xffc) / 2);
  assert.deepEqual(blocks(discoverRegion(crossing, PAGE + 0xffc, MODE)), [[0xffc, 0xffe]]);
});

Deno.test("discoverRegion goes on behind what is TypeScript but leaves mode and translation alone", () => {
  const csr = (name: string, number: number) => asm(name, { rd: 5, rs1: 6, imm: number });
  const steady = [
    ...[0x140, 0x100, 0x300, 0x104, 0xc01, 0x003, 0x7c0].map((number) => csr("csrrw", number)),
    asm("csrrs", { rd: 5, rs1: 0, imm: 0x180 }),
    asm("cbo.zero") | 6 << 15,
    asm("hlv.w", { rd: 5, rs1: 6 }),
  ];
  for (const word of steady) assert.deepEqual(blocks(region(0, [word, NOTHING, RETURN])), [[0, 12]], word.toString(16));
  for (const number of [0x180, 0x280, 0x680, 0x30a, 0x3a0, 0x3b0]) {
    assert.deepEqual(blocks(region(0, [csr("csrrw", number), NOTHING])), [[0, 4]], number.toString(16));
  }
});

Deno.test("discoverRegion leaves out what it is told is cold", () => {
  const memory = new Int32Array(0x4000 / 4);
  memory.set([NOTHING, asm("beq", { rs1: 5, rs2: 6, imm: 12 }), NOTHING, NOTHING, NOTHING, RETURN], PAGE / 4);
  const found = discoverRegion(
    new Uint16Array(memory.buffer),
    PAGE,
    MODE,
    (host) => host === PAGE + 16 || host === PAGE + 12,
  );
  assert.deepEqual(blocks(found).sort(), [[0, 8], [8, 12]]);
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

Deno.test("discoverRegion finds the cases of a switch where code was executed that nothing before leads to", () => {
  const code = [
    asm("add", { rd: 8, rs1: 8, rs2: 10 }),
    asm("jalr", { rd: 0, rs1: 8, imm: 0 }),
    NOTHING, // case 8
    asm("jal", { rd: 0, imm: -12 }),
    NOTHING, // never executed
    RETURN,
    NOTHING, // case 24
    RETURN,
  ];
  const memory = new Int32Array(0x4000 / 4);
  memory.set(code, PAGE / 4);
  const isExecuted = (host: number) => [0, 4, 8, 12, 24, 28].includes(host - PAGE);
  const nextExecuted = (from: number, end: number): number =>
    from >= end || isExecuted(from) ? from : nextExecuted(from + 2, end);
  const found = discoverRegion(new Uint16Array(memory.buffer), PAGE, MODE, (host) => !isExecuted(host), nextExecuted)!;
  assert.deepEqual(found.blocks.at(-1)!.targets?.toSorted((a, b) => a - b), [0, 8, 24]);
  assert.deepEqual(found.blocks.slice(0, -1).map(({ instructions }) => instructions[0].offset).sort(), [0, 24, 8]);
});
