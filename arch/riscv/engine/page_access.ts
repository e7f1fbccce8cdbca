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
  i64Const,
  load,
  type ModuleBuilder,
  select,
  unary,
} from "../../../core/wasm/mod.ts";
import { tlbEntry } from "./wasm_ops.ts";

/**
 * The functions. A page is told by its address, or {@link NO_PAGE} if the access gives no right to others in that page, and by the
 * distance from there to where it lies in host memory.
 */
export interface PageAccesses {
  /** (va: i64, size) -> (host address of the access, page: i64); the host address is -1 if it trapped or asked for an exit. */
  readonly readPage: FunctionReference;
  /** (va: i64) -> (distance, page: i64), without effects. */
  readonly writePage: FunctionReference;
}

/** No address has this page. */
export const NO_PAGE = -1;

/** Bits of the number of a page. */
const PAGE_MASK = -4096;

/**
 * Adds the functions to a module and exports them.
 *
 * @param slowLoad (va: i64, size) -> host address or -1
 */
export function emitPageAccesses(module: ModuleBuilder, slowLoad: FunctionReference): PageAccesses {
  return {
    readPage: module.function("readPage", ["i64", "i32"], ["i32", "i64"], (f) => {
      const va = f.param(0);
      const host = f.let(call(slowLoad, va, f.param(1)));
      const entry = f.let(tlbEntry("readTable", va));
      const lies = binary("i32.eq", binary("i32.add", unary("i32.wrap_i64", va), load("i32.load", entry, 8)), host);
      f.return(host, pageIf(f, binary("i32.and", lies, leadsTo(entry, va)), va));
    }, { export: true }),
    writePage: module.function("writePage", ["i64"], ["i32", "i64"], (f) => {
      const va = f.param(0);
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
