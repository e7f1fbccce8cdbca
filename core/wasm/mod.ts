/**
 * A typed builder of WebAssembly binaries (WebAssembly Core Specification 2.0, threads, tail calls, branch hinting).
 *
 * @module
 */
export * from "./code.ts";
export * from "./function_builder.ts";
export * from "./module_builder.ts";
export * from "./references.ts";
export {
  atomicCompareExchange,
  atomicRmw,
  binary,
  call,
  callIndirect,
  type Expr,
  f32Const,
  f64Const,
  i32Const,
  i64Const,
  ifElse,
  load,
  type Local,
  select,
  unary,
} from "./expression.ts";
export type { AtomicOp, BinaryOp, CompareExchangeOp, LoadOp, StoreOp, UnaryOp, ValueType } from "./opcodes.ts";
export * from "./fused.ts";
