/** Floating point in regions agrees with the reference: results, boxes, flags, FS, whatever was accrued before. @module */
import assert from "node:assert/strict";
import { FLOAT_HELPERS, type FloatHelper } from "../../../../arch/riscv/float/helpers.ts";
import { evaluateFloat } from "../../../../arch/riscv/float/reference.ts";
import { encode, INSTRUCTIONS } from "../../../../arch/riscv/isa/mod.ts";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { asm } from "../assemble.ts";
import { BOX, operandsFor, Random } from "../float/cases.ts";
import { Machine, RAM } from "./machine.ts";

const CASES = Number(Deno.env.get("FLOAT_CASES") ?? 3000);
const NAMES = Object.keys(FLOAT_HELPERS) as FloatHelper[];
const DYNAMIC = 7;
const SEED = 20263;

/** Bytes of a program: the operation, and a jump to itself that ends its block. */
const PROGRAM_SIZE = 8;

/** A machine with a program for each rounding mode of an operation, from RAM on. */
function prepare(name: FloatHelper): Machine {
  const row = INSTRUCTIONS.find((instruction) => instruction.name === name)!;
  const machine = new Machine("jit-always");
  const bits = encode(row, { rd: 10, rs1: 11, rs2: 12, rs3: 13 });
  const modes = FLOAT_HELPERS[name].rounding ? [0, 1, 2, 3, 4, 5, 6, 7] : [0];
  for (const rm of modes) {
    const rounded = modes.length > 1 ? bits & ~0x7000 | rm << 12 : bits;
    machine.write(RAM + rm * PROGRAM_SIZE, rounded, asm("jal", { rd: 0, imm: 0 }));
  }
  return machine;
}

/** What one case starts from. */
interface Start {
  readonly operands: readonly bigint[];
  readonly rm: number;
  readonly frm: number;
  readonly fflags: number;
  readonly fs: number;
}

function run(machine: Machine, { operands, rm, frm, fflags, fs }: Start): void {
  const { state } = machine.hart;
  operands.forEach((operand, index) => {
    machine.setF(11 + index, operand);
    machine.setX(11 + index, operand);
  });
  state.setWord(FIELD.frm, frm);
  state.setWord(FIELD.fflags, fflags);
  machine.setFloat(fs);
  state.set64(FIELD.pc, BigInt(RAM + rm * PROGRAM_SIZE));
  machine.run(2);
}

function check(machine: Machine, name: FloatHelper, start: Start, origin: string): void {
  const { operands, rm, frm, fflags, fs } = start;
  const { value, flags } = evaluateFloat(name, operands, rm === DYNAMIC ? frm : rm);
  run(machine, start);
  const toInteger = /^(fcvt\.[wl]|feq|flt|fle|fclass)/.test(name);
  const isDirty = fs === 3 || !toInteger || (flags & ~fflags) !== 0;
  const is = [toInteger ? machine.x(10) : machine.f(10), machine.word("fflags"), machine.word("fpAccess")];
  const should = [value, fflags | flags, isDirty ? 2 : 1];
  if (is.every((part, index) => part === should[index])) return;
  const show = (list: readonly (bigint | number)[]): string => list.map((item) => item.toString(16)).join(" ");
  assert.fail(
    `${name} ${show(operands)}, rm ${rm}, frm ${frm}, fflags ${fflags}, FS ${fs} (${origin}): ` +
      `result, flags, access are ${show(is)} instead of ${show(should)}`,
  );
}

for (const name of NAMES) {
  Deno.test(`RegionFloat: ${name} agrees with evaluateFloat`, () => {
    const random = new Random(SEED + NAMES.indexOf(name));
    const machine = prepare(name);
    for (let n = 0; n < CASES; n++) {
      const rm = FLOAT_HELPERS[name].rounding ? random.pick([0, 1, 2, 3, 4, 7, 7, 7, 7]) : 0;
      const start = {
        operands: operandsFor(random, name),
        rm,
        frm: random.pick([0, 0, 0, 1, 2, 3, 4]),
        fflags: random.pick([0, 1, 1, 1, 30, 31]),
        fs: random.pick([1, 2, 3, 3]),
      };
      check(machine, name, start, `case ${n}`);
    }
  });
}

Deno.test("RegionFloat trusts the host's result neither next to the smallest normal number nor next to the largest one", () => {
  const random = new Random(SEED);
  for (const format of ["s", "d"] as const) {
    const [width, box, half] = format === "s" ? [23n, BOX, 0x3f00_0000n] : [52n, 0n, 0x3fe0_0000_0000_0000n];
    const near = (bits: bigint): bigint => (bits + BigInt(random.below(9) - 4)) | box;
    const infinity = format === "s" ? 0x7f80_0000n : 0x7ff0_0000_0000_0000n;
    const one = half + (1n << width);
    for (const name of ["fmul", "fdiv", "fadd", "fsub", "fmadd", "fnmsub"] as const) {
      const helper: FloatHelper = `${name}.${format}`;
      const machine = prepare(helper);
      for (let n = 0; n < 1000; n++) {
        const tiny = [near(2n << width), near(name === "fdiv" ? one + (1n << width) : half), near(0n)];
        const huge = [
          near(infinity - (1n << width)),
          near(name === "fdiv" ? half : one),
          near(infinity - (1n << width)),
        ];
        const operands = random.pick([tiny, huge]).slice(0, FLOAT_HELPERS[helper].operands);
        check(machine, helper, { operands, rm: DYNAMIC, frm: 0, fflags: 1, fs: 3 }, `near ${n}`);
      }
    }
  }
});

Deno.test("RegionFloat raises illegal instructions for reserved rounding modes and while floating point is off", () => {
  const machine = prepare("fadd.d");
  const handler = RAM + 0x1000;
  machine.write(handler, asm("jal", { rd: 0, imm: 0 }));
  for (const [rm, frm, fs] of [[5, 0, 3], [6, 0, 3], [7, 5, 3], [7, 7, 3], [0, 0, 0], [7, 0, 0]]) {
    machine.hart.state.set64(FIELD.mtvec, BigInt(handler));
    machine.setF(10, 5n);
    run(machine, { operands: [1n, 1n], rm, frm, fflags: 1, fs });
    assert.equal(machine.field("mcause"), 2n, `rm ${rm}, frm ${frm}, FS ${fs}`);
    assert.equal(machine.field("mepc"), BigInt(RAM + rm * PROGRAM_SIZE));
    assert.equal(machine.f(10), 5n);
  }
});
