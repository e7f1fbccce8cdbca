/**
 * The body of one WebAssembly function: locals, statements and structured control flow with labels instead of depths
 * (Core Specification 2.4.8, 5.4.1).
 *
 * @module
 */
import type { BranchHint, Code } from "./code.ts";
import {
  emitIndirect,
  emitMemoryOp,
  expectArguments,
  expectType,
  type Expr,
  type Local,
  localVariable,
  tee,
} from "./expression.ts";
import type { FunctionReference, Signature, TableReference } from "./references.ts";
import { MEMORY_OPERATIONS, Opcode, type StoreOp, type ValueType, VOID_BLOCK } from "./opcodes.ts";

/** Target of a branch: the end of a block, or the start of a loop. Valid inside its body only. */
export interface Label {
  /** Constructs that enclose the body, this one included; -1 once the body is closed. */
  readonly depth: number;
}

/** Emits the body of a function, statement by statement. */
export class FunctionBuilder {
  /** The instructions so far. */
  readonly code: Code;
  /** Types of the locals that are not parameters, by index from the first one. */
  readonly localTypes: ValueType[] = [];
  readonly #params: readonly Local[];
  readonly #results: readonly ValueType[];
  readonly #free: Record<ValueType, Local[]> = { i32: [], i64: [], f32: [], f64: [] };
  #scope: Local[] | undefined;
  #depth = 0;

  /**
   * @param signature Types of parameters and results
   * @param code Where instructions go; empty
   */
  constructor(signature: Pick<Signature, "params" | "results">, code: Code) {
    this.code = code;
    this.#params = signature.params.map((type, index) => localVariable(index, type));
    this.#results = signature.results;
  }

  /** The parameter at `index`; it can be assigned like a local. */
  param(index: number): Local {
    const param = this.#params[index];
    if (param === undefined) throw new TypeError(`Cannot use parameter ${index}: there are ${this.#params.length}`);
    return param;
  }

  /** A local of its own until the innermost {@link scope} ends. Its value is undefined until it is set. */
  local(type: ValueType): Local {
    let local = this.#free[type].pop();
    if (local === undefined) {
      local = localVariable(this.#params.length + this.localTypes.length, type);
      this.localTypes.push(type);
    }
    this.#scope?.push(local);
    return local;
  }

  /** A new local that holds `value`, computed here. */
  let(value: Expr): Local {
    const local = this.local(value.type);
    this.set(local, value);
    return local;
  }

  /** Runs `body`; locals made inside are free for reuse afterwards and must not be used any more. */
  scope(body: () => void): void {
    const outer = this.#scope;
    const made: Local[] = [];
    this.#scope = made;
    try {
      body();
    } finally {
      this.#scope = outer;
    }
    for (let i = made.length - 1; i >= 0; i--) this.#free[made[i].type].push(made[i]);
  }

  /** Assigns a local or parameter. */
  set(local: Local, value: Expr): void {
    expectType("local.set", value, local.type);
    value.emit(this.code);
    this.code.byte(Opcode.localSet);
    this.code.u32(local.index);
  }

  /** An expression that assigns `local` when it is computed and has the same value. */
  tee(local: Local, value: Expr): Expr {
    return tee(local, value);
  }

  /** Computes a value for its effects. */
  drop(value: Expr): void {
    value.emit(this.code);
    this.code.byte(Opcode.drop);
  }

  /** Calls a function; its results are dropped. */
  call(callee: FunctionReference, ...args: Expr[]): void {
    this.#call(callee, args);
    for (let i = 0; i < callee.results.length; i++) this.code.byte(Opcode.drop);
  }

  /** Calls a function with any number of results and assigns them, in order, to `targets`. */
  callInto(targets: readonly Local[], callee: FunctionReference, ...args: Expr[]): void {
    expectArguments(`results of ${callee.name}`, callee.results, targets);
    this.#call(callee, args);
    for (let i = targets.length - 1; i >= 0; i--) {
      this.code.byte(Opcode.localSet);
      this.code.u32(targets[i].index);
    }
  }

  /** Calls through a table; results are dropped. */
  callIndirect(table: TableReference, signature: Signature, index: Expr, ...args: Expr[]): void {
    expectArguments("call_indirect", signature.params, args);
    emitIndirect(this.code, Opcode.callIndirect, table, signature, index, args);
    for (let i = 0; i < signature.results.length; i++) this.code.byte(Opcode.drop);
  }

  /** Returns what `callee` returns, in its place on the stack (a tail call). */
  returnCall(callee: FunctionReference, ...args: Expr[]): void {
    expectArguments(callee.name, callee.params, args);
    for (const arg of args) arg.emit(this.code);
    this.code.byte(Opcode.returnCall);
    this.code.u32(callee.index);
  }

  /** Tail call through a table. */
  returnCallIndirect(table: TableReference, signature: Signature, index: Expr, ...args: Expr[]): void {
    expectArguments("return_call_indirect", signature.params, args);
    emitIndirect(this.code, Opcode.returnCallIndirect, table, signature, index, args);
  }

  /**
   * Writes memory.
   *
   * @param address An `i32`, in bytes, unsigned
   * @param offset Bytes added to the address without wrapping, below 2^32
   * @param align Promised alignment in bytes; it is only a hint and defaults to the access width
   */
  store(op: StoreOp, address: Expr, value: Expr, offset = 0, align?: number): void {
    expectType(op, address, "i32");
    expectType(op, value, MEMORY_OPERATIONS.get(op)!.operand);
    address.emit(this.code);
    value.emit(this.code);
    emitMemoryOp(this.code, op, offset, align);
  }

  /** Sets `size` bytes at `destination` to the low byte of `value`; all three are `i32`. */
  memoryFill(destination: Expr, value: Expr, size: Expr): void {
    expectArguments("memory.fill", ["i32", "i32", "i32"], [destination, value, size]);
    for (const operand of [destination, value, size]) operand.emit(this.code);
    this.code.op(Opcode.memoryFill);
    this.code.byte(0);
  }

  /** Copies `size` bytes from `source` to `destination`, which may overlap; all three are `i32`. */
  memoryCopy(destination: Expr, source: Expr, size: Expr): void {
    expectArguments("memory.copy", ["i32", "i32", "i32"], [destination, source, size]);
    for (const operand of [destination, source, size]) operand.emit(this.code);
    this.code.op(Opcode.memoryCopy);
    this.code.byte(0);
    this.code.byte(0);
  }

  /** Orders all memory accesses before it against those after it, as other threads see them. */
  atomicFence(): void {
    this.code.op(Opcode.atomicFence);
    this.code.byte(0);
  }

  /** Runs `then` if `condition` is not zero, else `otherwise`. */
  if(condition: Expr, then: () => void, otherwise?: () => void, hint?: BranchHint): void {
    expectType("if", condition, "i32");
    condition.emit(this.code);
    this.code.branch(Opcode.if, hint);
    this.code.byte(VOID_BLOCK);
    this.#depth++;
    then();
    if (otherwise !== undefined) {
      this.code.byte(Opcode.else);
      otherwise();
    }
    this.#depth--;
    this.code.byte(Opcode.end);
  }

  /** A body that a branch to its label leaves. */
  block(body: (label: Label) => void): void {
    this.#labelled(Opcode.block, body);
  }

  /** A body that a branch to its label repeats; without one it runs once. */
  loop(body: (label: Label) => void): void {
    this.#labelled(Opcode.loop, body);
  }

  /** Branches to a label. */
  br(label: Label): void {
    const distance = this.#distance(label);
    this.code.byte(Opcode.br);
    this.code.u32(distance);
  }

  /** Branches to a label if `condition` is not zero. */
  brIf(label: Label, condition: Expr, hint?: BranchHint): void {
    expectType("br_if", condition, "i32");
    const distance = this.#distance(label);
    condition.emit(this.code);
    this.code.branch(Opcode.brIf, hint);
    this.code.u32(distance);
  }

  /** Branches to `labels[index]`, or to `fallback` if there is none (index unsigned). */
  brTable(index: Expr, labels: readonly Label[], fallback: Label): void {
    expectType("br_table", index, "i32");
    index.emit(this.code);
    this.code.byte(Opcode.brTable);
    this.code.u32(labels.length);
    for (const label of labels) this.code.u32(this.#distance(label));
    this.code.u32(this.#distance(fallback));
  }

  /** Leaves the function with its results. */
  return(...values: Expr[]): void {
    expectArguments("return", this.#results, values);
    for (const value of values) value.emit(this.code);
    this.code.byte(Opcode.return);
  }

  /** Traps. */
  unreachable(): void {
    this.code.byte(Opcode.unreachable);
  }

  /** Ends the body. Falling off the end of a function with results traps: such a function must return explicitly. */
  finish(): void {
    if (this.#results.length > 0) this.unreachable();
    this.code.byte(Opcode.end);
  }

  #call(callee: FunctionReference, args: readonly Expr[]): void {
    expectArguments(callee.name, callee.params, args);
    for (const arg of args) arg.emit(this.code);
    this.code.byte(Opcode.call);
    this.code.u32(callee.index);
  }

  #labelled(opcode: number, body: (label: Label) => void): void {
    this.code.byte(opcode);
    this.code.byte(VOID_BLOCK);
    const label = { depth: ++this.#depth };
    body(label);
    label.depth = -1;
    this.#depth--;
    this.code.byte(Opcode.end);
  }

  #distance(label: Label): number {
    if (label.depth < 0) throw new TypeError("Cannot branch to a label outside of its body");
    return this.#depth - label.depth;
  }
}
