/**
 * The x registers of a region's function: locals, and what of them the hart's state in memory has not been told yet.
 *
 * A write reaches memory where control flow joins, where the region is left, and before TypeScript is called; a value that is
 * overwritten before that never does.
 *
 * @module
 */
import { type FunctionBuilder, i32Const, load, type Local } from "../../../core/wasm/mod.ts";
import { WINDOW, X_REGISTERS } from "../layout.ts";

/** Unwritten values at most: each costs a store on every rare path. */
const MOST_UNWRITTEN = 6;

function placeOf(number: number): number {
  return WINDOW + X_REGISTERS + number * 8;
}

/** The numbers of a set of registers. */
function numbersOf(registers: number): number[] {
  return Array.from({ length: 31 }, (_, index) => index + 1).filter((number) => (registers >>> number & 1) !== 0);
}

/** Locals of the x registers. Sets of registers are one bit each. */
export class RegionRegisters {
  readonly #f: FunctionBuilder;
  readonly #locals = new Map<number, Local>();
  #unwritten = 0;

  /** @param used Registers that the region reads or writes */
  constructor(f: FunctionBuilder, used: number) {
    this.#f = f;
    for (const number of numbersOf(used)) this.#locals.set(number, f.local("i64"));
  }

  /** Registers that memory has not been told of: part of what is known at a place of the code. */
  get unwritten(): number {
    return this.#unwritten;
  }

  /** Goes back to what was known at an earlier place. */
  set unwritten(registers: number) {
    this.#unwritten = registers;
  }

  /** The local of a register, not x0. */
  local(number: number): Local {
    return this.#locals.get(number)!;
  }

  /** Notes that a register's local was set. */
  written(number: number): void {
    this.#unwritten |= 1 << number;
    if (numbersOf(this.#unwritten).length > MOST_UNWRITTEN) this.flush();
  }

  /** Emits loads of registers from memory. */
  load(registers: number): void {
    for (const number of numbersOf(registers)) {
      this.#f.set(this.local(number), load("i64.load", i32Const(0), placeOf(number)));
    }
  }

  /** Emits the stores that memory lacks, on a path that does not come back here. */
  spill(): void {
    for (const number of numbersOf(this.#unwritten)) {
      this.#f.store("i64.store", i32Const(0), this.local(number), placeOf(number));
    }
  }

  /** Emits the stores that memory lacks. */
  flush(): void {
    this.spill();
    this.#unwritten = 0;
  }
}
