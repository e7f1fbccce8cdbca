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
  return {
    type: "i32",
    emit: (code) => {
      code.byte(Opcode.i32Const);
      code.s32(value);
    },
  };
}

/** A 64-bit constant; only the low 64 bits of `value` count, and a `number` must be an integer. */
export function i64Const(value: bigint | number): Expr {
  return {
    type: "i64",
    emit: (code) => {
      code.byte(Opcode.i64Const);
      code.s64(value);
    },
  };
}

/** A single-precision constant. */
export function f32Const(value: number): Expr {
  return {
    type: "f32",
    emit: (code) => {
      code.byte(Opcode.f32Const);
      code.f32(value);
    },
  };
}

/** A double-precision constant. */
export function f64Const(value: number): Expr {
  return {
    type: "f64",
    emit: (code) => {
      code.byte(Opcode.f64Const);
      code.f64(value);
    },
  };
}

/** An instruction with two operands, by its WebAssembly name. Throws a `TypeError` if the operands do not fit. */
export function binary(op: BinaryOp, left: Expr, right: Expr): Expr {
  const { code: opcode, operand, result } = BINARY_OPERATIONS.get(op)!;
  expectType(op, left, operand);
  expectType(op, right, operand);
  return {
    type: result,
    emit: (code) => {
      left.emit(code);
      right.emit(code);
      code.op(opcode);
    },
  };
}

/** An instruction with one operand, by its WebAssembly name. Throws a `TypeError` if the operand does not fit. */
export function unary(op: UnaryOp, value: Expr): Expr {
  const { code: opcode, operand, result } = UNARY_OPERATIONS.get(op)!;
  expectType(op, value, operand);
  return {
    type: result,
    emit: (code) => {
      value.emit(code);
      code.op(opcode);
    },
  };
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
  return {
    type: MEMORY_OPERATIONS.get(op)!.result,
    emit: (code) => {
      address.emit(code);
      emitMemoryOp(code, op, offset, align);
    },
  };
}

/** Atomically combines `value` into memory; the expression is the old value. The address must be naturally aligned. */
export function atomicRmw(op: AtomicOp, address: Expr, value: Expr, offset = 0): Expr {
  const type = MEMORY_OPERATIONS.get(op)!.result;
  expectType(op, address, "i32");
  expectType(op, value, type);
  return {
    type,
    emit: (code) => {
      address.emit(code);
      value.emit(code);
      emitMemoryOp(code, op, offset);
    },
  };
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
  return {
    type,
    emit: (code) => {
      address.emit(code);
      expected.emit(code);
      replacement.emit(code);
      emitMemoryOp(code, op, offset);
    },
  };
}

/** One of two values without a branch; both are computed. */
export function select(condition: Expr, whenTrue: Expr, whenFalse: Expr): Expr {
  expectType("select", condition, "i32");
  expectType("select", whenFalse, whenTrue.type);
  return {
    type: whenTrue.type,
    emit: (code) => {
      whenTrue.emit(code);
      whenFalse.emit(code);
      condition.emit(code);
      code.byte(Opcode.select);
    },
  };
}

/** One of two values by a branch; only one is computed. */
export function ifElse(type: ValueType, condition: Expr, whenTrue: Expr, whenFalse: Expr, hint?: BranchHint): Expr {
  expectType("if", condition, "i32");
  expectType("if", whenTrue, type);
  expectType("else", whenFalse, type);
  return {
    type,
    emit: (code) => {
      condition.emit(code);
      code.branch(Opcode.if, hint);
      code.byte(VALUE_TYPE_CODE[type]);
      whenTrue.emit(code);
      code.byte(Opcode.else);
      whenFalse.emit(code);
      code.byte(Opcode.end);
    },
  };
}

/** A call used as a value; the function must have exactly one result. Each use calls again: bind it to call once. */
export function call(callee: FunctionReference, ...args: Expr[]): Expr {
  expectArguments(callee.name, callee.params, args);
  return {
    type: singleResult(callee.name, callee.results),
    emit: (code) => {
      for (const arg of args) arg.emit(code);
      code.byte(Opcode.call);
      code.u32(callee.index);
    },
  };
}

/** A call through a table, used as a value; the signature must have exactly one result. */
export function callIndirect(table: TableReference, signature: Signature, index: Expr, ...args: Expr[]): Expr {
  expectArguments("call_indirect", signature.params, args);
  expectType("call_indirect", index, "i32");
  return {
    type: singleResult("call_indirect", signature.results),
    emit: (code) => emitIndirect(code, Opcode.callIndirect, table, signature, index, args),
  };
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
