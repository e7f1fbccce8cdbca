/**
 * The reference for F and D arithmetic: every operation over `bigint`, exact first and rounded once (Unprivileged ISA, chapters "F"
 * and "D"; IEEE 754-2019). Slow and obviously right: for the oracle and for tests.
 *
 * @module
 */
import {
  FLOAT_HELPERS,
  FloatFlag,
  type FloatFormat,
  type FloatHelper,
  type FloatOperation,
  type IntegerFormat,
  RoundingMode,
} from "./helpers.ts";
import {
  asFraction,
  bitLength,
  canonicalNan,
  decode,
  type FloatNumber,
  type FloatResult,
  type FormatParameters,
  FORMATS,
  infinityBits,
  roundToFormat,
  roundToInteger,
  withSign,
} from "./reference_number.ts";

type Operation = (format: FormatParameters, operands: FloatNumber[], rm: number) => FloatResult;
type Finite = Extract<FloatNumber, { kind: "finite" }>;

const BOX = 0xffffffff_00000000n;

/**
 * Does what the instruction `name` does.
 *
 * @param operands Raw registers, 64 bits; only the low 64 bits count
 * @param rm Effective rounding mode, 0..4; ignored by operations without one
 * @returns The raw register, unsigned 64 bits, and the flags raised
 */
export function evaluateFloat(name: FloatHelper, operands: readonly bigint[], rm: number): FloatResult {
  const raw = operands.map((operand) => BigInt.asUintN(64, operand));
  if (raw.length !== FLOAT_HELPERS[name].operands) {
    throw new TypeError(`Cannot evaluate '${name}' with ${raw.length} operands`);
  }
  const [mnemonic, to, from] = name.split(".") as [string, FloatFormat | IntegerFormat, (FloatFormat | IntegerFormat)?];
  if (from !== undefined) return convert(to, from, raw[0], rm);
  const suffix = to as FloatFormat;
  const operation = mnemonic as FloatOperation;
  const numbers = raw.map((operand) => decode(FORMATS[suffix], unbox(suffix, operand)));
  if (operation in INTEGER_RESULT) return INTEGER_RESULT[operation]!(FORMATS[suffix], numbers, rm);
  if (operation in INJECTED_SIGN) {
    const sign = withSign(FORMATS[suffix], true, 0n);
    const [a, b] = raw.map((operand) => unbox(suffix, operand));
    return box(suffix, { value: a & ~sign | INJECTED_SIGN[operation]!(a, b) & sign, flags: 0 });
  }
  if (operation === "fmin" || operation === "fmax") {
    return box(suffix, minimumMaximum(suffix, operation === "fmax", raw.map((r) => unbox(suffix, r)), numbers));
  }
  return box(suffix, FLOAT_RESULT[operation]!(FORMATS[suffix], numbers, rm));
}

/** Bits of the operand in a register: a single that is not boxed reads as the canonical NaN. */
function unbox(format: FloatFormat, register: bigint): bigint {
  if (format === "d") return register;
  return (register & BOX) === BOX ? register & ~BOX : canonicalNan(FORMATS.s);
}

function box(format: FloatFormat, { value, flags }: FloatResult): FloatResult {
  return { value: format === "d" ? value : value | BOX, flags };
}

const FLOAT_RESULT: Partial<Record<FloatOperation, Operation>> = {
  fadd: (format, [a, b], rm) => add(format, a, b, rm),
  fsub: (format, [a, b], rm) => add(format, a, negated(b), rm),
  fmul: (format, [a, b], rm) => multiply(format, a, b, rm),
  fdiv: (format, [a, b], rm) => divide(format, a, b, rm),
  fsqrt: (format, [a], rm) => squareRoot(format, a, rm),
  fmadd: (format, [a, b, c], rm) => fusedMultiplyAdd(format, a, b, c, rm),
  fmsub: (format, [a, b, c], rm) => fusedMultiplyAdd(format, a, b, negated(c), rm),
  fnmsub: (format, [a, b, c], rm) => fusedMultiplyAdd(format, negated(a), b, c, rm),
  fnmadd: (format, [a, b, c], rm) => fusedMultiplyAdd(format, negated(a), b, negated(c), rm),
};

const INTEGER_RESULT: Partial<Record<FloatOperation, Operation>> = {
  feq: (_, [a, b]) => compareQuietly(a, b),
  flt: (_, [a, b]) => compareSignalling(a, b, (order) => order < 0),
  fle: (_, [a, b]) => compareSignalling(a, b, (order) => order <= 0),
  fclass: (format, [a]) => ({ value: 1n << BigInt(classify(format, a)), flags: 0 }),
};

/** The sign bit of the result, among bits that do not count. */
const INJECTED_SIGN: Partial<Record<FloatOperation, (a: bigint, b: bigint) => bigint>> = {
  fsgnj: (_, b) => b,
  fsgnjn: (_, b) => ~b,
  fsgnjx: (a, b) => a ^ b,
};

function negated(a: FloatNumber): FloatNumber {
  return { ...a, negative: !a.negative };
}

function isZero(a: FloatNumber): boolean {
  return a.kind === "finite" && a.significand === 0n;
}

function anySignalling(operands: readonly FloatNumber[]): boolean {
  return operands.some((a) => a.kind === "nan" && a.signalling);
}

function invalid(format: FormatParameters): FloatResult {
  return { value: canonicalNan(format), flags: FloatFlag.invalid };
}

/** The result if an operand is a NaN, else undefined. */
function nanResult(format: FormatParameters, ...operands: FloatNumber[]): FloatResult | undefined {
  if (!operands.some((a) => a.kind === "nan")) return undefined;
  return { value: canonicalNan(format), flags: anySignalling(operands) ? FloatFlag.invalid : 0 };
}

function infinity(format: FormatParameters, negative: boolean): FloatResult {
  return { value: withSign(format, negative, infinityBits(format)), flags: 0 };
}

function zero(format: FormatParameters, negative: boolean): FloatResult {
  return { value: withSign(format, negative, 0n), flags: 0 };
}

/** Sum of two finite numbers as an integer in units of the smaller quantum; a zero sum gets its sign from IEEE 754 clause 6.3. */
function addFinite(format: FormatParameters, a: Finite, b: Finite, rm: number): FloatResult {
  const exponent = Math.min(a.exponent, b.exponent);
  const scaled = (x: Finite): bigint => (x.significand << BigInt(x.exponent - exponent)) * (x.negative ? -1n : 1n);
  const sum = scaled(a) + scaled(b);
  if (sum === 0n) {
    return zero(format, a.negative === b.negative ? a.negative : rm === RoundingMode.down);
  }
  return roundToFormat(format, sum < 0n, { numerator: sum < 0n ? -sum : sum, exponent }, rm);
}

function add(format: FormatParameters, a: FloatNumber, b: FloatNumber, rm: number): FloatResult {
  const nan = nanResult(format, a, b);
  if (nan !== undefined) return nan;
  if (a.kind === "infinite" && b.kind === "infinite" && a.negative !== b.negative) return invalid(format);
  if (a.kind === "infinite") return infinity(format, a.negative);
  if (b.kind === "infinite") return infinity(format, b.negative);
  return addFinite(format, a as Finite, b as Finite, rm);
}

function multiply(format: FormatParameters, a: FloatNumber, b: FloatNumber, rm: number): FloatResult {
  const nan = nanResult(format, a, b);
  if (nan !== undefined) return nan;
  const negative = a.negative !== b.negative;
  if (a.kind === "infinite" || b.kind === "infinite") {
    return isZero(a) || isZero(b) ? invalid(format) : infinity(format, negative);
  }
  const product = multiplyFinite(a as Finite, b as Finite);
  if (product.significand === 0n) return zero(format, negative);
  return roundToFormat(format, negative, { numerator: product.significand, exponent: product.exponent }, rm);
}

function multiplyFinite(a: Finite, b: Finite): Finite {
  return {
    kind: "finite",
    negative: a.negative !== b.negative,
    significand: a.significand * b.significand,
    exponent: a.exponent + b.exponent,
  };
}

function divide(format: FormatParameters, a: FloatNumber, b: FloatNumber, rm: number): FloatResult {
  const nan = nanResult(format, a, b);
  if (nan !== undefined) return nan;
  const negative = a.negative !== b.negative;
  if (a.kind === "infinite") return b.kind === "infinite" ? invalid(format) : infinity(format, negative);
  if (b.kind === "infinite") return zero(format, negative);
  const [x, y] = [a as Finite, b as Finite];
  if (y.significand === 0n) {
    return x.significand === 0n
      ? invalid(format)
      : { value: infinity(format, negative).value, flags: FloatFlag.divideByZero };
  }
  if (x.significand === 0n) return zero(format, negative);
  const quotient = { numerator: x.significand, denominator: y.significand, exponent: x.exponent - y.exponent };
  return roundToFormat(format, negative, quotient, rm);
}

function squareRoot(format: FormatParameters, a: FloatNumber, rm: number): FloatResult {
  const nan = nanResult(format, a);
  if (nan !== undefined) return nan;
  if (isZero(a)) return zero(format, a.negative);
  if (a.negative) return invalid(format);
  if (a.kind === "infinite") return infinity(format, false);
  const { significand, exponent } = a as Finite;
  // the floor of the root with 128 bits to spare; a one behind it stands for the irrational rest
  const even = exponent & 1 ? exponent - 1 : exponent;
  const radicand = (significand << BigInt(exponent - even)) << 256n;
  const root = integerSquareRoot(radicand);
  const numerator = 2n * root + (root * root === radicand ? 0n : 1n);
  return roundToFormat(format, false, { numerator, exponent: even / 2 - 129 }, rm);
}

/** Floor of the square root of a positive integer, by Newton's method from above. */
function integerSquareRoot(value: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(bitLength(value) / 2));
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function fusedMultiplyAdd(
  format: FormatParameters,
  a: FloatNumber,
  b: FloatNumber,
  c: FloatNumber,
  rm: number,
): FloatResult {
  // the ISA makes infinity times zero invalid even if the addend is a quiet NaN
  if ((a.kind === "infinite" && isZero(b)) || (isZero(a) && b.kind === "infinite")) return invalid(format);
  const nan = nanResult(format, a, b, c);
  if (nan !== undefined) return nan;
  const negative = a.negative !== b.negative;
  if (a.kind === "infinite" || b.kind === "infinite") return add(format, { kind: "infinite", negative }, c, rm);
  return add(format, multiplyFinite(a as Finite, b as Finite), c, rm);
}

function minimumMaximum(suffix: FloatFormat, maximum: boolean, bits: bigint[], [a, b]: FloatNumber[]): FloatResult {
  const flags = anySignalling([a, b]) ? FloatFlag.invalid : 0;
  if (a.kind === "nan" && b.kind === "nan") return { value: canonicalNan(FORMATS[suffix]), flags };
  if (a.kind === "nan") return { value: bits[1], flags };
  if (b.kind === "nan") return { value: bits[0], flags };
  // minus zero is less than plus zero here
  const order = compare(a, b) || Number(b.negative) - Number(a.negative);
  return { value: bits[(order > 0) !== maximum ? 1 : 0], flags };
}

/** Negative, zero or positive as a < b, a = b, a > b. Neither is a NaN. */
function compare(a: FloatNumber, b: FloatNumber): number {
  const key = (x: FloatNumber): bigint => {
    const magnitude = x.kind === "finite" ? x.significand << BigInt(x.exponent + 1074) : 1n << 4096n;
    return x.negative ? -magnitude : magnitude;
  };
  const [x, y] = [key(a), key(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function compareQuietly(a: FloatNumber, b: FloatNumber): FloatResult {
  if (a.kind === "nan" || b.kind === "nan") return { value: 0n, flags: anySignalling([a, b]) ? FloatFlag.invalid : 0 };
  return { value: compare(a, b) === 0 ? 1n : 0n, flags: 0 };
}

function compareSignalling(a: FloatNumber, b: FloatNumber, holds: (order: number) => boolean): FloatResult {
  if (a.kind === "nan" || b.kind === "nan") return { value: 0n, flags: FloatFlag.invalid };
  return { value: holds(compare(a, b)) ? 1n : 0n, flags: 0 };
}

/** Bit number of FCLASS. */
function classify(format: FormatParameters, a: FloatNumber): number {
  if (a.kind === "nan") return a.signalling ? 8 : 9;
  if (a.kind === "infinite") return a.negative ? 0 : 7;
  if (a.significand === 0n) return a.negative ? 3 : 4;
  if (a.significand >> BigInt(format.fraction) === 0n) return a.negative ? 2 : 5;
  return a.negative ? 1 : 6;
}

function isFloat(format: FloatFormat | IntegerFormat): format is FloatFormat {
  return format === "s" || format === "d";
}

function convert(
  to: FloatFormat | IntegerFormat,
  from: FloatFormat | IntegerFormat,
  raw: bigint,
  rm: number,
): FloatResult {
  if (!isFloat(from)) return box(to as FloatFormat, fromInteger(FORMATS[to as FloatFormat], from, raw, rm));
  const a = decode(FORMATS[from], unbox(from, raw));
  if (!isFloat(to)) return toInteger(to, a, rm);
  const format = FORMATS[to];
  const nan = nanResult(format, a);
  if (nan !== undefined) return box(to, nan);
  if (a.kind === "infinite") return box(to, infinity(format, a.negative));
  const { negative, significand, exponent } = a as Finite;
  if (significand === 0n) return box(to, zero(format, negative));
  return box(to, roundToFormat(format, negative, { numerator: significand, exponent }, rm));
}

function fromInteger(format: FormatParameters, from: IntegerFormat, raw: bigint, rm: number): FloatResult {
  const bits = from.startsWith("w") ? 32 : 64;
  const value = from.endsWith("u") ? BigInt.asUintN(bits, raw) : BigInt.asIntN(bits, raw);
  if (value === 0n) return zero(format, false);
  return roundToFormat(format, value < 0n, { numerator: value < 0n ? -value : value, exponent: 0 }, rm);
}

function toInteger(to: IntegerFormat, a: FloatNumber, rm: number): FloatResult {
  const bits = BigInt(to.startsWith("w") ? 32 : 64);
  const [minimum, maximum] = to.endsWith("u")
    ? [0n, (1n << bits) - 1n]
    : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  const register = (value: bigint): bigint => BigInt.asUintN(64, BigInt.asIntN(Number(bits), value));
  if (a.kind === "nan") return { value: register(maximum), flags: FloatFlag.invalid };
  if (a.kind === "infinite") return { value: register(a.negative ? minimum : maximum), flags: FloatFlag.invalid };
  const [numerator, denominator] = asFraction({ numerator: a.significand, exponent: a.exponent }, 0);
  const { integer, inexact } = roundToInteger(numerator, denominator, a.negative, rm);
  const value = a.negative ? -integer : integer;
  if (value < minimum) return { value: register(minimum), flags: FloatFlag.invalid };
  if (value > maximum) return { value: register(maximum), flags: FloatFlag.invalid };
  return { value: register(value), flags: inexact ? FloatFlag.inexact : 0 };
}
