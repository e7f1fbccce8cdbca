/** Meanings of the integer instructions, against models that are written another way. @module */
import assert from "node:assert/strict";
import { INSTRUCTIONS } from "../../../../arch/riscv/isa/mod.ts";
import { Random } from "../random.ts";
import { Executor } from "./run_one.ts";

type Model = (x: bigint, y: bigint) => bigint;

const s = (value: bigint): bigint => BigInt.asIntN(64, value);
const u = (value: bigint): bigint => BigInt.asUintN(64, value);
const sw = (value: bigint): bigint => BigInt.asIntN(32, value);
const uw = (value: bigint): bigint => BigInt.asUintN(32, value);
const bits = (value: bigint, width = 64): string => BigInt.asUintN(width, value).toString(2).padStart(width, "0");
const fromBits = (digits: string): bigint => BigInt(`0b${digits}`);
const rotated = (digits: string, left: number): bigint => fromBits(digits.slice(left) + digits.slice(0, left));
const bytes = (value: bigint): string[] => bits(value).match(/.{8}/g)!;
const count = (digits: string, pattern: RegExp): bigint => BigInt(digits.match(pattern)![0].length);

function divided(x: bigint, y: bigint, lowest: bigint): bigint {
  if (y === 0n) return -1n;
  return x === lowest && y === -1n ? lowest : x / y;
}

function remainder(x: bigint, y: bigint, lowest: bigint): bigint {
  if (y === 0n) return x;
  return x === lowest && y === -1n ? 0n : x % y;
}

const LOWEST = -(1n << 63n);
const LOWEST_WORD = -(1n << 31n);

/** rd as a function of rs1 and rs2, or of rs1 and the immediate. */
const MODELS: Record<string, Model> = {
  addi: (x, y) => x + y,
  slti: (x, y) => (s(x) < s(y) ? 1n : 0n),
  sltiu: (x, y) => (x < u(y) ? 1n : 0n),
  xori: (x, y) => x ^ y,
  ori: (x, y) => x | y,
  andi: (x, y) => x & y,
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  sll: (x, y) => x * 2n ** (y % 64n),
  slt: (x, y) => (s(x) < s(y) ? 1n : 0n),
  sltu: (x, y) => (x < y ? 1n : 0n),
  xor: (x, y) => x ^ y,
  srl: (x, y) => x / 2n ** (y % 64n),
  sra: (x, y) => s(x) >> y % 64n,
  or: (x, y) => x | y,
  and: (x, y) => x & y,
  slli: (x, y) => x * 2n ** y,
  srli: (x, y) => x / 2n ** y,
  srai: (x, y) => s(x) >> y,
  addiw: (x, y) => sw(x + y),
  slliw: (x, y) => sw(x * 2n ** y),
  srliw: (x, y) => sw(uw(x) / 2n ** y),
  sraiw: (x, y) => sw(x) >> y,
  addw: (x, y) => sw(x + y),
  subw: (x, y) => sw(x - y),
  sllw: (x, y) => sw(x * 2n ** (y % 32n)),
  srlw: (x, y) => sw(uw(x) / 2n ** (y % 32n)),
  sraw: (x, y) => sw(x) >> y % 32n,
  mul: (x, y) => s(x) * s(y),
  mulh: (x, y) => (s(x) * s(y)) >> 64n,
  mulhsu: (x, y) => (s(x) * y) >> 64n,
  mulhu: (x, y) => (x * y) >> 64n,
  div: (x, y) => divided(s(x), s(y), LOWEST),
  divu: (x, y) => (y === 0n ? -1n : x / y),
  rem: (x, y) => remainder(s(x), s(y), LOWEST),
  remu: (x, y) => (y === 0n ? x : x % y),
  mulw: (x, y) => sw(sw(x) * sw(y)),
  divw: (x, y) => divided(sw(x), sw(y), LOWEST_WORD),
  divuw: (x, y) => (uw(y) === 0n ? -1n : sw(uw(x) / uw(y))),
  remw: (x, y) => remainder(sw(x), sw(y), LOWEST_WORD),
  remuw: (x, y) => (uw(y) === 0n ? sw(x) : sw(uw(x) % uw(y))),
  "add.uw": (x, y) => uw(x) + y,
  sh1add: (x, y) => 2n * x + y,
  "sh1add.uw": (x, y) => 2n * uw(x) + y,
  sh2add: (x, y) => 4n * x + y,
  "sh2add.uw": (x, y) => 4n * uw(x) + y,
  sh3add: (x, y) => 8n * x + y,
  "sh3add.uw": (x, y) => 8n * uw(x) + y,
  "slli.uw": (x, y) => uw(x) * 2n ** y,
  andn: (x, y) => x & ~y,
  orn: (x, y) => x | ~y,
  xnor: (x, y) => ~(x ^ y),
  clz: (x) => count(bits(x), /^0*/),
  clzw: (x) => count(bits(x, 32), /^0*/),
  ctz: (x) => count(bits(x), /0*$/),
  ctzw: (x) => count(bits(x, 32), /0*$/),
  cpop: (x) => BigInt(bits(x).split("1").length - 1),
  cpopw: (x) => BigInt(bits(x, 32).split("1").length - 1),
  max: (x, y) => (s(x) > s(y) ? x : y),
  maxu: (x, y) => (x > y ? x : y),
  min: (x, y) => (s(x) < s(y) ? x : y),
  minu: (x, y) => (x < y ? x : y),
  "sext.b": (x) => BigInt.asIntN(8, x),
  "sext.h": (x) => BigInt.asIntN(16, x),
  "zext.h": (x) => x % 65536n,
  rol: (x, y) => rotated(bits(x), Number(y % 64n)),
  rolw: (x, y) => sw(rotated(bits(x, 32), Number(y % 32n))),
  ror: (x, y) => rotated(bits(x), 64 - Number(y % 64n)),
  rori: (x, y) => rotated(bits(x), 64 - Number(y)),
  roriw: (x, y) => sw(rotated(bits(x, 32), 32 - Number(y))),
  rorw: (x, y) => sw(rotated(bits(x, 32), 32 - Number(y % 32n))),
  "orc.b": (x) => fromBits(bytes(x).map((byte) => (/1/.test(byte) ? "11111111" : "00000000")).join("")),
  rev8: (x) => fromBits(bytes(x).reverse().join("")),
  bclr: (x, y) => x & ~(2n ** (y % 64n)),
  bclri: (x, y) => x & ~(2n ** y),
  bext: (x, y) => BigInt(bits(x)[63 - Number(y % 64n)]),
  bexti: (x, y) => BigInt(bits(x)[63 - Number(y)]),
  binv: (x, y) => x ^ 2n ** (y % 64n),
  binvi: (x, y) => x ^ 2n ** y,
  bset: (x, y) => x | 2n ** (y % 64n),
  bseti: (x, y) => x | 2n ** y,
  "czero.eqz": (x, y) => (y === 0n ? 0n : x),
  "czero.nez": (x, y) => (y === 0n ? x : 0n),
};

const IMMEDIATES = [0, 1, 2, 31, 32, 63, -1, 2047, -2048, 255, 256];

Deno.test("integer instructions compute what their models do, on corners and random values", () => {
  const executor = new Executor();
  const random = new Random(11);
  for (const [name, model] of Object.entries(MODELS)) {
    const { format } = INSTRUCTIONS.find((row) => row.name === name)!;
    for (let i = 0; i < 150; i++) {
      const x = random.value();
      if (format === "R") {
        const y = random.below(4) === 0 ? BigInt(random.below(70)) : random.value();
        assert.equal(executor.compute(name, x, y), u(model(x, y)), `${name} ${x.toString(16)} ${y.toString(16)}`);
        continue;
      }
      const any = IMMEDIATES[random.below(IMMEDIATES.length)];
      const imm = format === "shift" ? any & 63 : format === "shiftw" ? any & 31 : any;
      assert.equal(executor.compute(name, x, 0n, imm), u(model(x, BigInt(imm))), `${name} ${x.toString(16)} ${imm}`);
    }
  }
});

Deno.test("integer instructions: a model exists for every row of OP, OP-32, OP-IMM and OP-IMM-32 that writes rd", () => {
  const opcodes = ["0110011", "0111011", "0010011", "0011011"];
  const rows = INSTRUCTIONS.filter((row) => opcodes.includes(row.pattern.slice(25)) && row.extension !== "zicbop");
  assert.deepEqual(rows.map((row) => row.name).sort(), Object.keys(MODELS).sort());
});

Deno.test("div, rem: division by zero and overflow, 64 and 32 bits (Table of the M chapter)", () => {
  const executor = new Executor();
  const minusOne = u(-1n);
  const lowest = 1n << 63n;
  const lowestWord = u(LOWEST_WORD);
  assert.equal(executor.compute("div", 5n, 0n), minusOne);
  assert.equal(executor.compute("divu", 5n, 0n), minusOne);
  assert.equal(executor.compute("rem", u(-5n), 0n), u(-5n));
  assert.equal(executor.compute("remu", 5n, 0n), 5n);
  assert.equal(executor.compute("div", lowest, minusOne), lowest);
  assert.equal(executor.compute("rem", lowest, minusOne), 0n);
  assert.equal(executor.compute("divw", lowestWord, minusOne), lowestWord);
  assert.equal(executor.compute("remw", lowestWord, minusOne), 0n);
  assert.equal(executor.compute("divuw", 0x80000000n, 1n), lowestWord);
  assert.equal(executor.compute("remuw", 0xffffffffn, 0n), minusOne);
  assert.equal(executor.compute("div", u(-7n), 2n), u(-3n));
  assert.equal(executor.compute("rem", u(-7n), 2n), u(-1n));
});

Deno.test("lui and auipc take a signed upper immediate", () => {
  const { machine, run } = bound();
  run("lui", { rd: 5, imm: 0x80000000 | 0 });
  assert.equal(machine.x(5), 0xffffffff_80000000n);
  run("auipc", { rd: 5, imm: 0x80000000 | 0 });
  assert.equal(machine.x(5), 0n);
  run("auipc", { rd: 5, imm: 0x1000 });
  assert.equal(machine.x(5), 0x80001000n);
});

Deno.test("a write to x0 is dropped", () => {
  const { machine, run } = bound();
  run("addi", { rd: 0, rs1: 0, imm: 5 });
  assert.equal(machine.x(0), 0n);
});

function bound(): { machine: Executor["machine"]; run: Executor["run"] } {
  const executor = new Executor();
  return { machine: executor.machine, run: executor.run.bind(executor) };
}

Deno.test("jal and jalr link and jump; jalr reads rs1 before it writes rd and clears bit 0", () => {
  const { machine, run } = bound();
  run("jal", { rd: 1, imm: -1048576 });
  assert.equal(machine.field("pc"), 0x7ff00000n);
  assert.equal(machine.x(1), 0x80000004n);
  machine.setX(1, 0x80001001n);
  run("jalr", { rd: 1, rs1: 1, imm: 16 });
  assert.equal(machine.field("pc"), 0x80001010n);
  assert.equal(machine.x(1), 0x80000004n);
  machine.setX(1, 0n);
  run("jalr", { rd: 0, rs1: 1, imm: -2 });
  assert.equal(machine.field("pc"), 0xffffffff_fffffffen);
});

Deno.test("branches compare and go to pc + offset, or on", () => {
  const { machine, run } = bound();
  const taken: Record<string, Model> = {
    beq: (x, y) => (x === y ? 1n : 0n),
    bne: (x, y) => (x !== y ? 1n : 0n),
    blt: (x, y) => (s(x) < s(y) ? 1n : 0n),
    bge: (x, y) => (s(x) >= s(y) ? 1n : 0n),
    bltu: (x, y) => (x < y ? 1n : 0n),
    bgeu: (x, y) => (x >= y ? 1n : 0n),
  };
  const random = new Random(12);
  for (const [name, model] of Object.entries(taken)) {
    for (let i = 0; i < 40; i++) {
      const x = random.value();
      const y = random.below(3) === 0 ? x : random.value();
      machine.setX(1, x);
      machine.setX(2, y);
      run(name, { rs1: 1, rs2: 2, imm: -4096 });
      assert.equal(machine.field("pc"), model(x, y) === 1n ? 0x7ffff000n : 0x80000004n, `${name} ${x} ${y}`);
    }
  }
});
