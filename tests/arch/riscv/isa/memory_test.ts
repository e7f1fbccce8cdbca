/** Loads, stores, atomics and cache-block operations, through the oracle. @module */
import assert from "node:assert/strict";
import { FIELD, type FieldName } from "../../../../arch/riscv/layout.ts";
import { writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import { setMode } from "../../../../arch/riscv/trap/mode.ts";
import { RAM, RAM_SIZE } from "../engine/machine.ts";
import { assemble, Executor } from "./run_one.ts";

const DATA = RAM + 0x2000;
const HANDLER = RAM + 0x8000;

/** An executor whose x11 points to data and whose traps go to HANDLER. */
function prepared(): Executor {
  const executor = new Executor();
  executor.machine.setX(11, BigInt(DATA));
  executor.machine.hart.state.set64(FIELD.mtvec, BigInt(HANDLER));
  return executor;
}

Deno.test("loads extend as they say, at positive and negative offsets", () => {
  const { machine, run } = bound(prepared());
  machine.write64(DATA - 8, 0x8182_8384_8586_8788n);
  const cases: [string, bigint][] = [
    ["lb", 0xffff_ffff_ffff_ff88n],
    ["lbu", 0x88n],
    ["lh", 0xffff_ffff_ffff_8788n],
    ["lhu", 0x8788n],
    ["lw", 0xffff_ffff_8586_8788n],
    ["lwu", 0x8586_8788n],
    ["ld", 0x8182_8384_8586_8788n],
  ];
  for (const [name, expected] of cases) {
    run(name, { rd: 10, rs1: 11, imm: -8 });
    assert.equal(machine.x(10), expected, name);
  }
  run("lb", { rd: 11, rs1: 11, imm: -1 });
  assert.equal(machine.x(11), 0xffff_ffff_ffff_ff81n);
});

function bound(executor: Executor) {
  return { machine: executor.machine, run: executor.run.bind(executor) };
}

Deno.test("stores write their low bytes only", () => {
  const { machine, run } = bound(prepared());
  machine.setX(12, 0x1122_3344_5566_7788n);
  for (const [name, expected] of [["sb", 0x88n], ["sh", 0x7788n], ["sw", 0x5566_7788n]] as const) {
    machine.write64(DATA, 0n);
    run(name, { rs1: 11, rs2: 12, imm: 0 });
    assert.equal(machine.read64(DATA), expected, name);
  }
  run("sd", { rs1: 11, rs2: 12, imm: 2040 });
  assert.equal(machine.read64(DATA + 2040), 0x1122_3344_5566_7788n);
});

Deno.test("misaligned loads and stores are done, across pages too", () => {
  const { machine, run } = bound(prepared());
  machine.setX(12, 0x1122_3344_5566_7788n);
  machine.setX(11, BigInt(DATA + 0x1000 - 3));
  run("sd", { rs1: 11, rs2: 12, imm: 0 });
  run("ld", { rd: 10, rs1: 11, imm: 0 });
  assert.equal(machine.x(10), 0x1122_3344_5566_7788n);
  run("lh", { rd: 10, rs1: 11, imm: 2 });
  assert.equal(machine.x(10), 0x5566n);
});

const AMOS: Record<string, (old: bigint, operand: bigint) => bigint> = {
  amoswap: (_old, operand) => operand,
  amoadd: (old, operand) => old + operand,
  amoxor: (old, operand) => old ^ operand,
  amoand: (old, operand) => old & operand,
  amoor: (old, operand) => old | operand,
  amomin: (old, operand) => (old < operand ? old : operand),
  amomax: (old, operand) => (old > operand ? old : operand),
};

Deno.test("AMOs of words and doublewords return the old value and store the new one", () => {
  const { machine, run } = bound(prepared());
  const values = [0n, 1n, -1n, 5n, 0x7fff_ffffn, -0x8000_0000n, 0x1234_5678_9abc_def0n];
  for (const width of [32, 64] as const) {
    for (const old of values) {
      for (const operand of values) checkAmos(width, old, operand);
    }
  }

  function checkAmos(width: 32 | 64, old: bigint, operand: bigint): void {
    const signed = (value: bigint) => BigInt.asIntN(width, value);
    const unsigned = (value: bigint) => BigInt.asUintN(width, value);
    const high = width === 32 ? 0xabcd_0000_0000n << 16n : 0n;
    const check = (name: string, expected: bigint) => {
      machine.write64(DATA, high | unsigned(old));
      machine.setX(12, BigInt.asUintN(64, operand));
      run(`${name}.${width === 32 ? "w" : "d"}`, { rd: 10, rs1: 11, rs2: 12 });
      const message = `${name} ${width} ${old} ${operand}`;
      assert.equal(machine.x(10), BigInt.asUintN(64, signed(old)), message);
      assert.equal(machine.read64(DATA), high | unsigned(expected), message);
    };
    for (const [name, model] of Object.entries(AMOS)) check(name, model(signed(old), signed(operand)));
    check("amominu", unsigned(old) < unsigned(operand) ? old : operand);
    check("amomaxu", unsigned(old) > unsigned(operand) ? old : operand);
  }
});

Deno.test("an AMO whose rd, rs1 and rs2 are one register uses its old value", () => {
  const { machine, run } = bound(prepared());
  machine.write64(DATA, 7n);
  run("amoadd.d", { rd: 11, rs1: 11, rs2: 11 });
  assert.equal(machine.x(11), 7n);
  assert.equal(machine.read64(DATA), BigInt(DATA) + 7n);
});

Deno.test("LR and SC: success once, failure without or after a reservation, elsewhere, or wider", () => {
  const { machine } = prepared();
  machine.setX(11, BigInt(DATA));
  machine.setX(13, BigInt(DATA + 8));
  machine.setX(12, 0x8000_0001n);
  const program = (...steps: [string, number][]) => {
    machine.write(RAM, ...steps.map(([name, base]) => assemble(name, { rd: 10, rs1: base, rs2: 12 })));
    machine.hart.state.set64(FIELD.pc, BigInt(RAM));
    machine.run(steps.length);
    return machine.x(10);
  };
  machine.write64(DATA, 0xffff_ffff_ffff_fff0n);
  assert.equal(program(["lr.w", 11]), 0xffff_ffff_ffff_fff0n);
  assert.equal(program(["lr.w", 11], ["sc.w", 11]), 0n);
  assert.equal(machine.read64(DATA), 0xffff_ffff_8000_0001n);
  assert.equal(program(["lr.d", 11], ["sc.d", 11], ["sc.d", 11]), 1n);
  assert.equal(program(["lr.d", 11], ["sc.d", 13]), 1n);
  assert.equal(program(["lr.d", 11], ["sc.d", 13], ["sc.d", 11]), 1n);
  assert.equal(program(["lr.w", 11], ["sc.d", 11]), 1n);
  assert.equal(program(["lr.d", 11], ["sc.w", 11]), 0n);
});

/** Cause and tval of the trap that an instruction raised; it must be at HANDLER now. */
function trapped(executor: Executor, name: string): [bigint, bigint] {
  executor.run(name, { rd: 10, rs1: 11, rs2: 12 });
  const { machine } = executor;
  assert.equal(machine.field("pc"), BigInt(HANDLER), name);
  assert.equal(machine.field("mepc"), BigInt(RAM));
  return [machine.field("mcause"), machine.field("mtval")];
}

Deno.test("misaligned atomics trap with their address and change nothing", () => {
  const executor = prepared();
  const { machine } = executor;
  machine.setX(10, 99n);
  machine.setX(11, BigInt(DATA + 4));
  assert.deepEqual(trapped(executor, "amoadd.d"), [6n, BigInt(DATA + 4)]);
  assert.deepEqual(trapped(executor, "lr.d"), [4n, BigInt(DATA + 4)]);
  assert.deepEqual(trapped(executor, "sc.d"), [6n, BigInt(DATA + 4)]);
  assert.equal(machine.x(10), 99n);
});

/** What the machine's cache-block tests set: who may do what. */
function configure(executor: Executor, fields: Partial<Record<FieldName, number>>): void {
  for (const [name, value] of Object.entries(fields)) {
    executor.machine.hart.state.set(FIELD[name as FieldName], value, 0);
  }
}

const [U, S] = [0, 1];
const CBIE = 3 << 4;
const CBCFE = 1 << 6;
const CBZE = 1 << 7;

Deno.test("cbo instructions are illegal or virtual instructions where an environment configuration forbids them", () => {
  const all = CBIE | CBCFE | CBZE;
  const none = (bit: number) => all & ~bit;
  for (const [name, bit] of [["cbo.inval", CBIE], ["cbo.clean", CBCFE], ["cbo.flush", CBCFE], ["cbo.zero", CBZE]]) {
    const cases: [number, number, Partial<Record<FieldName, number>>, bigint | undefined][] = [
      [S, 0, { menvcfg: none(bit as number), senvcfg: all, henvcfg: all }, 2n],
      [S, 0, { menvcfg: all, senvcfg: 0, henvcfg: 0 }, undefined],
      [U, 0, { menvcfg: all, senvcfg: none(bit as number), henvcfg: all }, 2n],
      [U, 0, { menvcfg: all, senvcfg: all, henvcfg: 0 }, undefined],
      [S, 1, { menvcfg: none(bit as number), senvcfg: all, henvcfg: all }, 2n],
      [S, 1, { menvcfg: all, senvcfg: 0, henvcfg: none(bit as number) }, 22n],
      [S, 1, { menvcfg: all, senvcfg: 0, henvcfg: all }, undefined],
      [U, 1, { menvcfg: all, senvcfg: none(bit as number), henvcfg: all }, 22n],
      [U, 1, { menvcfg: all, senvcfg: all, henvcfg: none(bit as number) }, 22n],
      [U, 1, { menvcfg: all, senvcfg: all, henvcfg: all }, undefined],
    ];
    for (const [privilege, virtual, fields, cause] of cases) {
      const executor = prepared();
      openMemory(executor);
      configure(executor, fields);
      setMode(executor.machine.hart, privilege, virtual);
      executor.runBits(assemble(name as string, {}) | (11 << 15));
      const message = `${name} ${privilege} ${virtual} ${JSON.stringify(fields)}`;
      const at = cause === undefined ? RAM + 4 : HANDLER;
      assert.equal(executor.machine.field("pc"), BigInt(at), message);
      if (cause !== undefined) assert.equal(executor.machine.field("mcause"), cause, message);
    }
  }
});

/** One PMP entry that lets S-mode and U-mode use all of memory (NAPOT, RWX). */
function openMemory(executor: Executor): void {
  const { hart } = executor.machine;
  writeCsr64(hart, 0x3b0, 0x3f_ffff_ffff_ffffn);
  writeCsr64(hart, 0x3a0, 0x1fn);
}

Deno.test("cbo.zero writes zeros over the 64 bytes around its address", () => {
  const executor = prepared();
  const { machine } = executor;
  for (let i = -8; i < 72; i += 8) machine.write64(DATA + i, ~0n);
  machine.setX(11, BigInt(DATA + 37));
  executor.runBits(assemble("cbo.zero", {}) | (11 << 15));
  for (let i = 0; i < 64; i += 8) assert.equal(machine.read64(DATA + i), 0n);
  assert.equal(machine.read64(DATA - 8), 0xffff_ffff_ffff_ffffn);
  assert.equal(machine.read64(DATA + 64), 0xffff_ffff_ffff_ffffn);
});

Deno.test("cbo instructions outside RAM raise a store access fault with the value of rs1; prefetches do not", () => {
  const executor = prepared();
  const { machine } = executor;
  machine.setX(11, BigInt(RAM + RAM_SIZE + 5));
  for (const name of ["cbo.inval", "cbo.clean", "cbo.flush", "cbo.zero"]) {
    executor.runBits(assemble(name, {}) | (11 << 15));
    assert.equal(machine.field("mcause"), 7n, name);
    assert.equal(machine.field("mtval"), BigInt(RAM + RAM_SIZE + 5), name);
  }
  for (const name of ["prefetch.i", "prefetch.r", "prefetch.w"]) {
    executor.run(name, { rs1: 11, imm: 32 });
    assert.equal(machine.field("pc"), BigInt(RAM + 4), name);
  }
});

Deno.test("fences and hints change nothing but pc", () => {
  const executor = prepared();
  for (const name of ["fence", "fence.tso", "pause", "fence.i"]) {
    executor.run(name, {});
    assert.equal(executor.machine.field("pc"), BigInt(RAM + 4), name);
  }
});
