/**
 * Expressions: typed trees that leave one value on the WebAssembly stack wherever they are used (Core Specification 3.4, 4.4).
 *
 * @module
 */
import type { BranchHint, Code } from "./code.ts";
import type { FunctionReference, Signature, TableReference } from "./references.ts";
import {
  type AtomicOp,
  BINARY_OPERATIONS,
  type BinaryOp,
  type CompareExchangeOp,
  type LoadOp,
  MEMORY_OPERATIONS,
  Opcode,
  type StoreOp,
  UNARY_OPERATIONS,
  type UnaryOp,
  VALUE_TYPE_CODE,
  type ValueType,
} from "./opcodes.ts";

/** Something that computes one value. It is emitted again at each use: bind it to a local to compute it once. */
export interface Expr {
  /** Type of the value. */
  readonly type: ValueType;
  /** Appends the instructions that push the value. */
  emit(code: Code): void;
}

/** A local variable or parameter; as an expression, its value at that point. */
export interface Local extends Expr {
  /** Index in the function. */
  readonly index: number;
}

/** What a {@link Node} is. */
const Form = { CONST32: 0, CONST64: 1, LOCAL: 2, TEE: 3, UNARY: 4, BINARY: 5, LOAD: 6, OTHER: 7 } as const;

/**
 * An expression. All are of one class, told apart by a number and not by what they inherit: programs that compile code while others wait
 * for it make and emit millions of them.
 */
class Node implements Local {
  readonly type: ValueType;
  /** Index of a local; the value of a 32-bit constant; the offset of a load. */
  readonly index: number;
  readonly #form: number;
  /** The instruction. */
  readonly #code: number;
  readonly #left: Expr | undefined;
  readonly #right: Expr | undefined;
  /** A 64-bit constant; log2 of a load's alignment; emits any other expression. */
  readonly #detail: bigint | number | ((code: Code) => void);

  constructor(
    type: ValueType,
    form: number,
    code: number,
    index: number,
    left?: Expr,
    right?: Expr,
    detail: bigint | number | ((code: Code) => void) = 0,
  ) {
    this.type = type;
    this.index = index;
    this.#form = form;
    this.#code = code;
    this.#left = left;
    this.#right = right;
    this.#detail = detail;
  }

  emit(code: Code): void {
    switch (this.#form) {
      case Form.CONST32:
        code.byte(Opcode.i32Const);
        return code.s32(this.index);
      case Form.CONST64:
        code.byte(Opcode.i64Const);
        return code.s64(this.#detail as bigint | number);
      case Form.LOCAL:
        code.byte(Opcode.localGet);
        return code.u32(this.index);
      case Form.TEE:
        this.#left!.emit(code);
        code.byte(Opcode.localTee);
        return code.u32(this.index);
      case Form.UNARY:
        this.#left!.emit(code);
        return code.op(this.#code);
      case Form.BINARY:
        this.#left!.emit(code);
        this.#right!.emit(code);
        return code.op(this.#code);
      case Form.LOAD:
        this.#left!.emit(code);
        code.op(this.#code);
        code.u32(this.#detail as number);
        return code.u32(this.index);
      default:
        return (this.#detail as (code: Code) => void)(code);
    }
  }
}

/** The local variable of an index. */
export function localVariable(index: number, type: ValueType): Local {
  return new Node(type, Form.LOCAL, 0, index);
}

/** An expression that assigns `local` when it is computed and has the same value. */
export function tee(local: Local, value: Expr): Expr {
  expectType("local.tee", value, local.type);
  return new Node(local.type, Form.TEE, 0, local.index, value);
}

function other(type: ValueType, emit: (code: Code) => void): Expr {
  return new Node(type, Form.OTHER, 0, 0, undefined, undefined, emit);
}

/** Throws a `TypeError` unless `expr` has type `expected`: such a mistake is one of the program that builds the module. */
export function expectType(where: string, expr: Expr, expected: ValueType): void {
  if (expr.type !== expected) {
    throw new TypeError(`Cannot use a value of type '${expr.type}' in '${where}': '${expected}' is needed`);
  }
}

/** Throws a `TypeError` unless `args` fit the parameters. */
export function expectArguments(where: string, params: readonly ValueType[], args: readonly Expr[]): void {
  if (args.length !== params.length) {
    throw new TypeError(`Cannot call '${where}' with ${args.length} arguments: it takes ${params.length}`);
  }
  params.forEach((type, index) => expectType(where, args[index], type));
}

/** A 32-bit constant; only the low 32 bits of `value` count. */
export function i32Const(value: number): Expr {
  return new Node("i32", Form.CONST32, 0, value);
}

/** A 64-bit constant; only the low 64 bits of `value` count, and a `number` must be an integer. */
export function i64Const(value: bigint | number): Expr {
  return new Node("i64", Form.CONST64, 0, 0, undefined, undefined, value);
}

/** A single-precision constant. */
export function f32Const(value: number): Expr {
  return other("f32", (code) => {
    code.byte(Opcode.f32Const);
    code.f32(value);
  });
}

/** A double-precision constant. */
export function f64Const(value: number): Expr {
  return other("f64", (code) => {
    code.byte(Opcode.f64Const);
    code.f64(value);
  });
}

/** An instruction with two operands, by its WebAssembly name. Throws a `TypeError` if the operands do not fit. */
export function binary(op: BinaryOp, left: Expr, right: Expr): Expr {
  const { code, operand, result } = BINARY_OPERATIONS.get(op)!;
  expectType(op, left, operand);
  expectType(op, right, operand);
  return new Node(result, Form.BINARY, code, 0, left, right);
}

/** An instruction with one operand, by its WebAssembly name. Throws a `TypeError` if the operand does not fit. */
export function unary(op: UnaryOp, value: Expr): Expr {
  const { code, operand, result } = UNARY_OPERATIONS.get(op)!;
  expectType(op, value, operand);
  return new Node(result, Form.UNARY, code, 0, value);
}

/** Appends a memory instruction; its operands are on the stack. `align` is in bytes and defaults to the access width. */
export function emitMemoryOp(
  code: Code,
  op: LoadOp | StoreOp | AtomicOp | CompareExchangeOp,
  offset: number,
  align?: number,
): void {
  const operation = MEMORY_OPERATIONS.get(op)!;
  code.op(operation.code);
  code.u32(align === undefined ? operation.align : Math.log2(align));
  code.u32(offset);
}

/**
 * Reads memory.
 *
 * @param address An `i32`, in bytes, unsigned
 * @param offset Bytes added to the address without wrapping, below 2^32
 * @param align Promised alignment in bytes; it is only a hint and defaults to the access width
 */
export function load(op: LoadOp, address: Expr, offset = 0, align?: number): Expr {
  expectType(op, address, "i32");
  const { code, result, align: natural } = MEMORY_OPERATIONS.get(op)!;
  return new Node(
    result,
    Form.LOAD,
    code,
    offset,
    address,
    undefined,
    align === undefined ? natural : Math.log2(align),
  );
}

/** Atomically combines `value` into memory; the expression is the old value. The address must be naturally aligned. */
export function atomicRmw(op: AtomicOp, address: Expr, value: Expr, offset = 0): Expr {
  const type = MEMORY_OPERATIONS.get(op)!.result;
  expectType(op, address, "i32");
  expectType(op, value, type);
  return other(type, (code) => {
    address.emit(code);
    value.emit(code);
    emitMemoryOp(code, op, offset);
  });
}

/** Atomically replaces memory if it holds `expected`; the expression is the old value. The address must be naturally aligned. */
export function atomicCompareExchange(
  op: CompareExchangeOp,
  address: Expr,
  expected: Expr,
  replacement: Expr,
  offset = 0,
): Expr {
  const type = MEMORY_OPERATIONS.get(op)!.result;
  expectType(op, address, "i32");
  expectType(op, expected, type);
  expectType(op, replacement, type);
  return other(type, (code) => {
    address.emit(code);
    expected.emit(code);
    replacement.emit(code);
    emitMemoryOp(code, op, offset);
  });
}

/** One of two values without a branch; both are computed. */
export function select(condition: Expr, whenTrue: Expr, whenFalse: Expr): Expr {
  expectType("select", condition, "i32");
  expectType("select", whenFalse, whenTrue.type);
  return other(whenTrue.type, (code) => {
    whenTrue.emit(code);
    whenFalse.emit(code);
    condition.emit(code);
    code.byte(Opcode.select);
  });
}

/** One of two values by a branch; only one is computed. */
export function ifElse(type: ValueType, condition: Expr, whenTrue: Expr, whenFalse: Expr, hint?: BranchHint): Expr {
  expectType("if", condition, "i32");
  expectType("if", whenTrue, type);
  expectType("else", whenFalse, type);
  return other(type, (code) => {
    condition.emit(code);
    code.branch(Opcode.if, hint);
    code.byte(VALUE_TYPE_CODE[type]);
    whenTrue.emit(code);
    code.byte(Opcode.else);
    whenFalse.emit(code);
    code.byte(Opcode.end);
  });
}

/** A call used as a value; the function must have exactly one result. Each use calls again: bind it to call once. */
export function call(callee: FunctionReference, ...args: Expr[]): Expr {
  expectArguments(callee.name, callee.params, args);
  return other(singleResult(callee.name, callee.results), (code) => {
    for (const arg of args) arg.emit(code);
    code.byte(Opcode.call);
    code.u32(callee.index);
  });
}

/** A call through a table, used as a value; the signature must have exactly one result. */
export function callIndirect(table: TableReference, signature: Signature, index: Expr, ...args: Expr[]): Expr {
  expectArguments("call_indirect", signature.params, args);
  expectType("call_indirect", index, "i32");
  return other(
    singleResult("call_indirect", signature.results),
    (code) => emitIndirect(code, Opcode.callIndirect, table, signature, index, args),
  );
}

/** Appends an indirect call of either kind with its arguments and table index. */
export function emitIndirect(
  code: Code,
  opcode: number,
  table: TableReference,
  signature: Signature,
  index: Expr,
  args: readonly Expr[],
): void {
  for (const arg of args) arg.emit(code);
  index.emit(code);
  code.byte(opcode);
  code.u32(signature.index);
  code.u32(table.index);
}

function singleResult(where: string, results: readonly ValueType[]): ValueType {
  if (results.length !== 1) throw new TypeError(`Cannot use '${where}' as a value: it has ${results.length} results`);
  return results[0];
}
