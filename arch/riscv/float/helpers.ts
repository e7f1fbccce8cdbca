/**
 * Which floating-point operations exist, by instruction name, with the words that their two implementations share
 * (Unprivileged ISA, chapters "F" and "D").
 *
 * @module
 */

/** Suffix of a floating-point format: single, double. */
export type FloatFormat = "s" | "d";

/** Suffix of an integer format in conversions: 32 and 64 bits, signed and unsigned. */
export type IntegerFormat = "w" | "wu" | "l" | "lu";

/** Values of the `rm` field and of `frm`; 5 and 6 are reserved, 7 in `rm` means `frm`. */
export const RoundingMode = { nearestEven: 0, towardZero: 1, down: 2, up: 3, nearestMaxMagnitude: 4 } as const;

/** Bits of `fflags`. */
export const FloatFlag = { inexact: 1, underflow: 2, overflow: 4, divideByZero: 8, invalid: 16 } as const;

/** What an operation takes besides raw 64-bit register values; it always gives one raw 64-bit register value. */
export interface FloatHelperShape {
  /** Number of register operands. */
  readonly operands: 1 | 2 | 3;
  /** Whether the instruction has an `rm` field; the effective mode (0..4) is then the last argument. */
  readonly rounding: boolean;
}

const PER_FORMAT = {
  fadd: { operands: 2, rounding: true },
  fsub: { operands: 2, rounding: true },
  fmul: { operands: 2, rounding: true },
  fdiv: { operands: 2, rounding: true },
  fsqrt: { operands: 1, rounding: true },
  fmadd: { operands: 3, rounding: true },
  fmsub: { operands: 3, rounding: true },
  fnmsub: { operands: 3, rounding: true },
  fnmadd: { operands: 3, rounding: true },
  fmin: { operands: 2, rounding: false },
  fmax: { operands: 2, rounding: false },
  fsgnj: { operands: 2, rounding: false },
  fsgnjn: { operands: 2, rounding: false },
  fsgnjx: { operands: 2, rounding: false },
  feq: { operands: 2, rounding: false },
  flt: { operands: 2, rounding: false },
  fle: { operands: 2, rounding: false },
  fclass: { operands: 1, rounding: false },
} as const satisfies Record<string, FloatHelperShape>;

/** Operations that exist alike in both formats. */
export type FloatOperation = keyof typeof PER_FORMAT;

/** Name of an operation: the instruction's. */
export type FloatHelper =
  | `${FloatOperation}.${FloatFormat}`
  | `fcvt.${IntegerFormat}.${FloatFormat}`
  | `fcvt.${FloatFormat}.${IntegerFormat}`
  | "fcvt.s.d"
  | "fcvt.d.s";

/** Both floating-point formats. */
export const FLOAT_FORMATS: readonly FloatFormat[] = ["s", "d"];

/** All integer formats of conversions. */
export const INTEGER_FORMATS: readonly IntegerFormat[] = ["w", "wu", "l", "lu"];

/**
 * Every operation with its shape: the single list. Operands and results are raw register bits: a single that is not NaN-boxed reads
 * as the canonical NaN, a single result is boxed, an integer result is sign-extended from its width (`wu` too).
 */
export const FLOAT_HELPERS: Readonly<Record<FloatHelper, FloatHelperShape>> = listHelpers();

function listHelpers(): Record<FloatHelper, FloatHelperShape> {
  const conversion: FloatHelperShape = { operands: 1, rounding: true };
  const all: Partial<Record<FloatHelper, FloatHelperShape>> = {};
  for (const format of FLOAT_FORMATS) {
    for (const [operation, shape] of Object.entries(PER_FORMAT)) {
      all[`${operation as FloatOperation}.${format}`] = shape;
    }
    for (const integer of INTEGER_FORMATS) {
      all[`fcvt.${integer}.${format}`] = conversion;
      all[`fcvt.${format}.${integer}`] = conversion;
    }
  }
  all["fcvt.s.d"] = conversion;
  all["fcvt.d.s"] = conversion;
  return all as Record<FloatHelper, FloatHelperShape>;
}
