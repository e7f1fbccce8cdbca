/** The generated WebAssembly operations agree with the reference: results, boxes and every flag. @module */
import assert from "node:assert/strict";
import { FLOAT_HELPERS, type FloatHelper } from "../../../../arch/riscv/float/helpers.ts";
import { emitFloatHelpers } from "../../../../arch/riscv/float/operations.ts";
import { evaluateFloat } from "../../../../arch/riscv/float/reference.ts";
import { binary, i32Const, load, ModuleBuilder } from "../../../../core/wasm/mod.ts";
import { BOX, operandsFor, Random } from "./cases.ts";

const NAMES = Object.keys(FLOAT_HELPERS) as FloatHelper[];
const SEED = 20260;
const CASES = Number(Deno.env.get("FLOAT_CASES") ?? 20000);

interface Machine {
  readonly helpers: Record<FloatHelper, (...args: (bigint | number)[]) => bigint>;
  /** fflags, at index 0. */
  readonly fflags: Int32Array;
}

function instantiate(): Machine {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", 1, false);
  const fflags = load("i32.load", i32Const(0));
  const references = emitFloatHelpers(module, (f, flags) => {
    f.store("i32.store", i32Const(0), binary("i32.or", load("i32.load", i32Const(0)), flags));
  }, fflags);
  for (const [name, reference] of Object.entries(references)) {
    module.function(`export ${name}`, [...reference.params], ["i64"], (f) => {
      f.returnCall(reference, ...reference.params.map((_, index) => f.param(index)));
    }, { export: true });
  }
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env: { memory } });
  const helpers = Object.fromEntries(NAMES.map((name) => [name, exports[`export ${name}`]])) as Machine["helpers"];
  return { helpers, fflags: new Int32Array(memory.buffer) };
}

const machine = instantiate();

function check(name: FloatHelper, operands: bigint[], rm: number, flagsBefore: number, origin: string): void {
  const expected = evaluateFloat(name, operands, rm);
  machine.fflags[0] = flagsBefore;
  const args = FLOAT_HELPERS[name].rounding ? [...operands, rm] : operands;
  const value = BigInt.asUintN(64, machine.helpers[name](...args));
  if (value === expected.value && machine.fflags[0] === (flagsBefore | expected.flags)) return;
  const hex = (n: bigint): string => n.toString(16).padStart(16, "0");
  assert.fail(
    `${name} ${operands.map(hex).join(" ")} rm ${rm} fflags ${flagsBefore} (${origin}): got ${hex(value)} fflags ` +
      `${machine.fflags[0]}, expected ${hex(expected.value)} fflags ${flagsBefore | expected.flags}`,
  );
}

for (const name of NAMES) {
  Deno.test(`emitFloatHelpers: ${name} agrees with evaluateFloat on random operands`, () => {
    const random = new Random(SEED + NAMES.indexOf(name));
    for (let n = 0; n < CASES; n++) {
      // nearest-even more often, because it alone has fast paths
      const rm = random.pick([0, 0, 0, 1, 2, 3, 4]);
      check(name, operandsFor(random, name), rm, random.pick([0, 0, 1, 30]), `seed ${SEED}, case ${n}`);
    }
  });
}

Deno.test("emitFloatHelpers agrees with evaluateFloat on all pairs of special operands", () => {
  const doubles = [0n, 1n, 0xf_ffff_ffff_ffffn, 0x10_0000_0000_0000n, 0x3fef_ffff_ffff_ffffn, 0x3ff0_0000_0000_0000n];
  doubles.push(0x3ff0_0000_0000_0001n, 0x7fef_ffff_ffff_ffffn, 0x7ff0_0000_0000_0000n, 0x7ff0_0000_0000_0001n);
  doubles.push(0x7ff8_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn, 0x41df_ffff_ffc0_0000n, 0x43e0_0000_0000_0000n);
  const singles = [0n, 1n, 0x7f_ffffn, 0x80_0000n, 0x3f7f_ffffn, 0x3f80_0000n, 0x3f80_0001n, 0x7f7f_ffffn].map((n) =>
    n | BOX
  );
  singles.push(
    ...[0x7f80_0000n, 0x7f80_0001n, 0x7fc0_0000n, 0x7fff_ffffn, 0x4f00_0000n].map((n) => n | BOX),
    0x3f80_0000n,
  );
  for (const name of NAMES) {
    const single = name.endsWith(".s");
    const sign = single ? 1n << 31n : 1n << 63n;
    const values = (single ? singles : doubles).flatMap((n) => [n, n | sign]);
    const { operands: count, rounding } = FLOAT_HELPERS[name];
    const thirds = count < 3 ? [0n] : values.filter((_, index) => index % 3 === 0);
    for (const a of values) {
      for (const b of count < 2 ? [0n] : values) {
        for (const c of thirds) {
          for (const rm of rounding ? (count < 3 ? [0, 1, 2, 3, 4] : [0, 2]) : [0]) {
            check(name, [a, b, c].slice(0, count), rm, 0, "specials");
          }
        }
      }
    }
  }
});

Deno.test("emitFloatHelpers rounds results next to the smallest normal number and tells tiny ones after rounding", () => {
  const random = new Random(SEED);
  for (const format of ["s", "d"] as const) {
    const [width, box] = format === "s" ? [23n, BOX] : [52n, 0n];
    const minNormal = 1n << width;
    const half = format === "s" ? 0x3f00_0000n : 0x3fe0_0000_0000_0000n;
    for (let n = 0; n < 4000; n++) {
      const near = (bits: bigint): bigint => (bits + BigInt(random.below(9) - 4)) | box;
      const [a, b] = [near(2n * minNormal), near(half)];
      for (const rm of [0, 1, 2, 3, 4]) {
        check(`fmul.${format}`, [a, b], rm, 0, "minimum");
        check(`fdiv.${format}`, [a, near(half + 2n * minNormal)], rm, 0, "minimum");
        check(`fmadd.${format}`, [a, b, near(random.pick([0n, 1n, minNormal]))], rm, 0, "minimum");
      }
      if (format === "d") {
        check("fcvt.s.d", [near(0x3810_0000_0000_0000n - (random.bits64() & 0x3fff_ffffn))], n % 5, 0, "s");
      }
    }
  }
});

Deno.test("emitFloatHelpers: fused multiply-add sees the smallest addend behind a tie, and a tie behind the addend", () => {
  const random = new Random(SEED);
  const view = new DataView(new ArrayBuffer(8));
  const bits = { s: (x: number) => (view.setFloat32(0, x), BigInt(view.getUint32(0)) | BOX) } as Record<
    string,
    (x: number) => bigint
  >;
  bits.d = (x) => (view.setFloat64(0, x), view.getBigUint64(0));
  for (const [format, precision] of [["s", 24], ["d", 53]] as const) {
    const of = bits[format];
    for (let n = 0; n < 20000; n++) {
      // an odd product of up to precision + 2 bits, so often a tie, and an addend far below or far above it
      const width = 2 + random.below(Math.ceil(precision / 2));
      const a = random.below(2 ** width) * 2 + 1;
      const b = random.below(2 ** Math.min(30, precision + 1 - width)) * 2 + 1;
      const sign = random.pick([1, -1]);
      const far = random.below(precision * 2 + 4);
      const addend = sign *
        random.pick([0, 2 ** -far, 2 ** (far + precision - 1), (2 ** 20 - 1) * 2 ** far, 3 * 2 ** far]);
      const scale = 2 ** -random.below(precision);
      const name = random.pick(["fmadd", "fmsub", "fnmsub", "fnmadd"] as const);
      const operands = [of(a), of(b * scale), of(addend * random.pick([scale, 1]))];
      check(`${name}.${format}`, operands, random.pick([0, 0, 0, 1, 2, 3, 4]), random.pick([0, 1]), `tie ${n}`);
    }
  }
});
