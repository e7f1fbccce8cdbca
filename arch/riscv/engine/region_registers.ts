/**
 * The x registers of a region's function: locals, and what of them the hart's state in memory has not been told yet.
 *
 * A write reaches memory where control flow joins, unless that is in a small loop, and where the region is left; a value that is
 * overwritten before that never does. A register that holds a sign-extended word may be kept as just that word.
 *
 * @module
 */
import { type Expr, type FunctionBuilder, i32Const, load, type Local, unary } from "../../../core/wasm/mod.ts";
import { WINDOW, X_REGISTERS } from "../layout.ts";
import { extended, Extension, isKeptAsWord, type WasmValue, wordOf } from "./wasm_value.ts";

/** Unwritten values at most, outside of loops that are kept from memory: each costs a store on every way out. */
const MOST_UNWRITTEN = 6;

function placeOf(number: number): number {
  return WINDOW + X_REGISTERS + number * 8;
}

/** The numbers of a set of registers. */
function numbersOf(registers: number): number[] {
  const numbers: number[] = [];
  for (let rest = registers; rest !== 0; rest &= rest - 1) numbers.push(31 - Math.clz32(rest & -rest));
  return numbers;
}

/** What is known of registers at a place of the code, one bit each. */
export interface RegisterKnowledge {
  /** Those that memory has not been told of. */
  readonly unwritten: number;
  /** Those that are kept as words, and have no valid 64 bits. */
  readonly words: number;
}

/** Locals of the x registers. Sets of registers are one bit each. */
export class RegionRegisters {
  readonly #f: FunctionBuilder;
  readonly #wide: (Local | undefined)[] = [];
  readonly #word: (Local | undefined)[] = [];
  /** Whether values may stay unwritten however many they are. */
  patient = false;
  #unwritten = 0;
  #words = 0;

  /**
   * @param f The region's function, outside of any scope
   * @param used Registers that it names
   */
  constructor(f: FunctionBuilder, used: number) {
    this.#f = f;
    for (const number of numbersOf(used)) {
      this.#wide[number] = f.local("i64");
      this.#word[number] = f.local("i32");
    }
  }

  /** What is known at this place. */
  get knowledge(): RegisterKnowledge {
    return { unwritten: this.#unwritten, words: this.#words };
  }

  /** Goes to a place where other things are known. */
  know({ unwritten, words }: RegisterKnowledge): void {
    this.#unwritten = unwritten;
    this.#words = words;
  }

  /** The value of a register, not x0. */
  get(number: number): WasmValue {
    if ((this.#words >>> number & 1) !== 0) return extended(this.#word[number]!, Extension.SIGN);
    return { expr: this.#wide[number]! };
  }

  /** Emits a write. */
  set(number: number, value: WasmValue): void {
    if (isKeptAsWord(value)) {
      this.#f.set(this.#word[number]!, wordOf(value));
      this.#words |= 1 << number;
    } else {
      this.assign(number, value.expr);
      this.#words &= ~(1 << number);
    }
    this.#note(1 << number);
  }

  /** Emits a write on one of two ways that meet again: what is known changes there, by {@link assigned}. */
  assign(number: number, value: Expr): void {
    this.#f.set(this.#wide[number]!, value);
  }

  /** Notes that 64 bits were written to registers, whichever way control came. */
  assigned(registers: number): void {
    this.#words &= ~registers;
    this.#note(registers);
  }

  #note(written: number): void {
    this.#unwritten |= written;
    if (!this.patient && numbersOf(this.#unwritten).length > MOST_UNWRITTEN) this.flush();
  }

  /** Emits loads of registers from memory. */
  load(registers: number): void {
    for (const number of numbersOf(registers)) {
      this.#f.set(this.#wide[number]!, load("i64.load", i32Const(0), placeOf(number)));
    }
    this.#words &= ~registers;
  }

  /** Emits the stores that memory lacks, on a path that does not come back here. */
  spill(): void {
    const unwritten = this.#unwritten;
    this.flush();
    this.#unwritten = unwritten;
  }

  /** Emits the stores that memory lacks, but for some registers. */
  flush(kept = 0): void {
    for (const number of numbersOf(this.#unwritten & ~kept)) {
      this.#f.store("i64.store", i32Const(0), this.get(number).expr, placeOf(number));
    }
    this.#unwritten &= kept;
  }

  /** Emits that of the registers in `needed` those in `words`, which must be sign-extended, are kept as words, and the others are not. */
  settle(needed: number, words: number): void {
    for (const number of numbersOf(needed & words & ~this.#words)) {
      this.#f.set(this.#word[number]!, unary("i32.wrap_i64", this.#wide[number]!));
    }
    for (const number of numbersOf(needed & ~words & this.#words)) {
      this.#f.set(this.#wide[number]!, this.get(number).expr);
    }
    this.#words = needed & words;
  }
}
