/**
 * What an access does when it is not aligned or its entry does not say a plain yes: functions that the interpreter and all regions share,
 * so that their own code stays small (Privileged ISA, "Virtual Address Translation Process"; Unprivileged ISA, "Load and Store
 * Instructions").
 *
 * They finish without TypeScript what both pages of a misaligned access, or the lines of code of a page, allow (`mmu/area.ts` says how
 * entries tell). They act for the hart in the window, whoever's instance they belong to.
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
  type StoreOp,
  unary,
} from "../../../core/wasm/mod.ts";
import { STAGING, WINDOW } from "../layout.ts";
import { TLB_DEVICE, TLB_GUARDED } from "../mmu/area.ts";
import { Access } from "../mmu/pte.ts";
import { tlbEntry, tlbHit } from "../window_code.ts";
import { LINE_SHIFT, PAGE_LINES, PAGE_PATIENCE } from "./record.ts";

/** What does what the tables cannot answer. All but the first are TypeScript, and take and give 32-bit numbers. */
export interface AccessMisses {
  /** (va: i64, access) -> 1: the page was entered into a table, see `mmu/refill.ts`. */
  readonly refill: FunctionReference;
  /** (vaLow, vaHigh, size) -> host address, or -1: trapped or exit requested. */
  readonly loadMiss: FunctionReference;
  /** (vaLow, vaHigh, low, high, size) -> 1 stored, 0 trapped or exit requested. */
  readonly storeMiss: FunctionReference;
  /** (vaLow, vaHigh, size) -> host address or -1. */
  readonly amoMiss: FunctionReference;
}

/** The functions. */
export interface SlowAccesses {
  /** (va: i64, size) -> host address, or -1: trapped or exit requested. */
  readonly load: FunctionReference;
  /** (va: i64, value: i64, size) -> 1 stored, 0 trapped or exit requested. */
  readonly store: FunctionReference;
  /** (va: i64, size) -> host address or -1. */
  readonly amo: FunctionReference;
}

const PAGE = 4096;

/** Adds the functions to a module and exports them. */
export function emitSlowAccesses(module: ModuleBuilder, misses: AccessMisses): SlowAccesses {
  return {
    load: module.function("load", ["i64", "i32"], ["i32"], (f) => emitLoad(f, misses), { export: true }),
    store: module.function("store", ["i64", "i64", "i32"], ["i32"], (f) => emitStore(f, misses), { export: true }),
    amo: module.function("amo", ["i64", "i32"], ["i32"], (f) => emitAmo(f, misses), { export: true }),
  };
}

function emitLoad(f: FunctionBuilder, { refill, loadMiss }: AccessMisses): void {
  const [va, size] = [f.param(0), f.param(1)];
  const entry = f.let(tlbEntry("readTable", va));
  f.if(tlbHit(entry, va, 1), () => {
    const host = f.let(hostOf(entry, va));
    const inFirst = f.let(bytesInPage(va));
    f.if(binary("i32.le_u", size, inFirst), () => f.return(host));
    const next = f.let(binary("i64.add", va, unary("i64.extend_i32_u", inFirst)));
    const second = f.let(tlbEntry("readTable", next));
    f.if(tlbHit(second, next, 1), () => {
      // The last 8 bytes of the first page and the first 8 of the second, as if they stood side by side.
      const shift = f.let(unary("i64.extend_i32_u", binary("i32.shl", inFirst, i32Const(3))));
      const head = load("i64.load", binary("i32.sub", binary("i32.add", host, inFirst), i32Const(8)));
      const tail = binary("i64.shl", load("i64.load", hostOf(second, next)), shift);
      const value = binary("i64.or", binary("i64.shr_u", head, binary("i64.sub", i64Const(64), shift)), tail);
      f.store("i64.store", i32Const(0), value, WINDOW + STAGING);
      f.return(i32Const(WINDOW + STAGING));
    });
  });
  ifRefilled(f, refill, Access.READ, va, size, entry, () => f.return(f.let(hostOf(entry, va))));
  f.return(call(loadMiss, low(va), high(va), size));
}

/** Does something if an access in one page is not one to a device, and its page can be entered. */
function ifRefilled(
  f: FunctionBuilder,
  refill: FunctionReference,
  access: number,
  va: Expr,
  size: Expr,
  entry: Expr,
  then: () => void,
): void {
  const isDevice = binary("i64.eq", load("i64.load", entry), binary("i64.add", pageOf(va), i64Const(TLB_DEVICE)));
  f.if(unary("i32.eqz", isDevice), () => {
    f.if(binary("i32.le_u", size, bytesInPage(va)), () => {
      f.if(call(refill, va, i32Const(access)), then);
    });
  });
}

function emitStore(f: FunctionBuilder, { refill, storeMiss }: AccessMisses): void {
  const [va, value, size] = [f.param(0), f.param(1), f.param(2)];
  f.block((miss) => {
    const entry = f.let(tlbEntry("writeTable", va));
    const isKnown = (): Expr => binary("i32.or", tlbHit(entry, va, 1), isGuarded(entry, va));
    f.if(unary("i32.eqz", isKnown()), () => {
      ifRefilled(f, refill, Access.WRITE, va, size, entry, () => {});
      f.brIf(miss, unary("i32.eqz", isKnown()));
    });
    const guarded = f.let(isGuarded(entry, va));
    const host = f.let(hostOf(entry, va));
    const inFirst = f.let(bytesInPage(va));
    f.if(binary("i32.gt_u", size, inFirst), () => {
      const next = f.let(binary("i64.add", va, unary("i64.extend_i32_u", inFirst)));
      const second = f.let(tlbEntry("writeTable", next));
      f.brIf(miss, binary("i32.or", guarded, unary("i32.eqz", tlbHit(second, next, 1))));
      storeCrossing(f, host, hostOf(second, next), inFirst);
      f.return(i32Const(1));
    });
    f.if(guarded, () => {
      const lines = f.let(load("i32.load", entry, 12));
      f.brIf(miss, isKept(f, lines, va, size));
    });
    for (const [bytes, op] of [[8, "i64.store"], [4, "i64.store32"], [2, "i64.store16"]] as [number, StoreOp][]) {
      f.if(binary("i32.eq", size, i32Const(bytes)), () => {
        f.store(op, host, value);
        f.return(i32Const(1));
      });
    }
    f.store("i64.store8", host, value);
    f.return(i32Const(1));
  });
  f.return(call(storeMiss, low(va), high(va), low(value), high(value), size));
}

/** Stores a value, byte for byte, at the end of one page and the start of another. Uses up the parameters. */
function storeCrossing(f: FunctionBuilder, first: Expr, second: Expr, inFirst: Expr): void {
  const [value, size] = [f.param(1), f.param(2)];
  const at = f.let(first);
  const left = f.let(inFirst);
  f.loop((again) => {
    f.if(unary("i32.eqz", left), () => f.set(at, second));
    f.store("i64.store8", at, value);
    f.set(value, binary("i64.shr_u", value, i64Const(8)));
    f.set(at, binary("i32.add", at, i32Const(1)));
    f.set(left, binary("i32.sub", left, i32Const(1)));
    f.set(size, binary("i32.sub", size, i32Const(1)));
    f.brIf(again, size);
  });
}

function emitAmo(f: FunctionBuilder, { refill, amoMiss }: AccessMisses): void {
  const [va, size] = [f.param(0), f.param(1)];
  f.block((miss) => {
    const entry = f.let(tlbEntry("writeTable", va));
    f.brIf(miss, binary("i32.and", low(va), binary("i32.sub", size, i32Const(1))));
    f.if(unary("i32.eqz", isGuarded(entry, va)), () => {
      ifRefilled(f, refill, Access.WRITE, va, size, entry, () => {
        f.if(tlbHit(entry, va, 1), () => f.return(hostOf(entry, va)));
      });
      f.brIf(miss, unary("i32.eqz", isGuarded(entry, va)));
    });
    const lines = f.let(load("i32.load", entry, 12));
    f.brIf(miss, isKept(f, lines, va, size));
    f.return(hostOf(entry, va));
  });
  f.return(call(amoMiss, low(va), high(va), size));
}

/**
 * Whether a write must be told to TypeScript: a line that it touches holds code; or none of the page does any more, and this has been
 * so for a while, so that the page need not be guarded.
 */
function isKept(f: FunctionBuilder, page: Expr, va: Expr, size: Expr): Expr {
  const lines = f.let(load("i64.load", page, PAGE_LINES));
  const touched = binary(
    "i64.or",
    binary("i64.shr_u", lines, lineOf(va)),
    binary(
      "i64.shr_u",
      lines,
      lineOf(binary("i64.add", va, unary("i64.extend_i32_u", binary("i32.sub", size, i32Const(1))))),
    ),
  );
  const kept = f.let(unary("i32.wrap_i64", binary("i64.and", touched, i64Const(1))));
  f.if(unary("i64.eqz", lines), () => {
    const patience = f.let(binary("i32.sub", load("i32.load", page, PAGE_PATIENCE), i32Const(1)));
    f.store("i32.store", page, patience, PAGE_PATIENCE);
    f.set(kept, binary("i32.le_s", patience, i32Const(0)));
  });
  return kept;
}

/** Number of the line in its page, as a 64-bit value whose low 6 bits count. */
function lineOf(va: Expr): Expr {
  return binary("i64.shr_u", va, i64Const(LINE_SHIFT));
}

function isGuarded(entry: Expr, va: Expr): Expr {
  return binary("i64.eq", load("i64.load", entry), binary("i64.add", pageOf(va), i64Const(TLB_GUARDED)));
}

function hostOf(entry: Expr, va: Expr): Expr {
  return binary("i32.add", low(va), load("i32.load", entry, 8));
}

function pageOf(va: Expr): Expr {
  return binary("i64.and", va, i64Const(-PAGE));
}

/** Bytes from an address to the end of its page. */
function bytesInPage(va: Expr): Expr {
  return binary("i32.sub", i32Const(PAGE), binary("i32.and", low(va), i32Const(PAGE - 1)));
}

function low(value: Expr): Expr {
  return unary("i32.wrap_i64", value);
}

function high(value: Expr): Expr {
  return unary("i32.wrap_i64", binary("i64.shr_u", value, i64Const(32)));
}
