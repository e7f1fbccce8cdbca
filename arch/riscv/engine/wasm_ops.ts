/**
 * The vocabulary of meanings in WebAssembly as far as all wasm engines share it: guest memory, atomics, floating point. Where operands
 * come from and how an instruction is left, each engine says itself.
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
  type LoadOp,
  type Local,
  type StoreOp,
  unary,
} from "../../../core/wasm/mod.ts";
import type { AccessSize, Ops, RegisterOperand } from "../isa/instruction.ts";
import { FIELD, type FieldName, WINDOW } from "../layout.ts";
import { type DataTable, hartWord, setHartWord, tlbEntry, tlbHit } from "../window_code.ts";
import { type ArithmeticHelpers, WasmArithmetic } from "./wasm_arithmetic.ts";
import { extended, loadedExtension, type WasmValue } from "./wasm_value.ts";

/** What every engine's code calls: TypeScript, which takes and gives 32-bit numbers. */
export interface AccessServices {
  /** (): makes FS dirty. */
  readonly floatDirty: FunctionReference;
}

const WIDE_LOADS: Record<AccessSize, { signed: LoadOp; unsigned: LoadOp }> = {
  1: { signed: "i64.load8_s", unsigned: "i64.load8_u" },
  2: { signed: "i64.load16_s", unsigned: "i64.load16_u" },
  4: { signed: "i64.load32_s", unsigned: "i64.load32_u" },
  8: { signed: "i64.load", unsigned: "i64.load" },
};

const WORD_LOADS: Record<1 | 2 | 4, { signed: LoadOp; unsigned: LoadOp }> = {
  1: { signed: "i32.load8_s", unsigned: "i32.load8_u" },
  2: { signed: "i32.load16_s", unsigned: "i32.load16_u" },
  4: { signed: "i32.load", unsigned: "i32.load" },
};

const STORES: Record<AccessSize, { wide: StoreOp; word: StoreOp }> = {
  1: { wide: "i64.store8", word: "i32.store8" },
  2: { wide: "i64.store16", word: "i32.store16" },
  4: { wide: "i64.store32", word: "i32.store" },
  8: { wide: "i64.store", word: "i64.store" },
};

/** Emits the store of a value at a host address. */
export function storeAt(f: FunctionBuilder, host: Expr, value: WasmValue, size: AccessSize): void {
  if (size === 8 && value.double !== undefined) f.store("f64.store", host, value.double);
  else if (size === 4 && value.low !== undefined) f.store("f32.store", host, value.low);
  else if (size === 8 || value.word === undefined) f.store(STORES[size].wide, host, value.expr);
  else f.store(STORES[size].word, host, value.word());
}

/** Where an atomic access reads and writes. */
export interface AtomicPlace {
  /** Its host address. */
  readonly host: Expr;
  /** Emits what must be done once it has written. */
  done(): void;
}

/** What a wasm engine can do with guest memory and floating point. */
export abstract class WasmOps extends WasmArithmetic implements Ops<WasmValue> {
  /** Set by every jump and branch: the instruction has said itself where execution goes on. */
  jumped = false;
  readonly #services: AccessServices;
  readonly #floats: Readonly<Record<string, FunctionReference>>;

  /** @param floats Floating-point operations by name */
  constructor(
    f: FunctionBuilder,
    helpers: ArithmeticHelpers,
    services: AccessServices,
    floats: Readonly<Record<string, FunctionReference>>,
  ) {
    super(f, helpers);
    this.#services = services;
    this.#floats = floats;
  }

  abstract x(register: RegisterOperand): WasmValue;
  abstract setX(register: RegisterOperand, value: WasmValue): void;
  abstract f(register: RegisterOperand): WasmValue;
  abstract pc(): WasmValue;
  abstract nextPc(): WasmValue;
  abstract branchIf(condition: WasmValue): void;
  abstract jumpRelative(): void;
  abstract jump(target: WasmValue): void;

  /** Writes an f register. */
  protected abstract storeF(register: RegisterOperand, value: WasmValue): void;
  /** Stores pc and the budget left, which counts the instruction that runs as used: every call into TypeScript needs them. */
  abstract saveProgress(): void;
  /** Leaves the instruction if `condition` holds: pc is set already. */
  protected abstract leaveIf(condition: Expr): void;
  /** Raises an illegal-instruction exception and leaves. */
  protected abstract illegal(): void;
  /** The rounding mode that the instruction asks for, 7 for the dynamic one. */
  protected abstract roundingField(): Expr;

  /** Emits what finds the host address of a load that the table does not lead to. */
  protected abstract missLoad(host: Local, va: Expr, size: AccessSize): void;
  /** Emits what does a store that the table does not lead to. */
  protected abstract missStore(va: Expr, value: WasmValue, size: AccessSize): void;
  /** Emits what finds where an atomic access reads and writes. */
  protected abstract placeAtomic(va: Local, size: AccessSize): AtomicPlace;
  /** Emits what finds the host address of a load that reserves. */
  protected abstract placeReserved(va: Local, size: AccessSize): Local;

  setF(register: RegisterOperand, value: WasmValue): void {
    this.storeF(register, value);
    this.makeFloatDirty();
  }

  /** Makes FS dirty if it is not. */
  protected makeFloatDirty(): void {
    this.code.if(
      binary("i32.eq", hartWord("fpAccess"), i32Const(1)),
      () => this.code.call(this.#services.floatDirty),
      undefined,
      "unlikely",
    );
  }

  load(address: WasmValue, size: AccessSize, signed: boolean): WasmValue {
    const va = this.code.let(address.expr);
    const host = this.translate("readTable", va, size, (host) => this.missLoad(host, va, size));
    return this.read(host, size, signed);
  }

  /** Reads at a host address. */
  protected read(host: Expr, size: AccessSize, signed: boolean): WasmValue {
    return { expr: this.code.let(load(WIDE_LOADS[size][signed ? "signed" : "unsigned"], host)) };
  }

  /** Reads at a host address what may be kept as a word. */
  protected readWord(host: Expr, size: AccessSize, signed: boolean): WasmValue {
    if (size === 8) return { expr: this.code.let(load("i64.load", host)) };
    const word = this.code.let(load(WORD_LOADS[size][signed ? "signed" : "unsigned"], host));
    return extended(word, loadedExtension(size, signed));
  }

  store(address: WasmValue, value: WasmValue, size: AccessSize): void {
    const { code: f } = this;
    f.scope(() => {
      const va = f.let(address.expr);
      const entry = f.let(tlbEntry("writeTable", va));
      f.if(tlbHit(entry, va, size), () => {
        storeAt(f, this.#hostOf(entry, va), value, size);
      }, () => {
        this.missStore(va, value, size);
      }, "likely");
    });
  }

  amo(address: WasmValue, size: 4 | 8, change: (old: WasmValue) => WasmValue): WasmValue {
    const { host, done } = this.placeAtomic(this.code.let(address.expr), size);
    const old = this.read(host, size, true);
    storeAt(this.code, host, change(old), size);
    done();
    return old;
  }

  loadReserved(address: WasmValue, size: 4 | 8): WasmValue {
    const va = this.code.let(address.expr);
    const host = this.placeReserved(va, size);
    this.setWord("reservation", host);
    this.setWord("reservationSize", i32Const(size));
    this.code.store("i64.store", i32Const(0), va, WINDOW + FIELD.reservedAddress);
    return this.read(host, size, true);
  }

  storeConditional(address: WasmValue, value: WasmValue, size: 4 | 8): WasmValue {
    const { code: f } = this;
    const { host, done } = this.placeAtomic(this.code.let(address.expr), size);
    const failed = f.let(i64Const(1));
    const reserved = binary(
      "i32.and",
      binary("i32.eq", hartWord("reservation"), host),
      binary("i32.ge_u", hartWord("reservationSize"), i32Const(size)),
    );
    f.if(reserved, () => {
      storeAt(f, host, value, size);
      f.set(failed, i64Const(0));
      done();
    });
    this.setWord("reservation", i32Const(-1));
    return { expr: failed };
  }

  requireFloat(): void {
    this.code.if(unary("i32.eqz", hartWord("fpAccess")), () => this.illegal(), undefined, "unlikely");
  }

  float(name: string, ...operands: WasmValue[]): WasmValue {
    const helper = this.#floats[name];
    if (helper === undefined) throw new TypeError(`No floating-point operation is called '${name}'`);
    const args = operands.map((operand) => operand.expr);
    if (helper.params.length > args.length) args.push(this.#roundingMode());
    return { expr: this.code.let(call(helper, ...args)) };
  }

  /** Stores a 32-bit field of the running hart. */
  setWord(field: FieldName, value: Expr): void {
    setHartWord(this.code, field, value);
  }

  #roundingMode(): Expr {
    const { code: f } = this;
    const mode = f.let(this.roundingField());
    f.if(binary("i32.eq", mode, i32Const(7)), () => f.set(mode, hartWord("frm")));
    f.if(binary("i32.gt_u", mode, i32Const(4)), () => this.illegal(), undefined, "unlikely");
    return mode;
  }

  /** Host address of an access: from the table, else `otherwise` emits what finds it. */
  protected translate(
    field: DataTable,
    va: Local,
    size: number,
    otherwise: (host: Local) => void,
  ): Local {
    const { code: f } = this;
    const entry = f.let(tlbEntry(field, va));
    const host = f.local("i32");
    f.if(tlbHit(entry, va, size), () => f.set(host, this.#hostOf(entry, va)), () => otherwise(host), "likely");
    return host;
  }

  #hostOf(entry: Expr, va: Expr): Expr {
    return binary("i32.add", unary("i32.wrap_i64", va), load("i32.load", entry, 8));
  }
}
