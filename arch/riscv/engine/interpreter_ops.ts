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
  type Local,
  unary,
} from "../../../core/wasm/mod.ts";
import type { AccessSize, Operands, RegisterOperand } from "../isa/instruction.ts";
import { F_REGISTERS, WINDOW, X_REGISTERS } from "../layout.ts";
import { setPc } from "../window_code.ts";
import { LENGTH_SHIFT, RECORD_SHIFT, RECORD_SIZE, RECORDS_PER_PAGE, RecordShift } from "./record.ts";
import type { SlowAccesses } from "./slow_access.ts";
import type { ArithmeticHelpers } from "./wasm_arithmetic.ts";
import type { WasmValue } from "./wasm_value.ts";
import { type AccessServices, type AtomicPlace, WasmOps } from "./wasm_ops.ts";

/** What the code of rows calls. */
export interface RowServices extends AccessServices, SlowAccesses {
  /** (vaLow, vaHigh, size) -> host address of a load that reserves, or -1. */
  readonly reserve: FunctionReference;
  /** (host, size): an atomic access that took the slow way wrote. */
  readonly atomicDone: FunctionReference;
  /** (record): raises an illegal-instruction exception. */
  readonly illegal: FunctionReference;
}

/** TypeScript that the interpreter's code calls: `interpreter.ts` provides it. All take and give 32-bit numbers. */
export interface Services extends RowServices {
  /** () -> records of the page that pc lies in, or 0: trapped. */
  readonly fetch: FunctionReference;
  /** (record) -> 1 decoded, 0: look pc up again. */
  readonly decode: FunctionReference;
  /** () -> record of the instruction at pc that crosses into the next page, or 0: trapped. */
  readonly straddle: FunctionReference;
  /** (record): executes a row that is TypeScript; pc is set when it returns. */
  readonly system: FunctionReference;
  /** (record): makes the function of its row, a rare one. */
  readonly prepare: FunctionReference;
  /** (record): gives a record its instruction back until the run ends. */
  readonly suspendRegion: FunctionReference;
}

/** Locals of a function that executes records. */
export interface Registers {
  /** Address of the record that runs. */
  readonly record: Local;
  /** The record. */
  readonly word: Local;
  /** Address of the records of its page, for rows that jump. */
  readonly page?: Local;
  /** pc = pcBase + record / 4. */
  readonly pcBase: Local;
  /** Steps left. */
  readonly budget: Local;
}

/** Emits meanings into the interpreter's function. */
export class InterpreterOps extends WasmOps {
  /** The operands, read from the record. */
  readonly operands: Operands<WasmValue>;
  /** Bytes of the instruction; undefined: the record says it. */
  length: 2 | 4 | undefined;
  readonly #registers: Registers;
  readonly #services: RowServices;
  readonly #reload: Label;

  /** @param reload Where execution goes on at the address in the hart's `pc` */
  constructor(
    f: FunctionBuilder,
    helpers: ArithmeticHelpers,
    registers: Registers,
    services: RowServices,
    floats: Readonly<Record<string, FunctionReference>>,
    reload: Label,
  ) {
    super(f, helpers, services, floats);
    this.#registers = registers;
    this.#services = services;
    this.#reload = reload;
    // Read from memory where it is needed: shifted out of the register that holds the record it made the loop 4 % slower.
    this.operands = {
      rd: { field: "rd" },
      rs1: { field: "rs1" },
      rs2: { field: "rs2" },
      rs3: { field: "rs3" },
      imm: { expr: load("i64.load32_s", registers.record, 4) },
    };
  }

  override x(register: RegisterOperand): WasmValue {
    return { expr: load("i64.load", this.#offsetOf(register), WINDOW + X_REGISTERS) };
  }

  override setX(register: RegisterOperand, value: WasmValue): void {
    this.code.store("i64.store", this.#offsetOf(register), value.expr, WINDOW + X_REGISTERS);
  }

  override f(register: RegisterOperand): WasmValue {
    return { expr: load("i64.load", this.#offsetOf(register), WINDOW + F_REGISTERS) };
  }

  override pc(): WasmValue {
    const { pcBase, record } = this.#registers;
    return {
      expr: binary("i64.add", pcBase, unary("i64.extend_i32_u", binary("i32.shr_u", record, i32Const(RECORD_SHIFT)))),
    };
  }

  override nextPc(): WasmValue {
    const length = unary("i64.extend_i32_u", binary("i32.shr_u", this.recordStep(), i32Const(RECORD_SHIFT)));
    return { expr: binary("i64.add", this.pc().expr, length) };
  }

  /** Bytes from this record to the next. */
  recordStep(): Expr {
    return this.length === undefined ? this.#field(LENGTH_SHIFT, 3) : i32Const(this.length << RECORD_SHIFT);
  }

  /** Goes on to the next record. */
  advance(): void {
    const { record } = this.#registers;
    this.code.set(record, binary("i32.add", record, this.recordStep()));
  }

  override branchIf(condition: WasmValue): void {
    this.jumped = true;
    this.code.if(this.flagOf(condition), () => this.jumpRelative(), () => {
      this.advance();
    });
  }

  override jumpRelative(): void {
    this.jumped = true;
    const { record } = this.#registers;
    const page = this.#page();
    this.code.scope(() => {
      const distance = this.#high();
      const target = this.code.let(binary("i32.sub", binary("i32.add", record, distance), page));
      this.code.if(binary("i32.lt_u", target, i32Const(RECORDS_PER_PAGE * RECORD_SIZE)), () => {
        this.code.set(record, binary("i32.add", target, page));
      }, () => {
        const bytes = unary("i64.extend_i32_s", binary("i32.shr_s", distance, i32Const(RECORD_SHIFT)));
        this.#goTo(binary("i64.add", this.pc().expr, bytes));
      }, "likely");
    });
  }

  override jump(target: WasmValue): void {
    this.jumped = true;
    const { record, pcBase } = this.#registers;
    const page = this.#page();
    this.code.scope(() => {
      const pc = this.code.let(binary("i64.and", target.expr, i64Const(-2n)));
      const pageAddress = binary(
        "i64.add",
        pcBase,
        unary("i64.extend_i32_u", binary("i32.shr_u", page, i32Const(RECORD_SHIFT))),
      );
      const offset = this.code.let(binary("i64.sub", pc, pageAddress));
      this.code.if(
        binary("i64.lt_u", offset, i64Const(4096)),
        () => {
          const distance = binary("i32.shl", unary("i32.wrap_i64", offset), i32Const(RECORD_SHIFT));
          this.code.set(record, binary("i32.add", page, distance));
          this.setWord("cameIn", unary("i32.wrap_i64", pc));
        },
        () => this.#goTo(pc),
        "unlikely",
      );
    });
  }

  /** Stores pc and the budget left, which counts the instruction that runs as used: every call into TypeScript needs them. */
  override saveProgress(): void {
    setPc(this.code, this.pc().expr);
    this.setWord("budgetLeft", this.#registers.budget);
  }

  protected override storeF(register: RegisterOperand, value: WasmValue): void {
    this.code.store("i64.store", this.#offsetOf(register), value.expr, WINDOW + F_REGISTERS);
  }

  protected override leaveIf(condition: Expr): void {
    this.code.brIf(this.#reload, condition);
  }

  protected override illegal(): void {
    this.saveProgress();
    this.code.call(this.#services.illegal, this.#registers.record);
    this.code.br(this.#reload);
  }

  protected override roundingField(): Expr {
    const word = unary("i32.wrap_i64", this.#registers.word);
    return binary("i32.and", binary("i32.shr_u", word, i32Const(RecordShift.RM)), i32Const(7));
  }

  protected override missLoad(host: Local, va: Expr, size: AccessSize): void {
    this.saveProgress();
    this.code.set(host, call(this.#services.load, va, i32Const(size)));
    this.leaveIf(binary("i32.eq", host, i32Const(-1)));
  }

  protected override missStore(va: Expr, value: WasmValue, size: AccessSize): void {
    this.saveProgress();
    this.leaveIf(unary("i32.eqz", call(this.#services.store, va, value.expr, i32Const(size))));
  }

  protected override placeAtomic(va: Local, size: AccessSize): AtomicPlace {
    const { code: f } = this;
    const { amo, atomicDone } = this.#services;
    const slow = f.let(i32Const(0));
    const host = this.translate("writeTable", va, size, (host) => {
      this.#ask(host, call(amo, va, i32Const(size)));
      f.set(slow, i32Const(1));
    });
    // If it was code, the records are told; the next one is read from memory anyway.
    const done = (): void => f.if(slow, () => f.call(atomicDone, host, i32Const(size)), undefined, "unlikely");
    return { host, done };
  }

  protected override placeReserved(va: Local, size: AccessSize): Local {
    const low = unary("i32.wrap_i64", va);
    const high = unary("i32.wrap_i64", binary("i64.shr_u", va, i64Const(32)));
    return this.translate("readTable", va, size, (host) => {
      this.#ask(host, call(this.#services.reserve, low, high, i32Const(size)));
    });
  }

  /** Has a function find a host address; the instruction is left if it answers -1. */
  #ask(host: Local, answer: Expr): void {
    this.saveProgress();
    this.code.set(host, answer);
    this.leaveIf(binary("i32.eq", host, i32Const(-1)));
  }

  #page(): Local {
    const { page } = this.#registers;
    if (page === undefined) throw new TypeError("A row that jumps must be in the interpreter's loop");
    return page;
  }

  #goTo(pc: Expr): void {
    setPc(this.code, pc);
    this.code.br(this.#reload);
  }

  /** Offset of a register among its kind. */
  #offsetOf(register: RegisterOperand): Expr {
    switch (register.field) {
      case "rd":
        return this.#field(RecordShift.RD, 63);
      case "rs1":
        return this.#shifted(RecordShift.RS1);
      case "rs2":
        return this.#field(RecordShift.RS2, 31);
      case "rs3":
        return this.#high();
    }
  }

  /** A number in the record, times 8. */
  #field(shift: number, mask: number): Expr {
    return binary("i32.and", this.#shifted(shift), i32Const(mask * 8));
  }

  /** The same, with what is above it and below. */
  #shifted(shift: number): Expr {
    return binary("i32.shr_u", unary("i32.wrap_i64", this.#registers.word), i32Const(shift - 3));
  }

  /** The upper half of the record. */
  #high(): Expr {
    return load("i32.load", this.#registers.record, 4);
  }
}
