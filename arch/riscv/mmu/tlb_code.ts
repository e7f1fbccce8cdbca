/**
 * Generated code that fills translation tables and forgets an address in them (layout in `area.ts`; Privileged ISA,
 * "Supervisor Memory-Management Fence Instruction"), one module with the walk of `refill.ts`: each is done some hundred thousand times while
 * a system starts, and as TypeScript would be compiled again and again until V8 knows it.
 *
 * @module
 */
import type { HostMemory } from "../../../core/memory.ts";
import {
  binary,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  i64Const,
  load,
  ModuleBuilder,
  select,
  unary,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import {
  BankNotes,
  MmuArea,
  TLB_BANK_SIZE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_FILTER,
  TLB_LISTED,
  TLB_PIECE_SHIFT,
  TLB_TABLE_SIZE,
  TlbNotes,
  WRITER_SETS,
  WRITER_WAYS,
} from "./area.ts";
import { Access } from "./pte.ts";
import { emitRefill } from "./refill.ts";
import { WRITERS_FULL } from "./writer_index.ts";

/** The functions. Addresses and values are 32-bit numbers. */
export interface TlbCode {
  /**
   * Enters something into a table.
   *
   * @param area Where `MmuArea` begins
   * @param table The table
   * @param access What kind of `Access` the table is for
   * @param tag Low half of the entry's tag
   * @param vaHigh High half of the virtual address
   * @param value The entry's third word
   * @param extra Its fourth
   * @param shift log2 of the bytes of the leaf that the translation came from
   */
  enter(
    area: number,
    table: number,
    access: number,
    tag: number,
    vaHigh: number,
    value: number,
    extra: number,
    shift: number,
  ): void;
  /**
   * Drops what banks in a row have for an address.
   *
   * @param bank Address of the first
   * @param count How many there are, at most 32
   * @returns banks that must be emptied as a whole, a bit each, as a large leaf of theirs may hold the address
   */
  forget(bank: number, count: number, vaLow: number, vaHigh: number): number;
  /** (va: bigint, access) -> 1: the page was entered into a table for the hart in the window; for generated code. */
  readonly refill: (va: bigint, access: number) => number;
}

/** log2 of the sizes of leaves above a page, by their bit in a bank's notes: Svnapot's, then those of each level. */
const LARGE_SHIFTS = [16, 21, 30, 39, 48];

/** Bits of the address that each level of tables takes: a leaf's bit is the levels that it spares, as Svnapot's spares none. */
const LEVEL_BITS = 9;

const PAGE_SHIFT = 12;

const modules = new Map<string, WebAssembly.Module>();

/** The functions for a memory. */
export function instantiateTlbCode({ wasm, wasmPages, shared }: HostMemory): TlbCode {
  const key = `${wasmPages}/${shared}`;
  let module = modules.get(key);
  if (module === undefined) modules.set(key, module = new WebAssembly.Module(buildTlbCode(wasmPages, shared)));
  return new WebAssembly.Instance(module, { env: { memory: wasm } }).exports as unknown as TlbCode;
}

function buildTlbCode(wasmPages: number, shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", wasmPages, shared);
  const words = (count: number): ValueType[] => new Array<ValueType>(count).fill("i32");
  const noteLarge = module.function("noteLarge", words(4), [], emitNoteLarge);
  const noteWriter = module.function("noteWriter", words(2), [], emitNoteWriter);
  const enter = module.function("enter", words(8), [], (f) => emitEnter(f, noteLarge, noteWriter), { export: true });
  module.function("forget", words(4), ["i32"], emitForget, { export: true });
  emitRefill(module, enter);
  return module.build();
}

function emitEnter(f: FunctionBuilder, noteLarge: FunctionReference, noteWriter: FunctionReference): void {
  const [area, table, access, tag, vaHigh, value, extra, shift] = Array.from({ length: 8 }, (_, i) => f.param(i));
  const index = f.let(entryNumber(tag));
  const entry = f.let(add(table, shl(index, Math.log2(TLB_ENTRY_SIZE))));
  f.store("i32.store", entry, tag);
  f.store("i32.store", entry, vaHigh, 4);
  f.store("i32.store", entry, value, 8);
  f.store("i32.store", entry, extra, 12);
  const fills = f.let(load("i32.load", table, TlbNotes.FILLS));
  f.if(binary("i32.le_u", fills, i32Const(TLB_LISTED)), () => {
    f.if(binary("i32.ne", fills, i32Const(TLB_LISTED)), () => {
      f.store("i32.store16", add(table, shl(fills, 1)), index, TlbNotes.LIST);
    });
    f.store("i32.store", table, add(fills, i32Const(1)), TlbNotes.FILLS);
  });
  const piece = binary("i64.shl", i64Const(1), unary("i64.extend_i32_u", shr(index, TLB_PIECE_SHIFT)));
  f.store("i64.store", table, binary("i64.or", load("i64.load", table, TlbNotes.PIECES), piece), TlbNotes.PIECES);
  f.if(binary("i32.ne", shift, i32Const(PAGE_SHIFT)), () => {
    const bank = binary("i32.sub", table, binary("i32.mul", access, i32Const(TLB_TABLE_SIZE)));
    f.call(noteLarge, bank, tag, vaHigh, shift);
  });
  const count = f.let(add(area, shl(access, 2)));
  f.store("i32.store", count, add(load("i32.load", count, MmuArea.COUNTS), i32Const(1)), MmuArea.COUNTS);
  f.if(binary("i32.eq", access, i32Const(Access.WRITE)), () => f.call(noteWriter, area, entry));
}

/** (bank, vaLow, vaHigh, shift): remembers that a bank has entries of a large leaf. */
function emitNoteLarge(f: FunctionBuilder): void {
  const [bank, vaLow, vaHigh, shift] = [f.param(0), f.param(1), f.param(2), f.param(3)];
  const bit = binary(
    "i32.shl",
    i32Const(1),
    binary("i32.div_u", binary("i32.sub", shift, i32Const(PAGE_SHIFT)), i32Const(LEVEL_BITS)),
  );
  f.store("i32.store", bank, binary("i32.or", load("i32.load", bank, BankNotes.LARGE), bit), BankNotes.LARGE);
  f.store("i32.store8", add(bank, filterSlot(f.let(address(vaLow, vaHigh)), shift)), i32Const(1), BankNotes.FILTER);
}

/** (area, entry): notes a write entry by the host page that it leads to, see `writer_index.ts`. */
function emitNoteWriter(f: FunctionBuilder): void {
  const [area, entry] = [f.param(0), f.param(1)];
  const set = f.let(setOf(entry));
  const first = f.let(add(area, shl(set, Math.log2(WRITER_WAYS * 4))));
  f.if(
    binary("i32.eq", load("i32.load", first, MmuArea.WRITERS), i32Const(WRITERS_FULL)),
    () => f.return(),
  );
  const free = f.let(i32Const(0));
  for (let way = WRITER_WAYS - 1; way >= 0; way--) {
    const place = f.let(load("i32.load", first, MmuArea.WRITERS + way * 4));
    f.if(binary("i32.eq", place, entry), () => f.return());
    // A place is free if its entry is gone, or leads elsewhere by now. Address 0 is the window's: its first word is x0.
    const isIn = binary("i32.and", binary("i32.ne", load("i32.load", place), i32Const(0)), isEqual(setOf(place), set));
    f.if(unary("i32.eqz", isIn), () => f.set(free, add(first, i32Const(way * 4))));
  }
  f.if(
    free,
    () => f.store("i32.store", free, entry, MmuArea.WRITERS),
    () => f.store("i32.store", first, i32Const(WRITERS_FULL), MmuArea.WRITERS),
  );
}

function emitForget(f: FunctionBuilder): void {
  const [bank, count, vaLow, vaHigh] = [f.param(0), f.param(1), f.param(2), f.param(3)];
  const va = f.let(address(vaLow, vaHigh));
  const index = f.let(entryNumber(vaLow));
  const piece = f.let(unary("i64.extend_i32_u", shr(index, TLB_PIECE_SHIFT)));
  const at = f.let(shl(index, Math.log2(TLB_ENTRY_SIZE)));
  const whole = f.let(i32Const(0));
  const bit = f.let(i32Const(1));
  f.loop((next) => {
    f.block((done) => {
      forgetLarge(f, bank, va, () => {
        f.set(whole, binary("i32.or", whole, bit));
        f.br(done);
      });
      for (let table = 0; table < 3 * TLB_TABLE_SIZE; table += TLB_TABLE_SIZE) {
        const pieces = load("i64.load", bank, table + TlbNotes.PIECES);
        f.if(unary("i32.wrap_i64", binary("i64.and", binary("i64.shr_u", pieces, piece), i64Const(1))), () => {
          f.store("i32.store", add(bank, at), i32Const(0), table);
        });
      }
    });
    f.set(bank, add(bank, i32Const(TLB_BANK_SIZE)));
    f.set(bit, shl(bit, 1));
    f.set(count, binary("i32.sub", count, i32Const(1)));
    f.brIf(next, count);
  });
  f.return(whole);
}

/** Does something if a bank may have entries of a large leaf around an address. */
function forgetLarge(f: FunctionBuilder, bank: Expr, va: Expr, found: () => void): void {
  const large = f.let(load("i32.load", bank, BankNotes.LARGE));
  f.if(large, () => {
    LARGE_SHIFTS.forEach((shift, bit) => {
      f.if(binary("i32.and", large, i32Const(1 << bit)), () => {
        f.if(load("i32.load8_u", add(bank, filterSlot(va, i32Const(shift))), BankNotes.FILTER), found);
      });
    });
  });
}

/**
 * Slot of the large leaf that contains an address; several leaves may share one, which only costs a needless flush. Not if one is in the
 * upper half of the address space: there are a supervisor's own pages, most of them large, and the fences are for those of its users.
 */
function filterSlot(va: Expr, shift: Expr): Expr {
  const key = low(binary("i64.shr_u", va, unary("i64.extend_i32_u", shift)));
  const mixed = [low(binary("i64.shr_u", va, i64Const(53))), shl(shift, 4)]
    .reduce((sum, part) => binary("i32.xor", sum, part), binary("i32.xor", key, shr(key, 9)));
  const half = select(binary("i64.lt_s", va, i64Const(0)), i32Const(TLB_FILTER / 2), i32Const(0));
  return binary("i32.or", binary("i32.and", mixed, i32Const(TLB_FILTER / 2 - 1)), half);
}

/** Set of the host page that a write entry leads to. */
function setOf(entry: Expr): Expr {
  const host = add(load("i32.load", entry, 8), load("i32.load", entry));
  return binary("i32.and", shr(host, PAGE_SHIFT), i32Const(WRITER_SETS - 1));
}

function entryNumber(vaLow: Expr): Expr {
  return binary("i32.and", shr(vaLow, PAGE_SHIFT), i32Const(TLB_ENTRIES - 1));
}

function address(vaLow: Expr, vaHigh: Expr): Expr {
  const high = binary("i64.shl", unary("i64.extend_i32_u", vaHigh), i64Const(32));
  return binary("i64.or", high, unary("i64.extend_i32_u", vaLow));
}

function isEqual(left: Expr, right: Expr): Expr {
  return binary("i32.eq", left, right);
}

function low(value: Expr): Expr {
  return unary("i32.wrap_i64", value);
}

function add(left: Expr, right: Expr): Expr {
  return binary("i32.add", left, right);
}

function shl(value: Expr, bits: number): Expr {
  return binary("i32.shl", value, i32Const(bits));
}

function shr(value: Expr, bits: number): Expr {
  return binary("i32.shr_u", value, i32Const(bits));
}
