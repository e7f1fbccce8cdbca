/**
 * What the emitters of arithmetic share: the module, the soft core, and whether "inexact" need be computed at all
 * (Unprivileged ISA, chapter "F", "Floating-Point Control and Status Register").
 *
 * @module
 */
import type { Expr, FunctionReference, ModuleBuilder } from "../../../core/wasm/mod.ts";
import type { SoftBase } from "./soft.ts";

/** What the emitters of arithmetic share. */
export interface Context {
  /** Where functions go. */
  readonly module: ModuleBuilder;
  /** Shared soft functions. */
  readonly base: SoftBase;
  /** Soft operations, and the test of products. */
  readonly soft: Record<"divide" | "squareRoot" | "fma" | "productIsExact", FunctionReference>;
  /** i32, not zero if "inexact" is set already. */
  readonly inexactAlready: Expr;
}
