/** Seeded operands for floating-point tests, weighted towards where implementations go wrong. @module */
import {
  FLOAT_HELPERS,
  type FloatFormat,
  type FloatHelper,
  type IntegerFormat,
} from "../../../../arch/riscv/float/helpers.ts";
import { evaluateFloat } from "../../../../arch/riscv/float/reference.ts";

/** Puts a single's bits into a register. */
export const BOX = 0xffffffff_00000000n;

const WIDTH = { s: { bits: 32, fraction: 23, bias: 127 }, d: { bits: 64, fraction: 52, bias: 1023 } } as const;

/** A small fast generator (mulberry32): the same seed gives the same cases everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 <= n < limit, for limits up to 2^32. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  bits64(): bigint {
    return (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32));
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }
}

/** A fraction field: random, sparse, or next to a power of two or a tie of the other format. */
function fraction(random: Random, width: number): bigint {
  const mask = (1n << BigInt(width)) - 1n;
  const one = (n: number): bigint => 1n << BigInt(random.below(n));
  switch (random.below(8)) {
    case 0:
      return 0n;
    case 1:
      return mask;
    case 2:
      return one(width);
    case 3:
      return mask ^ one(width);
    case 4:
      return (one(width) | one(width) | one(4)) & mask;
    case 5: // few significant bits, so that products and quotients are exact or tie
      return (random.bits64() << BigInt(width - random.below(Math.min(width, 24)))) & mask;
    case 6: // near a tie of a narrower format
      return ((random.bits64() << 29n | 0x10000000n) + BigInt(random.below(3) - 1)) & mask;
    default:
      return random.bits64() & mask;
  }
}

function biasedExponent(random: Random, format: FloatFormat): number {
  const { fraction, bias } = WIDTH[format];
  const top = 2 * bias + 1;
  switch (random.below(8)) {
    case 0:
      return random.pick([0, 0, 1, 2, top - 1, top]);
    case 1:
      return random.below(fraction + 8);
    case 2:
      return top - 1 - random.below(fraction + 8);
    case 3: // doubles at the edges of single
      return format === "d" ? bias + random.pick([-126, 127, -149]) + random.below(5) - 2 : random.below(top);
    case 4:
      return random.below(top + 1);
    default: // around one
      return bias + random.below(2 * fraction + 6) - fraction - 3;
  }
}

/** Zero, infinity, NaNs of both kinds, one, the smallest and largest numbers. */
function specialMagnitude(random: Random, format: FloatFormat): bigint {
  const { fraction: width, bias } = WIDTH[format];
  const unit = 1n << BigInt(width);
  const infinity = BigInt(2 * bias + 1) * unit;
  const values = [0n, 0n, infinity, infinity, infinity + 1n, infinity + unit / 2n, BigInt(bias) * unit];
  return random.pick([...values, 1n, unit - 1n, unit, infinity - 1n]);
}

/** Bits of a floating-point number. */
export function floatBits(random: Random, format: FloatFormat): bigint {
  const { bits, fraction: width } = WIDTH[format];
  const sign = BigInt(random.below(2)) << BigInt(bits - 1);
  if (random.below(12) === 0) return sign | specialMagnitude(random, format);
  return sign | (BigInt(biasedExponent(random, format)) << BigInt(width)) | fraction(random, width);
}

/** The same number, its neighbours, its negative: for cancellation and comparison. */
function relative(random: Random, format: FloatFormat, bits: bigint): bigint {
  const width = WIDTH[format].bits;
  const flipped = random.below(2) === 0 ? bits : bits ^ (1n << BigInt(width - 1));
  return BigInt.asUintN(width, flipped + BigInt(random.below(5) - 2));
}

function register(random: Random, format: FloatFormat, bits: bigint): bigint {
  if (format === "d") return bits;
  return random.below(40) === 0 ? bits | (random.bits64() & BOX) : bits | BOX;
}

function integerRegister(random: Random, format: IntegerFormat): bigint {
  const edge = random.pick([0n, 1n << 31n, 1n << 32n, 1n << 63n, 1n << 24n, 1n << 53n, 1n << 54n, 1n << 25n]);
  const near = edge + BigInt(random.below(9) - 4);
  const shifted = random.bits64() >> BigInt(random.below(64));
  const sparse = (1n << BigInt(random.below(64))) + (1n << BigInt(random.below(64))) + BigInt(random.below(3) - 1);
  const value = random.pick([near, shifted, sparse, random.bits64()]) * random.pick([1n, -1n]);
  return format.startsWith("w") && random.below(4) > 0 ? BigInt.asIntN(32, value) : value;
}

/** A number next to an integer, a half, or a limit of an integer format. */
function nearInteger(random: Random, format: FloatFormat): bigint {
  const halves = Number(BigInt.asIntN(64, integerRegister(random, "l"))) / random.pick([1, 2, 4]);
  const buffer = new DataView(new ArrayBuffer(8));
  if (format === "d") buffer.setFloat64(0, halves);
  else buffer.setFloat32(0, halves);
  return relative(random, format, format === "d" ? buffer.getBigUint64(0) : BigInt(buffer.getUint32(0)));
}

/** The addend that nearly cancels the product of two registers. */
function cancelling(random: Random, format: FloatFormat, a: bigint, b: bigint): bigint {
  const product = evaluateFloat(`fmul.${format}`, [a, b], random.below(5)).value;
  return relative(random, format, BigInt.asUintN(WIDTH[format].bits, product));
}

/** Register operands for an operation. */
export function operandsFor(random: Random, name: FloatHelper): bigint[] {
  const source = name.split(".").at(-1)!;
  if (source !== "s" && source !== "d") return [BigInt.asUintN(64, integerRegister(random, source as IntegerFormat))];
  const toInteger = /^fcvt\.(w|l)/.test(name);
  const first = toInteger && random.below(2) === 0 ? nearInteger(random, source) : floatBits(random, source);
  const operands = [register(random, source, first)];
  const { operands: count } = FLOAT_HELPERS[name];
  if (count > 1) {
    const second = random.below(4) === 0 ? relative(random, source, first) : floatBits(random, source);
    operands.push(register(random, source, second));
  }
  if (count > 2) {
    const third = random.below(3) === 0
      ? cancelling(random, source, operands[0], operands[1])
      : floatBits(random, source);
    operands.push(register(random, source, third));
  }
  return operands;
}
