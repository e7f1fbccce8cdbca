/**
 * Pages that a region remembers in locals, so that an access to the same page as the one before needs no look at a translation table.
 *
 * What is remembered is true until the region is left or calls: nothing in between takes a translation away.
 *
 * @module
 */
import { binary, type Expr, type FunctionBuilder, i64Const, load, type Local, unary } from "../../../core/wasm/mod.ts";
import type { AccessSize } from "../isa/instruction.ts";
import { type DataTable, tlbEntry, tlbHit } from "../window_code.ts";
import { LEFT, NO_PAGE, type RegionAccesses } from "./region_access.ts";
import { Locality, type PageChoice } from "./region_locality.ts";
import { storeAt } from "./wasm_ops.ts";
import type { WasmValue } from "./wasm_value.ts";

/** A remembered page. */
interface RememberedPage {
  /** Its bit in {@link RegionPages.empty}. */
  readonly bit: number;
  /** Address of the page, or {@link NO_PAGE}. */
  readonly page: Local;
  /** Distance from a guest-virtual address in it to its host address. */
  readonly distance: Local;
}

/** What an access does beside. */
export interface AccessHooks {
  /** The arguments of functions that tell them where an access of `size` bytes stands. */
  place(size: AccessSize): Expr[];
  /** Emits that the region is left if the condition holds: a function found that it must be. */
  leftIf(condition: Expr): void;
}

/** The remembered pages of a region's function. */
export class RegionPages {
  /** Those that are known to remember nothing, one bit each: part of what is known at a place of the code. */
  empty = 0;
  readonly #f: FunctionBuilder;
  readonly #functions: RegionAccesses;
  readonly #pages = new Map<number, RememberedPage>();

  /** @param keys Names of the pages */
  constructor(f: FunctionBuilder, functions: RegionAccesses, keys: readonly number[]) {
    this.#f = f;
    this.#functions = functions;
    keys.forEach((key, index) => {
      this.#pages.set(key, { bit: 1 << index, page: f.local("i64"), distance: f.local("i32") });
    });
    this.forget();
  }

  /** Emits that nothing is remembered. */
  forget(): void {
    for (const { bit, page } of this.#pages.values()) {
      this.#f.set(page, i64Const(NO_PAGE));
      this.empty |= bit;
    }
  }

  /** Emits the search for what a load reads; gives its host address. */
  read({ key, locality }: PageChoice, va: Local, size: AccessSize, hooks: AccessHooks): Expr {
    const remembered = this.#pages.get(key)!;
    const { page, distance } = remembered;
    this.#find(remembered, "readTable", locality, va, size, () => {
      this.#f.callInto([distance, page], this.#functions.readPage, va, ...hooks.place(size));
      hooks.leftIf(binary("i64.eq", page, i64Const(LEFT)));
    });
    return binary("i32.add", unary("i32.wrap_i64", va), distance);
  }

  /** Emits a store. */
  write({ key, locality }: PageChoice, va: Local, value: WasmValue, size: AccessSize, hooks: AccessHooks): void {
    const f = this.#f;
    const remembered = this.#pages.get(key)!;
    const { page, distance } = remembered;
    f.block((done) => {
      this.#find(remembered, "writeTable", locality, va, size, () => {
        f.callInto([distance, page], this.#functions.writePage, va, value.expr, ...hooks.place(size));
        hooks.leftIf(binary("i64.eq", page, i64Const(LEFT)));
        f.br(done);
      });
      storeAt(f, binary("i32.add", unary("i32.wrap_i64", va), distance), value, size);
    });
  }

  /**
   * Emits the search for a host address that may be read as well as written; gives it.
   *
   * @param otherwise Emits that the region is left: neither the page nor the table leads there
   */
  locate({ key, locality }: PageChoice, table: DataTable, va: Local, size: AccessSize, otherwise: () => void): Local {
    const remembered = this.#pages.get(key)!;
    // No shared function finds another page for it: where the page is another one, the table is consulted in place.
    const looking = locality === Locality.SURE ? Locality.LIKELY : locality;
    this.#find(remembered, table, looking, va, size, otherwise);
    return this.#f.let(binary("i32.add", unary("i32.wrap_i64", va), remembered.distance));
  }

  /** Emits the comparison with the remembered page, and the look at the table where that may pay. */
  #find(
    { bit, page, distance }: RememberedPage,
    table: DataTable,
    locality: number,
    va: Local,
    size: number,
    otherwise: () => void,
  ): void {
    const f = this.#f;
    const inTable = (): void => {
      const entry = f.let(tlbEntry(table, va));
      f.if(
        tlbHit(entry, va, size),
        () => {
          f.set(distance, load("i32.load", entry, 8));
          f.set(page, alignedPage(va, size));
        },
        otherwise,
        "likely",
      );
    };
    if (locality === Locality.NEW || (this.empty & bit) !== 0) {
      inTable();
      this.empty &= ~bit;
      return;
    }
    const isOther = binary("i64.ne", alignedPage(va, size), page);
    f.if(isOther, locality === Locality.LIKELY ? inTable : otherwise, undefined, "unlikely");
  }
}

/** What equals the address of a page if an access is aligned and lies in it. */
function alignedPage(va: Expr, size: number): Expr {
  return binary("i64.and", va, i64Const(-4096 | size - 1));
}
