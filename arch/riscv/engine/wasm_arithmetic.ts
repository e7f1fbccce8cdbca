/**
 * The pure part of the vocabulary of meanings, turned into WebAssembly: arithmetic that every wasm engine shares.
 *
 * @module
 */
import {
  binary,
  type BinaryOp,
  call,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i64Const,
  ifElse,
  type ModuleBuilder,
  select,
  unary,
} from "../../../core/wasm/mod.ts";

/** A value of the vocabulary: 64 bits, and for comparisons the 32-bit flag that they came from. */
export interface WasmValue {
  /** The value as i64. */
  readonly expr: Expr;
  /** The same as i32, if the value is a comparison's result. */
  readonly flag?: Expr;
}

/** Functions that arithmetic calls because WebAssembly has no such instruction. */
export interface ArithmeticHelpers {
  /** High half of an unsigned product. */
  readonly mulHighU: FunctionReference;
}

/** Adds the helpers to a module. */
export function emitArithmeticHelpers(module: ModuleBuilder): ArithmeticHelpers {
  const mulHighU = module.function("mulHighU", ["i64", "i64"], ["i64"], (f) => {
    const low = (value: Expr) => binary("i64.and", value, i64Const(0xffffffffn));
    const high = (value: Expr) => binary("i64.shr_u", value, i64Const(32));
    const [a, b] = [f.param(0), f.param(1)];
    const middle = f.let(
      binary("i64.add", binary("i64.mul", high(a), low(b)), high(binary("i64.mul", low(a), low(b)))),
    );
    const carry = binary("i64.add", binary("i64.mul", low(a), high(b)), low(middle));
    f.return(binary("i64.add", binary("i64.add", binary("i64.mul", high(a), high(b)), high(middle)), high(carry)));
  });
  return { mulHighU };
}

/** Pure operations over {@link WasmValue}; an engine adds registers, memory and jumps. */
export class WasmArithmetic {
  /** The function that code goes to. */
  protected readonly code: FunctionBuilder;
  readonly #helpers: ArithmeticHelpers;

  /** @param helpers From {@link emitArithmeticHelpers} on the same module */
  constructor(code: FunctionBuilder, helpers: ArithmeticHelpers) {
    this.code = code;
    this.#helpers = helpers;
  }

  constant(value: bigint): WasmValue {
    return { expr: i64Const(value) };
  }

  bind(value: WasmValue): WasmValue {
    return { expr: this.code.let(value.expr) };
  }

  add(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.add", a, b);
  }

  sub(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.sub", a, b);
  }

  and(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.and", a, b);
  }

  or(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.or", a, b);
  }

  xor(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.xor", a, b);
  }

  shl(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.shl", a, b);
  }

  shrS(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.shr_s", a, b);
  }

  shrU(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.shr_u", a, b);
  }

  rotl(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.rotl", a, b);
  }

  rotr(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.rotr", a, b);
  }

  mul(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.mul", a, b);
  }

  mulHighU(a: WasmValue, b: WasmValue): WasmValue {
    return { expr: call(this.#helpers.mulHighU, a.expr, b.expr) };
  }

  mulHighS(a: WasmValue, b: WasmValue): WasmValue {
    const [x, y] = [this.bind(a), this.bind(b)];
    return this.sub(this.mulHighSU(x, y), this.and(this.shrS(y, this.constant(63n)), x));
  }

  mulHighSU(a: WasmValue, b: WasmValue): WasmValue {
    const [x, y] = [this.bind(a), this.bind(b)];
    return this.sub(this.mulHighU(x, y), this.and(this.shrS(x, this.constant(63n)), y));
  }

  divS(a: WasmValue, b: WasmValue): WasmValue {
    const [x, y] = [this.bind(a), this.bind(b)];
    const nonzero = this.#unless(y, -1n, this.sub(this.constant(0n), x), binary("i64.div_s", x.expr, y.expr));
    return this.#unless(y, 0n, this.constant(-1n), nonzero);
  }

  divU(a: WasmValue, b: WasmValue): WasmValue {
    const [x, y] = [this.bind(a), this.bind(b)];
    return this.#unless(y, 0n, this.constant(-1n), binary("i64.div_u", x.expr, y.expr));
  }

  remS(a: WasmValue, b: WasmValue): WasmValue {
    const [x, y] = [this.bind(a), this.bind(b)];
    return this.#unless(y, 0n, x, binary("i64.rem_s", x.expr, y.expr)); // wasm defines minimum % -1 as 0, as RISC-V does
  }

  remU(a: WasmValue, b: WasmValue): WasmValue {
    const [x, y] = [this.bind(a), this.bind(b)];
    return this.#unless(y, 0n, x, binary("i64.rem_u", x.expr, y.expr));
  }

  clz(a: WasmValue): WasmValue {
    return { expr: unary("i64.clz", a.expr) };
  }

  ctz(a: WasmValue): WasmValue {
    return { expr: unary("i64.ctz", a.expr) };
  }

  popcount(a: WasmValue): WasmValue {
    return { expr: unary("i64.popcnt", a.expr) };
  }

  sext(a: WasmValue, bits: 8 | 16 | 32): WasmValue {
    return { expr: unary(`i64.extend${bits}_s`, a.expr) };
  }

  zext(a: WasmValue, bits: 8 | 16 | 32): WasmValue {
    if (bits === 32) return { expr: unary("i64.extend_i32_u", unary("i32.wrap_i64", a.expr)) };
    return this.and(a, this.constant(bits === 8 ? 0xffn : 0xffffn));
  }

  eq(a: WasmValue, b: WasmValue): WasmValue {
    return this.#compare("i64.eq", a, b);
  }

  ne(a: WasmValue, b: WasmValue): WasmValue {
    return this.#compare("i64.ne", a, b);
  }

  ltS(a: WasmValue, b: WasmValue): WasmValue {
    return this.#compare("i64.lt_s", a, b);
  }

  ltU(a: WasmValue, b: WasmValue): WasmValue {
    return this.#compare("i64.lt_u", a, b);
  }

  select(condition: WasmValue, whenTrue: WasmValue, whenFalse: WasmValue): WasmValue {
    return { expr: select(this.flagOf(condition), whenTrue.expr, whenFalse.expr) };
  }

  /** A value as an i32 condition. */
  protected flagOf(value: WasmValue): Expr {
    return value.flag ?? binary("i64.ne", value.expr, i64Const(0));
  }

  #binary(op: BinaryOp, a: WasmValue, b: WasmValue): WasmValue {
    return { expr: binary(op, a.expr, b.expr) };
  }

  #compare(op: BinaryOp, a: WasmValue, b: WasmValue): WasmValue {
    const flag = binary(op, a.expr, b.expr);
    return { expr: unary("i64.extend_i32_u", flag), flag };
  }

  /** `special` where `divisor` equals `value`, else what WebAssembly computes without trapping. */
  #unless(divisor: WasmValue, value: bigint, special: WasmValue, otherwise: Expr | WasmValue): WasmValue {
    const computed = "expr" in otherwise ? otherwise.expr : otherwise;
    const equal = binary("i64.eq", divisor.expr, i64Const(value));
    return { expr: ifElse("i64", equal, special.expr, computed, "unlikely") };
  }
}
