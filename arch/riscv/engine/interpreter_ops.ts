/**
 * The vocabulary of meanings for the interpreter: operands are read from the predecoded record at run time.
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
  type Label,
  load,
  type LoadOp,
  type Local,
  type StoreOp,
  unary,
} from "../../../core/wasm/mod.ts";
import type { AccessSize, Operands, Ops, RegisterOperand } from "../isa/instruction.ts";
import { F_REGISTERS, FIELD, type FieldName, TLB_ENTRIES, TLB_ENTRY_SIZE, WINDOW, X_REGISTERS } from "../layout.ts";
import { type ArithmeticHelpers, WasmArithmetic, type WasmValue } from "./wasm_arithmetic.ts";
import { RECORDS_PER_PAGE } from "./record.ts";

/** TypeScript that generated code calls: `interpreter.ts` provides it. All take and give 32-bit numbers. */
export interface Services {
  /** (vaLow, vaHigh, size) -> host address, or -1: trapped or exit requested. */
  readonly load: FunctionReference;
  /** (vaLow, vaHigh, low, high, size) -> 1 stored, 0 trapped or exit requested. */
  readonly store: FunctionReference;
  /** (vaLow, vaHigh, size) -> host address or -1. */
  readonly amo: FunctionReference;
  /** (vaLow, vaHigh, size) -> host address or -1. */
  readonly reserve: FunctionReference;
  /** (host, size): an atomic access that took the slow way wrote. */
  readonly atomicDone: FunctionReference;
  /** () -> records of the page that pc lies in, or 0: trapped. */
  readonly fetch: FunctionReference;
  /** (record) -> 1 decoded, 0: look pc up again. */
  readonly decode: FunctionReference;
  /** () -> record of the instruction at pc that crosses into the next page, or 0: trapped. */
  readonly straddle: FunctionReference;
  /** (record): executes a row that is TypeScript; pc is set when it returns. */
  readonly system: FunctionReference;
  /** (record): raises an illegal-instruction exception. */
  readonly illegal: FunctionReference;
  /** (): makes FS dirty. */
  readonly floatDirty: FunctionReference;
}

/** Locals of the interpreter's function. */
export interface Registers {
  /** Address of the record that runs. */
  readonly record: Local;
  /** Its first 64 bits. */
  readonly word: Local;
  /** Address of the records of its page. */
  readonly page: Local;
  /** pc = pcBase + record / 8. */
  readonly pcBase: Local;
  /** Steps left. */
  readonly budget: Local;
}

const TAG_SHIFT = 8; // 12 bits of page offset less 4 bits of entry size
const TAG_INDEX_MASK = (TLB_ENTRIES - 1) * TLB_ENTRY_SIZE;

const LOADS: Record<AccessSize, { signed: LoadOp; unsigned: LoadOp; store: StoreOp }> = {
  1: { signed: "i64.load8_s", unsigned: "i64.load8_u", store: "i64.store8" },
  2: { signed: "i64.load16_s", unsigned: "i64.load16_u", store: "i64.store16" },
  4: { signed: "i64.load32_s", unsigned: "i64.load32_u", store: "i64.store32" },
  8: { signed: "i64.load", unsigned: "i64.load", store: "i64.store" },
};

/** Reads a 32-bit field of the running hart. */
export function hartWord(field: FieldName): Expr {
  return load("i32.load", i32Const(0), WINDOW + FIELD[field]);
}

/** Address of the entry for a guest-virtual address in the table that `field` points to. */
export function tlbEntry(field: "readTable" | "writeTable" | "fetchTable", address: Expr): Expr {
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

/** Emits meanings into the interpreter's function. */
export class InterpreterOps extends WasmArithmetic implements Ops<WasmValue> {
  /** Set by every jump and branch: the instruction has said itself where execution goes on. */
  jumped = false;
  /** Set by every write of an f register: the instruction's rd is one. */
  wroteFloat = false;
  /** The operands, read from the record. */
  readonly operands: Operands<WasmValue> = {
    rd: { field: "rd" },
    rs1: { field: "rs1" },
    rs2: { field: "rs2" },
    rs3: { field: "rs3" },
    imm: { expr: undefined as unknown as Expr },
  };
  readonly #registers: Registers;
  readonly #services: Services;
  readonly #floats: Readonly<Record<string, FunctionReference>>;
  readonly #reload: Label;

  /** @param reload Where execution goes on at the address in the hart's `pc` */
  constructor(
    f: FunctionBuilder,
    helpers: ArithmeticHelpers,
    registers: Registers,
    services: Services,
    floats: Readonly<Record<string, FunctionReference>>,
    reload: Label,
  ) {
    super(f, helpers);
    this.#registers = registers;
    this.#services = services;
    this.#floats = floats;
    this.#reload = reload;
    this.operands = { ...this.operands, imm: { expr: load("i64.load32_s", registers.record, 8) } };
  }

  x(register: RegisterOperand): WasmValue {
    return { expr: load("i64.load", this.#offsetOf(register), WINDOW + X_REGISTERS) };
  }

  setX(register: RegisterOperand, value: WasmValue): void {
    this.code.store("i64.store", this.#offsetOf(register), value.expr, WINDOW + X_REGISTERS);
  }

  f(register: RegisterOperand): WasmValue {
    return { expr: load("i64.load", this.#offsetOf(register), WINDOW + F_REGISTERS) };
  }

  setF(register: RegisterOperand, value: WasmValue): void {
    this.wroteFloat = true;
    this.code.store("i64.store", this.#offsetOf(register), value.expr, WINDOW + F_REGISTERS);
    this.code.if(
      binary("i32.eq", hartWord("fpAccess"), i32Const(1)),
      () => this.code.call(this.#services.floatDirty),
      undefined,
      "unlikely",
    );
  }

  pc(): WasmValue {
    const { pcBase, record } = this.#registers;
    return {
      expr: binary("i64.add", pcBase, unary("i64.extend_i32_u", binary("i32.shr_u", record, i32Const(3)))),
    };
  }

  nextPc(): WasmValue {
    const length = unary("i64.extend_i32_u", binary("i32.shr_u", this.recordStep(), i32Const(3)));
    return { expr: binary("i64.add", this.pc().expr, length) };
  }

  /** Bytes from this record to the next. */
  recordStep(): Expr {
    const word = unary("i32.wrap_i64", this.#registers.word);
    return binary("i32.and", binary("i32.shr_u", word, i32Const(6)), i32Const(0x30));
  }

  branchIf(condition: WasmValue): void {
    this.jumped = true;
    const { record } = this.#registers;
    this.code.if(this.flagOf(condition), () => this.jumpRelative(), () => {
      this.code.set(record, binary("i32.add", record, this.recordStep()));
    });
  }

  jumpRelative(): void {
    this.jumped = true;
    const { record, page } = this.#registers;
    this.code.scope(() => {
      const distance = load("i32.load", record, 8);
      const target = this.code.let(binary("i32.sub", binary("i32.add", record, distance), page));
      this.code.if(binary("i32.lt_u", target, i32Const(RECORDS_PER_PAGE * 16)), () => {
        this.code.set(record, binary("i32.add", target, page));
      }, () => {
        const bytes = unary("i64.extend_i32_s", binary("i32.shr_s", distance, i32Const(3)));
        this.#goTo(binary("i64.add", this.pc().expr, bytes));
      }, "likely");
    });
  }

  jump(target: WasmValue): void {
    this.jumped = true;
    const { record, page, pcBase } = this.#registers;
    this.code.scope(() => {
      const pc = this.code.let(binary("i64.and", target.expr, i64Const(-2n)));
      const pageAddress = binary("i64.add", pcBase, unary("i64.extend_i32_u", binary("i32.shr_u", page, i32Const(3))));
      const offset = this.code.let(binary("i64.sub", pc, pageAddress));
      this.code.if(
        binary("i64.lt_u", offset, i64Const(4096)),
        () => {
          const distance = binary("i32.shl", unary("i32.wrap_i64", offset), i32Const(3));
          this.code.set(record, binary("i32.add", page, distance));
        },
        () => this.#goTo(pc),
        "unlikely",
      );
    });
  }

  load(address: WasmValue, size: AccessSize, signed: boolean): WasmValue {
    const host = this.#translate("readTable", address, size, this.#services.load);
    const op = LOADS[size];
    return { expr: this.code.let(load(signed ? op.signed : op.unsigned, host, 0)) };
  }

  store(address: WasmValue, value: WasmValue, size: AccessSize): void {
    const { code: f } = this;
    f.scope(() => {
      const va = f.let(address.expr);
      const entry = f.let(tlbEntry("writeTable", va));
      f.if(tlbHit(entry, va, size), () => {
        f.store(LOADS[size].store, this.#hostOf(entry, va), value.expr, 0);
      }, () => {
        this.saveProgress();
        const data = f.let(value.expr);
        const done = call(this.#services.store, low(va), high(va), low(data), high(data), i32Const(size));
        f.brIf(this.#reload, unary("i32.eqz", done));
      }, "likely");
    });
  }

  amo(address: WasmValue, size: 4 | 8, change: (old: WasmValue) => WasmValue): WasmValue {
    const { code: f } = this;
    const slow = f.let(i32Const(0));
    const host = this.#translate("writeTable", address, size, this.#services.amo, slow);
    const old = f.let(load(LOADS[size].signed, host, 0));
    f.store(LOADS[size].store, host, change({ expr: old }).expr, 0);
    this.#finishAtomic(slow, host, size);
    return { expr: old };
  }

  loadReserved(address: WasmValue, size: 4 | 8): WasmValue {
    const va = this.bind(address);
    const host = this.#translate("readTable", va, size, this.#services.reserve);
    this.setWord("reservation", host);
    this.setWord("reservationSize", i32Const(size));
    this.code.store("i64.store", i32Const(0), va.expr, WINDOW + FIELD.reservedAddress);
    return { expr: this.code.let(load(LOADS[size].signed, host, 0)) };
  }

  storeConditional(address: WasmValue, value: WasmValue, size: 4 | 8): WasmValue {
    const { code: f } = this;
    const slow = f.let(i32Const(0));
    const host = this.#translate("writeTable", address, size, this.#services.amo, slow);
    const failed = f.let(i64Const(1));
    const reserved = binary(
      "i32.and",
      binary("i32.eq", hartWord("reservation"), host),
      binary("i32.ge_u", hartWord("reservationSize"), i32Const(size)),
    );
    f.if(reserved, () => {
      f.store(LOADS[size].store, host, value.expr, 0);
      f.set(failed, i64Const(0));
      this.#finishAtomic(slow, host, size);
    });
    this.setWord("reservation", i32Const(-1));
    return { expr: failed };
  }

  requireFloat(): void {
    this.code.if(unary("i32.eqz", hartWord("fpAccess")), () => this.#illegal(), undefined, "unlikely");
  }

  float(name: string, ...operands: WasmValue[]): WasmValue {
    const helper = this.#floats[name];
    if (helper === undefined) throw new TypeError(`No floating-point operation is called '${name}'`);
    const args = operands.map((operand) => operand.expr);
    if (helper.params.length > args.length) args.push(this.#roundingMode());
    return { expr: this.code.let(call(helper, ...args)) };
  }

  /** Stores pc and the budget left, which counts the instruction that runs as used: every call into TypeScript needs them. */
  saveProgress(): void {
    this.code.store("i64.store", i32Const(0), this.pc().expr, WINDOW + FIELD.pc);
    this.setWord("budgetLeft", this.#registers.budget);
  }

  /** Stores a 32-bit field of the running hart. */
  setWord(field: FieldName, value: Expr): void {
    this.code.store("i32.store", i32Const(0), value, WINDOW + FIELD[field]);
  }

  #roundingMode(): Expr {
    const { code: f } = this;
    const mode = f.let(load("i32.load8_u", this.#registers.record, 15));
    f.if(binary("i32.eq", mode, i32Const(7)), () => f.set(mode, hartWord("frm")));
    f.if(binary("i32.gt_u", mode, i32Const(4)), () => this.#illegal(), undefined, "unlikely");
    return mode;
  }

  #illegal(): void {
    this.saveProgress();
    this.code.call(this.#services.illegal, this.#registers.record);
    this.code.br(this.#reload);
  }

  #goTo(pc: Expr): void {
    this.code.store("i64.store", i32Const(0), pc, WINDOW + FIELD.pc);
    this.code.br(this.#reload);
  }

  #finishAtomic(slow: Expr, host: Expr, size: number): void {
    this.code.if(slow, () => this.code.call(this.#services.atomicDone, host, i32Const(size)), undefined, "unlikely");
  }

  /** Host address of an access: from the table, else from `service`, which leaves the instruction if it answers -1. */
  #translate(
    field: "readTable" | "writeTable",
    address: WasmValue,
    size: number,
    service: FunctionReference,
    slow?: Local,
  ): Expr {
    const { code: f } = this;
    const va = f.let(address.expr);
    const entry = f.let(tlbEntry(field, va));
    const host = f.local("i32");
    f.if(tlbHit(entry, va, size), () => f.set(host, this.#hostOf(entry, va)), () => {
      this.saveProgress();
      f.set(host, call(service, low(va), high(va), i32Const(size)));
      f.brIf(this.#reload, binary("i32.eq", host, i32Const(-1)));
      if (slow !== undefined) f.set(slow, i32Const(1));
    }, "likely");
    return host;
  }

  #hostOf(entry: Expr, va: Expr): Expr {
    return binary("i32.add", unary("i32.wrap_i64", va), load("i32.load", entry, 8));
  }

  #offsetOf(register: RegisterOperand): Expr {
    const { word, record } = this.#registers;
    const half = (shift: number) => unary("i32.wrap_i64", binary("i64.shr_u", word, i64Const(shift)));
    switch (register.field) {
      case "rd":
        return binary("i32.and", half(16), i32Const(0xffff));
      case "rs1":
        return binary("i32.and", half(32), i32Const(0xffff));
      case "rs2":
        return half(48);
      case "rs3":
        return load("i32.load16_u", record, 12);
    }
  }
}

function low(value: Expr): Expr {
  return unary("i32.wrap_i64", value);
}

function high(value: Expr): Expr {
  return unary("i32.wrap_i64", binary("i64.shr_u", value, i64Const(32)));
}
