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
  i32Const,
  i64Const,
  ifElse,
  type ModuleBuilder,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import {
  areWords,
  constantValue,
  extended,
  Extension,
  isExtended,
  singleValue,
  type WasmValue,
  wordOf,
} from "./wasm_value.ts";

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

/** A divisor for which a division gives something special, made of the dividend. */
type DivisionCase = readonly [bigint, (dividend: WasmValue) => WasmValue];

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
    return constantValue(value);
  }

  bind(value: WasmValue): WasmValue {
    if (value.word === undefined || !value.extension) return { expr: this.code.let(value.expr) };
    return extended(this.code.let(value.word()), value.extension);
  }

  add(a: WasmValue, b: WasmValue): WasmValue {
    if (b.constant === 0n) return a;
    return a.constant === 0n ? b : this.#onWords("add", a, b);
  }

  sub(a: WasmValue, b: WasmValue): WasmValue {
    return this.#onWords("sub", a, b);
  }

  and(a: WasmValue, b: WasmValue): WasmValue {
    return this.#bitwise("and", a, b);
  }

  or(a: WasmValue, b: WasmValue): WasmValue {
    return this.#bitwise("or", a, b);
  }

  xor(a: WasmValue, b: WasmValue): WasmValue {
    return this.#bitwise("xor", a, b);
  }

  shl(a: WasmValue, b: WasmValue): WasmValue {
    return this.#shiftedWord("shl", a, b, Extension.NONE) ?? this.#binary("i64.shl", a, b);
  }

  shrS(a: WasmValue, b: WasmValue): WasmValue {
    return this.#shiftedWord("shr_s", a, b, Extension.SIGN) ?? this.#binary("i64.shr_s", a, b);
  }

  shrU(a: WasmValue, b: WasmValue): WasmValue {
    return this.#shiftedWord("shr_u", a, b, Extension.ZERO) ?? this.#binary("i64.shr_u", a, b);
  }

  rotl(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.rotl", a, b);
  }

  rotr(a: WasmValue, b: WasmValue): WasmValue {
    return this.#binary("i64.rotr", a, b);
  }

  mul(a: WasmValue, b: WasmValue): WasmValue {
    return this.#onWords("mul", a, b);
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
    const overflow: DivisionCase = [-1n, (x) => this.sub(this.constant(0n), x)];
    return this.#divide("div_s", Extension.SIGN, a, b, [overflow, [0n, () => this.constant(-1n)]]);
  }

  divU(a: WasmValue, b: WasmValue): WasmValue {
    return this.#divide("div_u", Extension.ZERO, a, b, [[0n, () => this.constant(-1n)]]);
  }

  remS(a: WasmValue, b: WasmValue): WasmValue {
    return this.#divide("rem_s", Extension.SIGN, a, b, [[0n, (x) => x]]); // wasm defines minimum % -1 as 0, as RISC-V does
  }

  remU(a: WasmValue, b: WasmValue): WasmValue {
    return this.#divide("rem_u", Extension.ZERO, a, b, [[0n, (x) => x]]);
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

  boxSingle(a: WasmValue): WasmValue {
    return singleValue(a.low ?? unary("f32.reinterpret_i32", wordOf(a)));
  }

  sext(a: WasmValue, bits: 8 | 16 | 32): WasmValue {
    if (bits === 32) return isExtended(a, Extension.SIGN) ? a : extended(wordOf(a), Extension.SIGN);
    if (!areWords(a)) return { expr: unary(`i64.extend${bits}_s`, a.expr), extension: Extension.SIGN };
    return extended(unary(`i32.extend${bits}_s`, wordOf(a)), Extension.SIGN);
  }

  zext(a: WasmValue, bits: 8 | 16 | 32): WasmValue {
    if (bits === 32) return isExtended(a, Extension.ZERO) ? a : extended(wordOf(a), Extension.ZERO);
    return this.and(a, this.constant(bits === 8 ? 0xffn : 0xffffn));
  }

  eq(a: WasmValue, b: WasmValue): WasmValue {
    return this.#compare("eq", a, b);
  }

  ne(a: WasmValue, b: WasmValue): WasmValue {
    return this.#compare("ne", a, b);
  }

  ltS(a: WasmValue, b: WasmValue): WasmValue {
    return this.#compare("lt_s", a, b);
  }

  ltU(a: WasmValue, b: WasmValue): WasmValue {
    return this.#compare("lt_u", a, b);
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

  /** Two values that are both the sign extensions of their words compare as those do, without a sign too. */
  #compare(op: "eq" | "ne" | "lt_s" | "lt_u", a: WasmValue, b: WasmValue): WasmValue {
    const onWords = areWords(a, b) && isExtended(a, Extension.SIGN) && isExtended(b, Extension.SIGN);
    const flag = onWords ? binary(`i32.${op}`, wordOf(a), wordOf(b)) : binary(`i64.${op}`, a.expr, b.expr);
    return { expr: unary("i64.extend_i32_u", flag), flag, word: () => flag, extension: Extension.BOTH };
  }

  /** An operation whose low 32 bits follow from those of its operands. */
  #onWords(op: "add" | "sub" | "mul" | "and" | "or" | "xor", a: WasmValue, b: WasmValue): WasmValue {
    return { ...this.#binary(`i64.${op}`, a, b), word: () => binary(`i32.${op}`, wordOf(a), wordOf(b)) };
  }

  /** What follows from the words of both operands in one way does so in the result; zeros of one operand stay zeros of an `and`. */
  #bitwise(op: "and" | "or" | "xor", a: WasmValue, b: WasmValue): WasmValue {
    const [ofA, ofB] = [a.extension ?? Extension.NONE, b.extension ?? Extension.NONE];
    let extension = ofA & ofB;
    if (op === "and") {
      extension |= ofA === Extension.BOTH || ofB === Extension.BOTH ? Extension.BOTH : (ofA | ofB) & Extension.ZERO;
    }
    const isBelow32 = op === "and" && b.isBelow32 === true;
    const value = { ...this.#onWords(op, a, b), extension, isBelow32 };
    if (value.word === undefined || extension === Extension.NONE) return value;
    const widening = (extension & Extension.SIGN) !== 0 ? Extension.SIGN : Extension.ZERO;
    return { ...value, expr: extended(value.word(), widening).expr };
  }

  /**
   * A shift of a word by less than 32, if that is what this is.
   *
   * @param needs How the operand must follow from its word, none: it need not; the result follows in the same way
   */
  #shiftedWord(op: "shl" | "shr_s" | "shr_u", a: WasmValue, b: WasmValue, needs: number): WasmValue | undefined {
    if (b.isBelow32 !== true) return undefined;
    const word = (): Expr => binary(`i32.${op}`, wordOf(a), wordOf(b));
    if (needs === Extension.NONE) return { ...this.#binary("i64.shl", a, b), word };
    if (!areWords(a) || !isExtended(a, needs)) return undefined;
    return { expr: extended(word(), needs).expr, word, extension: needs };
  }

  /**
   * A division, without what traps in WebAssembly.
   *
   * @param needs How operands must follow from their words for a division of words to do
   * @param cases What replaces it, the last one first
   */
  #divide(
    op: "div_s" | "div_u" | "rem_s" | "rem_u",
    needs: number,
    a: WasmValue,
    b: WasmValue,
    cases: readonly DivisionCase[],
  ): WasmValue {
    const [x, y] = [this.bind(a), this.bind(b)];
    let expr = binary(`i64.${op}`, x.expr, y.expr);
    for (const [divisor, special] of cases) {
      expr = ifElse("i64", binary("i64.eq", y.expr, i64Const(divisor)), special(x).expr, expr, "unlikely");
    }
    if (!areWords(x, y) || !isExtended(x, needs) || !isExtended(y, needs)) return { expr };
    const word = (): Expr => {
      let result = binary(`i32.${op}`, wordOf(x), wordOf(y));
      for (const [divisor, special] of cases) {
        const isIt = binary("i32.eq", wordOf(y), i32Const(Number(divisor)));
        result = ifElse("i32", isIt, wordOf(special(x)), result, "unlikely");
      }
      return result;
    };
    return { expr, word };
  }
}
