/** The reference against JavaScript's own doubles, and against values worked out by hand from the specifications. @module */
import assert from "node:assert/strict";
import { FLOAT_HELPERS, FloatFlag, type FloatHelper } from "../../../../arch/riscv/float/helpers.ts";
import { evaluateFloat } from "../../../../arch/riscv/float/reference.ts";
import { BOX, floatBits, Random } from "./cases.ts";

const { inexact: NX, underflow: UF, overflow: OF, divideByZero: DZ, invalid: NV } = FloatFlag;
const [RNE, RTZ, RDN, RUP, RMM] = [0, 1, 2, 3, 4];
const NAN_S = 0xffffffff_7fc00000n;
const NAN_D = 0x7ff80000_00000000n;
const view = new DataView(new ArrayBuffer(8));

function d(value: number): bigint {
  view.setFloat64(0, value);
  return Number.isNaN(value) ? NAN_D : view.getBigUint64(0);
}

function s(value: number): bigint {
  view.setFloat32(0, value);
  return Number.isNaN(value) ? NAN_S : BigInt(view.getUint32(0)) | BOX;
}

function fromBits(format: "s" | "d", bits: bigint): number {
  view.setBigUint64(0, bits);
  return format === "d" ? view.getFloat64(0) : view.getFloat32(4);
}

const HOST: [string, (a: number, b: number) => number][] = [
  ["fadd", (a, b) => a + b],
  ["fsub", (a, b) => a - b],
  ["fmul", (a, b) => a * b],
  ["fdiv", (a, b) => a / b],
  ["fsqrt", (a) => Math.sqrt(a)],
];

for (const format of ["d", "s"] as const) {
  Deno.test(`evaluateFloat agrees with the host's arithmetic in format ${format}, rounding to nearest even`, () => {
    const random = new Random(7);
    const register = format === "d" ? d : (value: number) => s(Math.fround(value));
    for (const [operation, host] of HOST) {
      const name = `${operation}.${format}` as FloatHelper;
      for (let n = 0; n < 20000; n++) {
        const bits = [floatBits(random, format), floatBits(random, format)].slice(0, FLOAT_HELPERS[name].operands);
        const [a, b] = bits.map((operand) => fromBits(format, operand));
        const operands = bits.map((operand) => (format === "s" ? operand | BOX : operand));
        const { value } = evaluateFloat(name, operands, RNE);
        assert.equal(value, register(host(a, b)), `${name} ${a} ${b} (seed 7, case ${n})`);
      }
    }
  });
}

/** Name, operands, rounding mode, result, flags. */
type Row = [FloatHelper, bigint[], number, bigint, number];

function checkRows(rows: Row[]): void {
  for (const [name, operands, rm, value, flags] of rows) {
    const result = evaluateFloat(name, operands, rm);
    const label = `${name} ${operands.map((n) => n.toString(16))} rm ${rm}`;
    assert.deepEqual([result.value.toString(16), result.flags], [BigInt.asUintN(64, value).toString(16), flags], label);
  }
}

Deno.test("evaluateFloat rounds in all five modes, both signs", () => {
  const third = (rm: number, sign: number): bigint => evaluateFloat("fdiv.d", [d(sign), d(3)], rm).value;
  const [low, high] = [0x3fd5555555555555n, 0x3fd5555555555556n];
  assert.deepEqual([RNE, RTZ, RDN, RUP, RMM].map((rm) => third(rm, 1)), [low, low, low, high, low]);
  const minus = 1n << 63n;
  assert.deepEqual([RNE, RTZ, RDN, RUP, RMM].map((rm) => third(rm, -1) ^ minus), [low, low, high, low, low]);
  const tie = (rm: number): bigint => evaluateFloat("fadd.d", [d(1), d(2 ** -53)], rm).value - d(1);
  assert.deepEqual([RNE, RTZ, RDN, RUP, RMM].map(tie), [0n, 0n, 0n, 1n, 1n]);
});

Deno.test("evaluateFloat overflows to infinity or the largest number as the mode says", () => {
  const [max, inf] = [d(Number.MAX_VALUE), d(Infinity)];
  const minus = 1n << 63n;
  for (
    const [rm, plus, negative] of [[RNE, inf, inf], [RTZ, max, max], [RDN, max, inf], [RUP, inf, max], [RMM, inf, inf]]
  ) {
    checkRows([
      ["fmul.d", [max as bigint, d(2)], rm as number, plus as bigint, OF | NX],
      ["fmul.d", [max as bigint, d(-2)], rm as number, (negative as bigint) | minus, OF | NX],
    ]);
  }
});

Deno.test("evaluateFloat detects tininess after rounding", () => {
  const [minNormal, below] = [1n << 52n, (1n << 52n) - 1n];
  checkRows([
    // 53 bits hold (1 - 2^-53) * 2^-1022 if the exponent may be smaller: tiny
    ["fmul.d", [minNormal, d(1 - 2 ** -53)], RUP, minNormal, NX | UF],
    ["fdiv.d", [d(2 ** -1021), d(2 + 2 ** -51)], RNE, below, NX | UF],
    // 2^-1022 - 2^-1100 rounds to 2^-1022 with any exponent range: not tiny
    ["fmadd.d", [d(2 ** -600), d(-(2 ** -500)), minNormal], RNE, minNormal, NX],
    ["fmadd.d", [d(2 ** -600), d(-(2 ** -500)), minNormal], RTZ, below, NX | UF],
    ["fmul.d", [below, d(0.5)], RNE, 1n << 51n, NX | UF],
    ["fmul.d", [1n << 51n, d(0.5)], RNE, 1n << 50n, 0],
    ["fmul.d", [1n, d(0.5)], RNE, 0n, NX | UF],
    ["fmul.d", [1n, d(0.5)], RUP, 1n, NX | UF],
  ]);
});

Deno.test("evaluateFloat raises invalid and divide-by-zero where IEEE 754 and the ISA say", () => {
  const [inf, zero, quiet, signalling] = [d(Infinity), 0n, NAN_D | 5n, 0x7ff0000000000001n];
  checkRows([
    ["fdiv.d", [d(1), zero], RNE, inf, DZ],
    ["fdiv.d", [d(-1), zero], RNE, d(-Infinity), DZ],
    ["fdiv.d", [zero, zero], RNE, NAN_D, NV],
    ["fdiv.d", [inf, zero], RNE, inf, 0],
    ["fadd.d", [inf, d(-Infinity)], RNE, NAN_D, NV],
    ["fsub.d", [inf, inf], RNE, NAN_D, NV],
    ["fmul.d", [inf, zero], RNE, NAN_D, NV],
    ["fsqrt.d", [d(-1)], RNE, NAN_D, NV],
    ["fsqrt.d", [d(-0)], RNE, d(-0), 0],
    ["fadd.d", [quiet, d(1)], RNE, NAN_D, 0],
    ["fadd.d", [signalling, d(1)], RNE, NAN_D, NV],
    ["fmadd.d", [inf, zero, quiet], RNE, NAN_D, NV],
    ["fmadd.d", [inf, d(1), d(-Infinity)], RNE, NAN_D, NV],
    ["feq.d", [quiet, d(1)], RNE, 0n, 0],
    ["feq.d", [signalling, d(1)], RNE, 0n, NV],
    ["flt.d", [quiet, d(1)], RNE, 0n, NV],
    ["fle.d", [d(-0), zero], RNE, 1n, 0],
  ]);
});

Deno.test("evaluateFloat gives exact zero sums the sign of the rounding mode", () => {
  checkRows([
    ["fsub.d", [d(1), d(1)], RNE, 0n, 0],
    ["fsub.d", [d(1), d(1)], RDN, d(-0), 0],
    ["fadd.d", [d(-0), d(-0)], RNE, d(-0), 0],
    ["fadd.d", [d(-0), 0n], RDN, d(-0), 0],
    ["fnmadd.d", [d(1), d(1), d(-1)], RNE, 0n, 0],
    ["fmadd.s", [s(-1), s(0), s(-0)], RUP, s(-0), 0],
  ]);
});

Deno.test("evaluateFloat fmin and fmax order zeros and pass over NaNs", () => {
  const signalling = 0x7ff0000000000001n;
  checkRows([
    ["fmin.d", [0n, d(-0)], RNE, d(-0), 0],
    ["fmax.d", [d(-0), 0n], RNE, 0n, 0],
    ["fmin.d", [NAN_D, d(3)], RNE, d(3), 0],
    ["fmax.d", [d(3), signalling], RNE, d(3), NV],
    ["fmin.d", [NAN_D | 1n, NAN_D | 2n], RNE, NAN_D, 0],
    ["fmax.s", [s(1), 0x3f800000n], RNE, s(1), 0],
  ]);
});

Deno.test("evaluateFloat converts to integers with saturation, and wu is sign-extended", () => {
  checkRows([
    ["fcvt.w.d", [d(2.5)], RNE, 2n, NX],
    ["fcvt.w.d", [d(-2.5)], RMM, -3n, NX],
    ["fcvt.w.d", [d(2 ** 31)], RNE, 2n ** 31n - 1n, NV],
    ["fcvt.w.d", [d(2 ** 31 - 0.5)], RTZ, 2n ** 31n - 1n, NX],
    ["fcvt.w.d", [NAN_D], RNE, 2n ** 31n - 1n, NV],
    ["fcvt.wu.d", [d(2 ** 32 - 1)], RNE, -1n, 0],
    ["fcvt.wu.d", [d(3e9)], RNE, 3000000000n - 2n ** 32n, 0],
    ["fcvt.wu.d", [d(-0.5)], RNE, 0n, NX],
    ["fcvt.wu.d", [d(-0.5)], RDN, 0n, NV],
    ["fcvt.wu.s", [0n], RNE, -1n, NV],
    ["fcvt.l.s", [s(-Infinity)], RNE, -(2n ** 63n), NV],
    ["fcvt.lu.d", [d(2 ** 64)], RNE, -1n, NV],
    ["fcvt.lu.d", [d(-1)], RNE, 0n, NV],
  ]);
});

Deno.test("evaluateFloat converts from integers and between formats", () => {
  checkRows([
    ["fcvt.d.w", [0x1_ffff_ffffn], RNE, d(-1), 0],
    ["fcvt.d.wu", [-1n], RNE, d(2 ** 32 - 1), 0],
    ["fcvt.d.l", [2n ** 53n + 1n], RNE, d(2 ** 53), NX],
    ["fcvt.d.l", [2n ** 53n + 1n], RUP, d(2 ** 53 + 2), NX],
    ["fcvt.s.lu", [-1n], RTZ, s(2 ** 64 - 2 ** 40), NX],
    ["fcvt.s.d", [d(1 + 2 ** -24)], RMM, s(1 + 2 ** -23), NX],
    ["fcvt.s.d", [d(1e300)], RNE, s(Infinity), OF | NX],
    ["fcvt.s.d", [0x7ff0000000000001n], RNE, NAN_S, NV],
    ["fcvt.d.s", [s(2 ** -149)], RNE, d(2 ** -149), 0],
    ["fcvt.d.s", [0x3f800000n], RNE, NAN_D, 0],
  ]);
});

Deno.test("evaluateFloat classifies, and reads a badly boxed single as the canonical NaN", () => {
  const values = [-Infinity, -1, -(2 ** -149), -0, 0, 2 ** -149, 1, Infinity];
  values.forEach((value, bit) => checkRows([["fclass.s", [s(value)], RNE, 1n << BigInt(bit), 0]]));
  checkRows([
    ["fclass.s", [0x7f800001n | BOX], RNE, 1n << 8n, 0],
    ["fclass.s", [0x7f800001n], RNE, 1n << 9n, 0],
    ["fsgnj.s", [0x7f800001n, s(1)], RNE, NAN_S, 0],
    ["fsgnj.s", [s(1), 0x7f800001n], RNE, s(1), 0],
    ["fsgnjx.s", [0xff800001n | BOX, s(-1)], RNE, 0x7f800001n | BOX, 0],
    ["fsgnjn.d", [0x7ff0_0000_0000_0001n, d(1)], RNE, 0xfff0_0000_0000_0001n, 0],
  ]);
  assert.throws(() => evaluateFloat("fadd.s", [s(1)], RNE), TypeError);
});
