/**
 * How generated code reaches the state and the translation tables of the hart in the window (layout in `layout.ts` and `mmu/area.ts`).
 *
 * @module
 */
import { binary, type Expr, type FunctionBuilder, i32Const, i64Const, load, unary } from "../../core/wasm/mod.ts";
import { FIELD, type FieldName, WINDOW } from "./layout.ts";
import { TLB_ENTRIES, TLB_ENTRY_SIZE } from "./mmu/area.ts";

const TAG_SHIFT = 8; // 12 bits of page offset less 4 bits of entry size
const TAG_INDEX_MASK = (TLB_ENTRIES - 1) * TLB_ENTRY_SIZE;

/** Reads a 32-bit field of the running hart. */
export function hartWord(field: FieldName): Expr {
  return load("i32.load", i32Const(0), WINDOW + FIELD[field]);
}

/** Emits that a 32-bit field of the running hart is set. */
export function setHartWord(f: FunctionBuilder, field: FieldName, value: Expr): void {
  f.store("i32.store", i32Const(0), value, WINDOW + FIELD[field]);
}

/** Emits that the running hart's pc is set. */
export function setPc(f: FunctionBuilder, pc: Expr): void {
  f.store("i64.store", i32Const(0), pc, WINDOW + FIELD.pc);
}

/** Address of the entry for a guest-virtual address in the table that `field` points to. */
export function tlbEntry(field: DataTable | "fetchTable", address: Expr): Expr {
  const index = binary(
    "i32.and",
    binary("i32.shr_u", unary("i32.wrap_i64", address), i32Const(TAG_SHIFT)),
    i32Const(TAG_INDEX_MASK),
  );
  return binary("i32.add", index, hartWord(field));
}

/** Whether an entry leads to `address`, and `size` bytes there are aligned. */
export function tlbHit(entry: Expr, address: Expr, size: number): Expr {
  const wanted = binary("i64.and", address, i64Const(-4096n | BigInt(size - 1)));
  return binary("i64.eq", load("i64.load", entry), binary("i64.add", wanted, i64Const(1)));
}

/** The table of a kind of access to data. */
export type DataTable = "readTable" | "writeTable";
