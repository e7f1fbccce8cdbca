/**
 * Functions that do an access for a region whose own look at a translation table, or at a page that it remembers, was not enough: shared,
 * so that the code of regions stays small. What a region has to note before TypeScript may be called, they note.
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
  type ValueType,
} from "../../../core/wasm/mod.ts";
import { LeaveRegions } from "../layout.ts";
import { hartWord, setHartWord, setPc, tlbEntry, tlbHit } from "../window_code.ts";
import type { SlowAccesses } from "./slow_access.ts";

/** Where an access stands: pc of offset 0 of its page (i64), steps left where they were written down last, and a {@link siteOf}. */
const PLACE: readonly ValueType[] = ["i64", "i32", "i32"];

/**
 * The functions. Those that tell what may be remembered give the distance from a guest-virtual address to its host address, and the
 * address of the page: {@link NO_PAGE} if the access gives no right to others in that page, {@link LEFT} if the region must be left.
 */
export interface RegionAccesses {
  /** (va: i64, place) -> host address, or -1: the region must be left. */
  readonly readAt: FunctionReference;
  /** (va: i64, value: i64, place) -> 1: the region must be left, 0: the store is done. */
  readonly writeAt: FunctionReference;
  /** (va: i64, place) -> (distance, page: i64). */
  readonly readPage: FunctionReference;
  /** (va: i64, value: i64, place) -> (distance, page: i64); what is remembered may be used after the store. */
  readonly writePage: FunctionReference;
}

/** Parameters and results of each function. */
export const REGION_ACCESSES: Readonly<Record<keyof RegionAccesses, { params: ValueType[]; results: ValueType[] }>> = {
  readAt: { params: ["i64", ...PLACE], results: ["i32"] },
  writeAt: { params: ["i64", "i64", ...PLACE], results: ["i32"] },
  readPage: { params: ["i64", ...PLACE], results: ["i32", "i64"] },
  writePage: { params: ["i64", "i64", ...PLACE], results: ["i32", "i64"] },
};

/** No address has this page. */
export const NO_PAGE = -1;

/** Neither this one. */
export const LEFT = -3;

/** Bits of the number of a page. */
const PAGE_MASK = -4096;

const SITE_LENGTH = 1;
const SITE_OFFSET = 0xffe;
const SITE_SIZE_SHIFT = 12;
const SITE_SIZE = 3;
const SITE_STEPS_SHIFT = 14;

/**
 * What is constant of an access's place, in one number: offset in its page, length of the instruction, size of the access, and the steps
 * since the budget was written down, this one included.
 */
export function siteOf(offset: number, length: number, size: number, steps: number): number {
  return offset | (length === 4 ? SITE_LENGTH : 0) | Math.log2(size) << SITE_SIZE_SHIFT | steps << SITE_STEPS_SHIFT;
}

/**
 * Adds the functions to a module and exports them.
 *
 * @param slow What `emitSlowAccesses` made
 */
export function emitRegionAccesses(module: ModuleBuilder, slow: SlowAccesses): RegionAccesses {
  const add = (name: keyof RegionAccesses, body: (f: FunctionBuilder) => void): FunctionReference => {
    const { params, results } = REGION_ACCESSES[name];
    return module.function(name, params, results, body, { export: true });
  };
  return {
    readAt: add("readAt", (f) => f.return(emitLoad(f, slow))),
    writeAt: add("writeAt", (f) => f.return(emitStore(f, slow))),
    readPage: add("readPage", (f) => {
      const va = f.param(0);
      const host = emitLoad(f, slow);
      f.if(binary("i32.eq", host, i32Const(-1)), () => f.return(host, i64Const(LEFT)));
      const distance = f.let(binary("i32.sub", host, unary("i32.wrap_i64", va)));
      const entry = f.let(tlbEntry("readTable", va));
      const lies = binary("i32.eq", load("i32.load", entry, 8), distance);
      f.return(distance, pageIf(f, binary("i32.and", lies, tlbHit(entry, va, 1)), va));
    }),
    writePage: add("writePage", (f) => {
      const va = f.param(0);
      f.if(emitStore(f, slow), () => f.return(i32Const(0), i64Const(LEFT)));
      const entry = f.let(tlbEntry("writeTable", va));
      f.return(load("i32.load", entry, 8), pageIf(f, tlbHit(entry, va, 1), va));
    }),
  };
}

/** Parameters from the place on. */
interface Place {
  readonly pagePc: Expr;
  readonly budget: Expr;
  readonly site: Expr;
}

function placeFrom(f: FunctionBuilder, index: number): Place {
  return { pagePc: f.param(index), budget: f.param(index + 1), site: f.param(index + 2) };
}

function emitLoad(f: FunctionBuilder, slow: SlowAccesses): Expr {
  const place = placeFrom(f, 1);
  notePlace(f, place);
  const host = f.let(call(slow.load, f.param(0), sizeAt(place)));
  f.if(binary("i32.eq", host, i32Const(-1)), () => setHartWord(f, "leaveRegions", i32Const(LeaveRegions.LOOK_UP)));
  return host;
}

/** Gives whether the region must be left: because it trapped, or because what it compiled may have been written. */
function emitStore(f: FunctionBuilder, slow: SlowAccesses): Expr {
  const place = placeFrom(f, 2);
  const left = f.let(i32Const(1));
  notePlace(f, place);
  f.if(call(slow.store, f.param(0), f.param(1), sizeAt(place)), () => {
    f.if(hartWord("leaveRegions"), () => {
      const { pagePc, site } = place;
      const length = binary("i32.shl", binary("i32.add", siteBits(site, SITE_LENGTH), i32Const(1)), i32Const(1));
      setPc(f, binary("i64.add", pagePc, wide(binary("i32.add", siteBits(site, SITE_OFFSET), length))));
    }, () => f.set(left, i32Const(0)));
  }, () => setHartWord(f, "leaveRegions", i32Const(LeaveRegions.LOOK_UP)));
  return left;
}

/** Writes down pc and the steps left, which every call into TypeScript needs. */
function notePlace(f: FunctionBuilder, { pagePc, budget, site }: Place): void {
  setPc(f, binary("i64.add", pagePc, wide(siteBits(site, SITE_OFFSET))));
  setHartWord(f, "budgetLeft", binary("i32.sub", budget, binary("i32.shr_u", site, i32Const(SITE_STEPS_SHIFT))));
}

function sizeAt({ site }: Place): Expr {
  const log = binary("i32.and", binary("i32.shr_u", site, i32Const(SITE_SIZE_SHIFT)), i32Const(SITE_SIZE));
  return binary("i32.shl", i32Const(1), log);
}

function siteBits(site: Expr, mask: number): Expr {
  return binary("i32.and", site, i32Const(mask));
}

function wide(value: Expr): Expr {
  return unary("i64.extend_i32_u", value);
}

function pageIf(f: FunctionBuilder, condition: Expr, va: Expr): Expr {
  return f.let(select(condition, pageOf(va), i64Const(NO_PAGE)));
}

function pageOf(va: Expr): Expr {
  return binary("i64.and", va, i64Const(PAGE_MASK));
}
