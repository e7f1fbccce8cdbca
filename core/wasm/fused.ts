/**
 * Fused multiply-add out of relaxed SIMD, which rounds once or twice as the host likes (Core Specification 3.0, "Relaxed SIMD"): a
 * test tells which.
 *
 * @module
 */
import type { Code } from "./code.ts";
import { expectType, type Expr } from "./expression.ts";
import { ModuleBuilder } from "./module_builder.ts";

const SIMD = 0xfd;

/** Instructions of one format, behind the prefix. */
const FORMATS = {
  f32: { splat: 0x13, extractLane: 0x1f, multiplyAdd: 0x105 },
  f64: { splat: 0x14, extractLane: 0x21, multiplyAdd: 0x107 },
} as const;

/** A format that has fused multiply-add. */
export type FusedType = keyof typeof FORMATS;

/** `a * b + c`, rounded once if {@link fusesMultiplyAdd}; the operands are lane 0 of vectors, which never become values. */
export function multiplyAdd(type: FusedType, a: Expr, b: Expr, c: Expr): Expr {
  const { splat, extractLane, multiplyAdd } = FORMATS[type];
  for (const operand of [a, b, c]) expectType("relaxed_madd", operand, type);
  const op = (code: Code, opcode: number): void => {
    code.byte(SIMD);
    code.u32(opcode);
  };
  return {
    type,
    emit: (code) => {
      for (const operand of [a, b, c]) {
        operand.emit(code);
        op(code, splat);
      }
      op(code, multiplyAdd);
      op(code, extractLane);
      code.byte(0);
    },
  };
}

let fuses: boolean | undefined;

/** Whether this host's {@link multiplyAdd} rounds once, in both formats; tried out at the first call. */
export function fusesMultiplyAdd(): boolean {
  return fuses ??= tryOut("f32", 2 ** -23) && tryOut("f64", 2 ** -52);
}

/** (1 + e)^2 - (1 + 2e) is e^2, which the rounded product has lost. */
function tryOut(type: FusedType, epsilon: number): boolean {
  const module = new ModuleBuilder();
  module.function("fma", [type, type, type], [type], (f) => {
    f.return(multiplyAdd(type, f.param(0), f.param(1), f.param(2)));
  }, { export: true });
  const bytes = module.build();
  if (!WebAssembly.validate(bytes)) return false;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const fma = exports.fma as (a: number, b: number, c: number) => number;
  return fma(1 + epsilon, 1 + epsilon, -(1 + 2 * epsilon)) === epsilon ** 2;
}
