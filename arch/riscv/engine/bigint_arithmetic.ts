/**
 * The pure part of the vocabulary of meanings over `bigint`, written to be obviously right (Unprivileged ISA: RV64I, M, B).
 *
 * Values are unsigned: 0..2^64-1.
 *
 * @module
 */

const BITS = 64n;
const AMOUNT_MASK = 63n;

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

function flag(condition: boolean): bigint {
  return condition ? 1n : 0n;
}

/** Pure operations of `Ops<bigint>`. */
export class BigintArithmetic {
  /** See `Ops`, as for all members. */
  constant(value: bigint): bigint {
    return wrap(value);
  }

  /** A `bigint` is evaluated already. */
  bind(value: bigint): bigint {
    return value;
  }

  /** a + b. */
  add(a: bigint, b: bigint): bigint {
    return wrap(a + b);
  }

  /** a - b. */
  sub(a: bigint, b: bigint): bigint {
    return wrap(a - b);
  }

  /** Bitwise and. */
  and(a: bigint, b: bigint): bigint {
    return a & b;
  }

  /** Bitwise or. */
  or(a: bigint, b: bigint): bigint {
    return a | b;
  }

  /** Bitwise exclusive or. */
  xor(a: bigint, b: bigint): bigint {
    return a ^ b;
  }

  /** a << (b mod 64). */
  shl(a: bigint, b: bigint): bigint {
    return wrap(a << (b & AMOUNT_MASK));
  }

  /** Arithmetic a >> (b mod 64). */
  shrS(a: bigint, b: bigint): bigint {
    return wrap(signed(a) >> (b & AMOUNT_MASK));
  }

  /** Logical a >> (b mod 64). */
  shrU(a: bigint, b: bigint): bigint {
    return a >> (b & AMOUNT_MASK);
  }

  /** Rotates left. */
  rotl(a: bigint, b: bigint): bigint {
    const amount = b & AMOUNT_MASK;
    return wrap(a << amount) | (a >> (BITS - amount));
  }

  /** Rotates right. */
  rotr(a: bigint, b: bigint): bigint {
    return this.rotl(a, BITS - (b & AMOUNT_MASK));
  }

  /** Low half of the product. */
  mul(a: bigint, b: bigint): bigint {
    return wrap(a * b);
  }

  /** High half, signed times signed. */
  mulHighS(a: bigint, b: bigint): bigint {
    return wrap((signed(a) * signed(b)) >> BITS);
  }

  /** High half, unsigned times unsigned. */
  mulHighU(a: bigint, b: bigint): bigint {
    return (a * b) >> BITS;
  }

  /** High half, signed times unsigned. */
  mulHighSU(a: bigint, b: bigint): bigint {
    return wrap((signed(a) * b) >> BITS);
  }

  /** Signed quotient, toward zero. */
  divS(a: bigint, b: bigint): bigint {
    return b === 0n ? wrap(-1n) : wrap(signed(a) / signed(b));
  }

  /** Unsigned quotient. */
  divU(a: bigint, b: bigint): bigint {
    return b === 0n ? wrap(-1n) : a / b;
  }

  /** Signed remainder, with the dividend's sign. */
  remS(a: bigint, b: bigint): bigint {
    return b === 0n ? a : wrap(signed(a) % signed(b));
  }

  /** Unsigned remainder. */
  remU(a: bigint, b: bigint): bigint {
    return b === 0n ? a : a % b;
  }

  /** Leading zeros. */
  clz(a: bigint): bigint {
    return a === 0n ? BITS : BITS - BigInt(a.toString(2).length);
  }

  /** Trailing zeros. */
  ctz(a: bigint): bigint {
    return a === 0n ? BITS : BigInt((a & -a).toString(2).length - 1);
  }

  /** Ones. */
  popcount(a: bigint): bigint {
    return BigInt(a.toString(2).replaceAll("0", "").length);
  }

  /** Sign-extends the low `bits`. */
  sext(a: bigint, bits: 8 | 16 | 32): bigint {
    return wrap(BigInt.asIntN(bits, a));
  }

  /** Zero-extends the low `bits`. */
  zext(a: bigint, bits: 8 | 16 | 32): bigint {
    return BigInt.asUintN(bits, a);
  }

  /** Fills the upper half with ones. */
  boxSingle(a: bigint): bigint {
    return 0xffffffff_00000000n | BigInt.asUintN(32, a);
  }

  /** 1 if equal. */
  eq(a: bigint, b: bigint): bigint {
    return flag(a === b);
  }

  /** 1 if different. */
  ne(a: bigint, b: bigint): bigint {
    return flag(a !== b);
  }

  /** 1 if signed a < b. */
  ltS(a: bigint, b: bigint): bigint {
    return flag(signed(a) < signed(b));
  }

  /** 1 if unsigned a < b. */
  ltU(a: bigint, b: bigint): bigint {
    return flag(a < b);
  }

  /** `whenTrue` if the condition is not 0. */
  select(condition: bigint, whenTrue: bigint, whenFalse: bigint): bigint {
    return condition !== 0n ? whenTrue : whenFalse;
  }
}
