/**
 * Functions that find the page of an access for code that remembers it: shared, so that the code of regions stays small.
 *
 * @module
 */
import {
  binary,
  call,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  i64Const,
  load,
  type ModuleBuilder,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import type { SlowAccesses } from "./slow_access.ts";
import { tlbEntry } from "./wasm_ops.ts";

/**
 * The functions: they do what `slow_access.ts` does, and tell what may be remembered: the address of the page, or {@link NO_PAGE} if the
 * access gives no right to others in that page, and the distance from a guest-virtual address to its host address.
 */
export interface PageAccesses {
  /** (va: i64, size) -> (distance, page: i64); the page is {@link TRAPPED} if nothing can be read: trapped or exit requested. */
  readonly readPage: FunctionReference;
  /** (va: i64, value: i64, size) -> (distance, page: i64); what is remembered may be used after the store. */
  readonly writePage: FunctionReference;
}

/** No address has this page. */
export const NO_PAGE = -1;

/** Neither this one. */
export const TRAPPED = -3;

/** Bits of the number of a page. */
const PAGE_MASK = -4096;

/**
 * Adds the functions to a module and exports them.
 *
 * @param slow What `emitSlowAccesses` made
 */
export function emitPageAccesses(module: ModuleBuilder, slow: SlowAccesses): PageAccesses {
  return {
    readPage: module.function("readPage", ["i64", "i32"], ["i32", "i64"], (f) => {
      const va = f.param(0);
      const host = f.let(call(slow.load, va, f.param(1)));
      f.if(binary("i32.eq", host, i32Const(-1)), () => f.return(host, i64Const(TRAPPED)));
      const distance = f.let(binary("i32.sub", host, unary("i32.wrap_i64", va)));
      const entry = f.let(tlbEntry("readTable", va));
      const lies = binary("i32.eq", load("i32.load", entry, 8), distance);
      f.return(distance, pageIf(f, binary("i32.and", lies, leadsTo(entry, va)), va));
    }, { export: true }),
    writePage: module.function("writePage", ["i64", "i64", "i32"], ["i32", "i64"], (f) => {
      const va = f.param(0);
      const stored = call(slow.store, va, f.param(1), f.param(2));
      f.if(unary("i32.eqz", stored), () => f.return(i32Const(0), i64Const(TRAPPED)));
      const entry = f.let(tlbEntry("writeTable", va));
      f.return(load("i32.load", entry, 8), pageIf(f, leadsTo(entry, va), va));
    }, { export: true }),
  };
}

function leadsTo(entry: Expr, va: Expr): Expr {
  return binary("i64.eq", load("i64.load", entry), binary("i64.add", pageOf(va), i64Const(1)));
}

function pageIf(f: FunctionBuilder, condition: Expr, va: Expr): Expr {
  return f.let(select(condition, pageOf(va), i64Const(NO_PAGE)));
}

function pageOf(va: Expr): Expr {
  return binary("i64.and", va, i64Const(PAGE_MASK));
}
