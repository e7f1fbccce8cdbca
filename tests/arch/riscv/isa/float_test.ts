/** What F and D instructions do besides arithmetic: boxes, moves, signs, modes, flags, FS. Arithmetic has tests of its own. @module */
import assert from "node:assert/strict";
import { INSTRUCTIONS } from "../../../../arch/riscv/isa/mod.ts";
import { FLOAT_HELPERS } from "../../../../arch/riscv/float/helpers.ts";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { RAM } from "../engine/machine.ts";
import { assemble, Executor } from "./run_one.ts";

const BOX = 0xffff_ffff_0000_0000n;
const ONE = BOX | 0x3f80_0000n;
const MINUS_TWO = BOX | 0xc000_0000n;
const CANONICAL = BOX | 0x7fc0_0000n;
const DATA = RAM + 0x2000;
const HANDLER = RAM + 0x8000;

const OFF = 0;
const CLEAN = 2;
const DIRTY = 3;

function prepared(fs = CLEAN): Executor {
  const executor = new Executor();
  executor.machine.setFloat(fs);
  executor.machine.setX(11, BigInt(DATA));
  executor.machine.hart.state.set64(FIELD.mtvec, BigInt(HANDLER));
  return executor;
}

/** fd of an instruction over two f registers. */
function computed(name: string, a: bigint, b = 0n): bigint {
  const executor = prepared();
  executor.machine.setF(1, a);
  executor.machine.setF(2, b);
  executor.run(name, { rd: 3, rs1: 1, rs2: 2 });
  return executor.machine.f(3);
}

function statusFs(executor: Executor): number {
  return (executor.machine.hart.state.low(FIELD.mstatus) >> 13) & 3;
}

Deno.test("flw boxes, fsw and fsd store raw bits, fld takes all 64", () => {
  const executor = prepared();
  const { machine } = executor;
  machine.write64(DATA, 0x1122_3344_bf80_0000n);
  executor.run("flw", { rd: 4, rs1: 11, imm: 0 });
  assert.equal(machine.f(4), BOX | 0xbf80_0000n);
  executor.run("fld", { rd: 5, rs1: 11, imm: 0 });
  assert.equal(machine.f(5), 0x1122_3344_bf80_0000n);
  executor.run("fsw", { rs1: 11, rs2: 5, imm: 8 });
  executor.run("fsd", { rs1: 11, rs2: 5, imm: 16 });
  assert.equal(machine.read64(DATA + 8), 0xbf80_0000n);
  assert.equal(machine.read64(DATA + 16), 0x1122_3344_bf80_0000n);
});

Deno.test("fsgnj.s, fsgnjn.s, fsgnjx.s take the sign they say and box the result", () => {
  assert.equal(computed("fsgnj.s", ONE, MINUS_TWO), BOX | 0xbf80_0000n);
  assert.equal(computed("fsgnj.s", MINUS_TWO, ONE), BOX | 0x4000_0000n);
  assert.equal(computed("fsgnjn.s", ONE, MINUS_TWO), ONE);
  assert.equal(computed("fsgnjn.s", ONE, ONE), BOX | 0xbf80_0000n);
  assert.equal(computed("fsgnjx.s", MINUS_TWO, MINUS_TWO), BOX | 0x4000_0000n);
  assert.equal(computed("fsgnjx.s", ONE, MINUS_TWO), BOX | 0xbf80_0000n);
});

Deno.test("fsgnj.s reads a single that is not boxed as the canonical NaN, fmv.x.w and fsw do not", () => {
  assert.equal(computed("fsgnj.s", 0x3f80_0000n, MINUS_TWO), BOX | 0xffc0_0000n);
  assert.equal(computed("fsgnj.s", ONE, 0xffff_fffe_c000_0000n), ONE);
  assert.equal(computed("fsgnjx.s", 0n, 0n), CANONICAL);
  const executor = prepared();
  executor.machine.setF(1, 0x1234_5678_8000_0001n);
  executor.run("fmv.x.w", { rd: 10, rs1: 1 });
  assert.equal(executor.machine.x(10), 0xffff_ffff_8000_0001n);
});

Deno.test("fsgnj.d and its variants work on all 64 bits", () => {
  const one = 0x3ff0_0000_0000_0000n;
  const minus = 0x8000_0000_0000_0000n;
  assert.equal(computed("fsgnj.d", one, minus), one | minus);
  assert.equal(computed("fsgnjn.d", one | minus, minus), one);
  assert.equal(computed("fsgnjx.d", one | minus, minus), one);
});

Deno.test("fmv.w.x boxes the low word, fmv.d.x and fmv.x.d move all bits", () => {
  const executor = prepared();
  const { machine } = executor;
  machine.setX(12, 0x1122_3344_5566_7788n);
  executor.run("fmv.w.x", { rd: 1, rs1: 12 });
  assert.equal(machine.f(1), BOX | 0x5566_7788n);
  executor.run("fmv.d.x", { rd: 2, rs1: 12 });
  executor.run("fmv.x.d", { rd: 13, rs1: 2 });
  assert.equal(machine.x(13), 0x1122_3344_5566_7788n);
});

Deno.test("arithmetic accrues flags and takes the mode of the instruction or of frm", () => {
  const executor = prepared();
  const { machine } = executor;
  machine.setF(1, ONE);
  machine.setF(2, BOX | 0x4040_0000n);
  const divide = assemble("fdiv.s", { rd: 3, rs1: 1, rs2: 2 }) & ~0x7000;
  executor.runBits(divide | (2 << 12));
  assert.equal(machine.f(3), BOX | 0x3eaa_aaaan);
  assert.equal(machine.word("fflags"), 1);
  executor.runBits(divide | (3 << 12));
  assert.equal(machine.f(3), BOX | 0x3eaa_aaabn);
  machine.hart.state.setWord(FIELD.frm, 1);
  executor.runBits(divide | (7 << 12));
  assert.equal(machine.f(3), BOX | 0x3eaa_aaaan);
  machine.setF(2, BOX);
  executor.runBits(divide | (7 << 12));
  assert.equal(machine.word("fflags"), 1 | 8);
});

Deno.test("a reserved rounding mode, in the instruction or in frm, is illegal also where nothing is rounded", () => {
  for (const [mode, frm] of [[5, 0], [6, 0], [7, 5], [7, 7]]) {
    for (const name of ["fadd.s", "fmadd.d", "fcvt.d.w", "fcvt.d.s", "fsqrt.d", "fcvt.w.s"]) {
      const executor = prepared();
      executor.machine.hart.state.setWord(FIELD.frm, frm);
      const bits = (assemble(name, { rd: 3, rs1: 1 }) & ~0x7000) | (mode << 12);
      executor.runBits(bits);
      assert.equal(executor.machine.field("mcause"), 2n, `${name} ${mode} ${frm}`);
      assert.equal(executor.machine.field("mtval"), BigInt(bits >>> 0));
      assert.equal(statusFs(executor), CLEAN);
    }
  }
});

Deno.test("with FS off every instruction of F and D is illegal", () => {
  for (const row of INSTRUCTIONS.filter(({ extension }) => extension === "f" || extension === "d")) {
    const executor = prepared(OFF);
    executor.run(row.name, { rd: 3, rs1: 11, rs2: 2 });
    assert.equal(executor.machine.field("mcause"), 2n, row.name);
  }
});

Deno.test("FS becomes dirty by a write to an f register or a new flag, by nothing else", () => {
  const dirties = (name: string, a: bigint): boolean => {
    const executor = prepared();
    executor.machine.setF(1, a);
    executor.run(name, { rd: 3, rs1: 1, rs2: 1 });
    return statusFs(executor) === DIRTY;
  };
  assert.equal(dirties("fsgnj.s", ONE), true);
  assert.equal(dirties("fmv.w.x", ONE), true);
  assert.equal(dirties("feq.s", ONE), false);
  assert.equal(dirties("fmv.x.w", ONE), false);
  assert.equal(dirties("fclass.s", ONE), false);
  assert.equal(dirties("flt.s", CANONICAL), true);
});

Deno.test("every row that computes names an operation of float/ with as many operands", () => {
  const integerOnly = /^(fl[wd]|fs[wd]|fsgnj[nx]?\.[sd]|fmv\..*)$/;
  for (const { name, extension } of INSTRUCTIONS) {
    if ((extension !== "f" && extension !== "d") || integerOnly.test(name)) continue;
    assert.ok(name in FLOAT_HELPERS, name);
    const executor = prepared();
    executor.run(name, { rd: 3, rs1: 1, rs2: 2 });
    assert.equal(executor.machine.field("pc"), BigInt(RAM + 4), name);
  }
});
