/**
 * Handles of what a WebAssembly module holds: function types, functions, tables (Core Specification 2.5).
 *
 * @module
 */
import type { ValueType } from "./opcodes.ts";

/** A function type of a module. */
export interface Signature {
  /** Index in the type section. */
  readonly index: number;
  /** Types of the parameters. */
  readonly params: readonly ValueType[];
  /** Types of the results. */
  readonly results: readonly ValueType[];
}

/** A function of a module, imported or defined. */
export interface FunctionReference {
  /** Index in the function index space. */
  readonly index: number;
  /** Name for messages, profiles and, if exported, the export. */
  readonly name: string;
  /** Types of the parameters. */
  readonly params: readonly ValueType[];
  /** Types of the results. */
  readonly results: readonly ValueType[];
}

/** A table of functions. */
export interface TableReference {
  /** Index in the table index space. */
  readonly index: number;
}
