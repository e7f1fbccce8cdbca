/** Sequences of instructions that the interpreter executes at one go: which there are, and that nobody notices. @module */
import assert from "node:assert/strict";
import { ExitRequest, FIELD } from "../../../../arch/riscv/layout.ts";
import { OPERATION_MASK, RECORD_SIZE } from "../../../../arch/riscv/engine/record.ts";
import { fuseRecords, separateRecords } from "../../../../arch/riscv/engine/record_fusion.ts";
import { fillRecord } from "../../../../arch/riscv/engine/record_writer.ts";
import { FIRST_RARE, FIRST_SEQUENCE, OPERATIONS, SEQUENCES } from "../../../../arch/riscv/engine/row_order.ts";
import { SEQUENCE_NAMES } from "../../../../arch/riscv/engine/sequences.ts";
import { asm } from "../assemble.ts";
import { type EngineName, Machine, RAM } from "./machine.ts";

const count = (rd: number) => asm("addi", { rd, rs1: rd, imm: 1 });
const jump = (imm: number) => asm("jal", { rd: 0, imm });
const load = (rd: number, imm: number) => asm("ld", { rd, rs1: 10, imm });
const store = (rs2: number, imm: number) => asm("sd", { rs1: 10, rs2, imm });

Deno.test("SEQUENCES: each one once, and only the last instruction goes elsewhere", () => {
  assert.equal(new Set(SEQUENCE_NAMES).size, SEQUENCE_NAMES.length);
  assert.ok(FIRST_RARE === FIRST_SEQUENCE + SEQUENCES.length && Math.max(...OPERATIONS) < 256);
  for (const rows of SEQUENCES) {
    assert.ok(rows.length > 1);
    for (const { format, name } of rows.slice(0, -1)) {
      assert.ok(format !== "B" && format !== "J" && name !== "jalr", name);
    }
  }
});

/** The sequence that each record begins, by name; the rows are instructions of 4 bytes from an offset in the page on. */
function fused(offset: number, ...code: number[]): (string | undefined)[] {
  const i32 = recordsOf(...code);
  fuseRecords(i32, offset, offset + code.length * 4, 0);
  return namesIn(i32, code.length);
}

function recordsOf(...code: number[]): Int32Array {
  const i32 = new Int32Array(256);
  code.forEach((bits, i) => fillRecord(i32, i * 2 * RECORD_SIZE, bits));
  return i32;
}

function namesIn(i32: Int32Array, count: number): (string | undefined)[] {
  return Array.from({ length: count }, (_, i) => {
    return SEQUENCE_NAMES[(i32[i * 2 * RECORD_SIZE >> 2] & OPERATION_MASK) - FIRST_SEQUENCE];
  });
}

Deno.test("fuseRecords makes the longest sequences, from each instruction on, within a line of 64 bytes", () => {
  const loads = [load(5, 0), load(6, 8), load(7, 16), load(8, 24), load(9, 32)];
  assert.deepEqual(fused(0, ...loads), ["ld ld ld ld", "ld ld ld ld", "ld ld ld", "ld ld", undefined]);
  assert.deepEqual(fused(52, ...loads), ["ld ld ld", "ld ld", undefined, "ld ld", undefined]);
  assert.deepEqual(fused(0, load(5, 0), asm("mulh", { rd: 5, rs1: 5, rs2: 5 })), [undefined, undefined]);
});

Deno.test("separateRecords has what may reach a record executed alone, and nothing of the line before", () => {
  const i32 = recordsOf(load(5, 0), load(6, 8), load(7, 16), load(8, 24));
  fuseRecords(i32, 56, 72, 0);
  assert.deepEqual(namesIn(i32, 4), ["ld ld", undefined, "ld ld", undefined]);
  separateRecords(i32, 68, 3 * 2 * RECORD_SIZE);
  assert.deepEqual(namesIn(i32, 4), ["ld ld", undefined, undefined, undefined]);
});

/** What two engines leave behind, after slices of so many steps each. */
function agree(program: readonly number[], steps: number, slice: number, engine: EngineName = "interpreter"): void {
  const states = ([engine, "oracle"] as const).map((name) => {
    const machine = new Machine(name, { hotSamples: 1, stepsBetweenSamples: 5 });
    machine.write(RAM, ...program);
    machine.setX(10, BigInt(RAM));
    machine.setX(6, BigInt(count(8)) | BigInt(count(9)) << 32n);
    for (let left = steps; left > 0; left -= slice) {
      if (machine.run(Math.min(slice, left)) === 0) break;
    }
    const { state } = machine.hart;
    return [state.get64(FIELD.pc), state.get64(FIELD.steps), ...Array.from({ length: 32 }, (_, x) => machine.x(x))];
  });
  assert.deepEqual(states[0], states[1], `slices of ${slice}`);
}

Deno.test("A sequence stops after any of its instructions when the budget ends, and can be jumped into", () => {
  const program = [load(5, 0), load(7, 8), count(8), load(9, 16), load(11, 24), load(12, 32), load(13, 40), jump(-20)];
  for (const slice of [1, 2, 3, 5, 7, 100]) agree(program, 100, slice);
});

Deno.test("A store in a sequence that changes an instruction behind it in the sequence is seen by that instruction", () => {
  // The second store writes over the two counts behind the third one.
  const program = [
    count(5),
    store(0, 0x200),
    store(6, 24),
    store(0, 0x208),
    count(5),
    jump(4),
    count(5),
    count(5),
    jump(-24),
  ];
  for (const slice of [1, 4, 100]) agree(program, 60, slice);
  const onTop = [store(0, 0x200), store(6, 8), count(5), count(5), jump(-16)];
  for (const slice of [1, 3, 100]) agree(onTop, 40, slice);
});

Deno.test("An access in a sequence that leaves RAM stops there, with what came before done", () => {
  const machine = new Machine("interpreter");
  machine.write(RAM, count(5), store(5, 0x100), asm("sd", { rs1: 11, rs2: 5, imm: 0 }), count(5));
  machine.setX(10, BigInt(RAM));
  machine.run(10);
  const { state } = machine.hart;
  assert.deepEqual([state.get64(FIELD.pc), state.word(FIELD.exitRequest)], [BigInt(RAM + 8), ExitRequest.MMIO]);
  assert.deepEqual([machine.x(5), machine.read64(RAM + 0x100)], [1n, 1n]);
});

Deno.test("A region may start in what was a sequence", () => {
  // The inner loop's head is the second of two neighbours that are a sequence, and which the outer loop comes to by the first one.
  const isFourth = [asm("andi", { rd: 6, rs1: 7, imm: 3 }), asm("bne", { rs1: 6, rs2: 0, imm: -8 })];
  const program = [count(5), count(7), ...isFourth, jump(-16)];
  for (const slice of [3, 50, 1000]) agree(program, 1000, slice, "jit");
});
