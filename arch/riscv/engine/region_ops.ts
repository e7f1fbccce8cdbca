/**
 * The vocabulary of meanings for regions: operands are constants, x registers live in locals that are written through.
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
  type Local,
  unary,
} from "../../../core/wasm/mod.ts";
import type { Operands, RegisterOperand } from "../isa/instruction.ts";
import { F_REGISTERS, FIELD, WINDOW, X_REGISTERS } from "../layout.ts";
import { type BasicBlock, isCall, type PlacedInstruction } from "./region.ts";
import type { ArithmeticHelpers, WasmValue } from "./wasm_arithmetic.ts";
import { type AccessServices, hartWord, WasmOps } from "./wasm_ops.ts";

/** TypeScript that a region's code calls. */
export interface RegionServices extends AccessServices {
  /** (bits): raises an illegal-instruction exception. */
  readonly illegal: FunctionReference;
  /** (budget, depth, expected pc) -> budget left: runs regions from pc on, see `region_chain.ts`. */
  readonly chain: FunctionReference;
}

/** What a region's function is built around. */
export interface RegionFrame {
  /** Steps left: the function's first parameter. */
  readonly budget: Local;
  /** Calls that may still nest in this one: its second parameter. */
  readonly depth: Local;
  /** pc of offset 0 in the page. */
  readonly pagePc: Local;
  /** Locals of the x registers that the region reads. */
  readonly registers: ReadonlyMap<number, Local>;
}

/** What comes after a block. */
export interface BlockExits {
  /** Emits the way to the target of its last branch or jump. */
  taken(): void;
  /** Emits the way to the instruction behind it. */
  next(): void;
  /** Whether the instruction behind it belongs to the region. */
  readonly goesOn: boolean;
}

/** How the last instruction of a block ends it. */
type BlockEnd = (exits: BlockExits) => void;

function fallThrough({ next }: BlockExits): void {
  next();
}

/** Address of an x register. */
export function xRegister(number: number): number {
  return WINDOW + X_REGISTERS + number * 8;
}

/** Emits meanings into a region's function. */
export class RegionOps extends WasmOps {
  readonly #frame: RegionFrame;
  readonly #illegal: FunctionReference;
  readonly #chain: FunctionReference;
  #block!: BasicBlock;
  #index = 0;
  #end: BlockEnd | undefined;
  #slowWrite: Expr | undefined;

  /** @param frame Locals of the function */
  constructor(
    f: FunctionBuilder,
    helpers: ArithmeticHelpers,
    services: RegionServices,
    floats: Readonly<Record<string, FunctionReference>>,
    frame: RegionFrame,
  ) {
    super(f, helpers, services, floats);
    this.#frame = frame;
    this.#illegal = services.illegal;
    this.#chain = services.chain;
  }

  /**
   * Emits a block.
   *
   * @param exits What comes after its end
   */
  emitBlock(block: BasicBlock, exits: BlockExits): void {
    const { code: f } = this;
    const { budget } = this.#frame;
    const steps = block.instructions.length;
    this.#block = block;
    f.if(
      binary("i32.lt_s", budget, i32Const(steps)),
      () => {
        this.setWord("leaveRegions", i32Const(1));
        this.leaveAt(block.instructions[0].offset);
      },
      undefined,
      "unlikely",
    );
    f.set(budget, binary("i32.sub", budget, i32Const(steps)));
    block.instructions.forEach((placed, index) => {
      const isLast = index === steps - 1;
      this.#index = index;
      f.scope(() => {
        const end = this.#emit(placed);
        // Blocks that follow are emitted from inside the end of this one: nothing of this object may be relied on after it.
        if (isLast) (end ?? fallThrough)(exits);
      });
    });
  }

  /** Leaves the region for the instruction at an offset in the page. */
  leaveAt(offset: number): void {
    const { budget, pagePc } = this.#frame;
    this.#storePc(binary("i64.add", pagePc, i64Const(offset)));
    this.code.return(budget);
  }

  /** Emits an instruction; returns how it ends the block, if it does. */
  #emit({ decoded }: PlacedInstruction): BlockEnd | undefined {
    const { code: f } = this;
    const operands: Operands<WasmValue> = {
      rd: { field: "rd" },
      rs1: { field: "rs1" },
      rs2: { field: "rs2" },
      rs3: { field: "rs3" },
      imm: { expr: i64Const(decoded.imm) },
    };
    this.#slowWrite = undefined;
    this.#end = undefined;
    decoded.instruction.run!(this, operands);
    if (this.#slowWrite !== undefined) {
      f.if(this.#slowWrite, () => this.#leaveIfCodeChanged(), undefined, "unlikely");
    }
    return this.#end;
  }

  override x(register: RegisterOperand): WasmValue {
    const number = this.#number(register);
    if (number === 0) return { expr: i64Const(0) };
    return { expr: this.#frame.registers.get(number)! };
  }

  override setX(register: RegisterOperand, value: WasmValue): void {
    const number = this.#number(register);
    if (number === 0) return;
    const local = this.#frame.registers.get(number);
    const place = xRegister(number);
    if (local === undefined) return this.code.store("i64.store", i32Const(0), value.expr, place);
    this.code.set(local, value.expr);
    this.code.store("i64.store", i32Const(0), local, place);
  }

  override f(register: RegisterOperand): WasmValue {
    return { expr: load("i64.load", i32Const(0), WINDOW + F_REGISTERS + this.#number(register) * 8) };
  }

  protected override storeF(register: RegisterOperand, value: Expr): void {
    this.code.store("i64.store", i32Const(0), value, WINDOW + F_REGISTERS + this.#number(register) * 8);
  }

  override pc(): WasmValue {
    return { expr: binary("i64.add", this.#frame.pagePc, i64Const(this.#placed.offset)) };
  }

  override nextPc(): WasmValue {
    const { offset, decoded } = this.#placed;
    return { expr: binary("i64.add", this.#frame.pagePc, i64Const(offset + decoded.length)) };
  }

  override branchIf(condition: WasmValue): void {
    this.#end = ({ taken, next }) => {
      this.code.if(this.flagOf(condition), taken);
      next();
    };
  }

  override jumpRelative(): void {
    const placed = this.#placed;
    if (!isCall(placed.decoded)) {
      this.#end = ({ taken }) => taken();
      return;
    }
    const target = binary("i64.add", this.#frame.pagePc, i64Const(placed.offset + placed.decoded.imm));
    this.#end = (exits) => this.#leaveFor(target, exits);
  }

  override jump(target: WasmValue): void {
    this.#end = (exits) => this.#leaveFor(binary("i64.and", target.expr, i64Const(-2n)), exits);
  }

  /** Goes to an address outside of the region; if that is a call, it is one here too, and the region goes on when it returns. */
  #leaveFor(target: Expr, { next, goesOn }: BlockExits): void {
    const { code: f } = this;
    const { budget, depth, registers } = this.#frame;
    this.#storePc(target);
    if (!goesOn || !isCall(this.#placed.decoded)) return f.return(budget);
    f.if(unary("i32.eqz", depth), () => f.return(budget), undefined, "unlikely");
    const back = f.let(this.nextPc().expr);
    f.set(budget, call(this.#chain, budget, binary("i32.sub", depth, i32Const(1)), back));
    const elsewhere = binary("i64.ne", load("i64.load", i32Const(0), WINDOW + FIELD.pc), back);
    const mustLeave = binary("i32.or", hartWord("leaveRegions"), hartWord("exitRequest"));
    f.if(binary("i32.or", elsewhere, mustLeave), () => f.return(budget), undefined, "unlikely");
    for (const [number, local] of registers) f.set(local, load("i64.load", i32Const(0), xRegister(number)));
    next();
  }

  override saveProgress(): void {
    this.#storePc(this.pc().expr);
    this.setWord("budgetLeft", this.#budgetNow());
  }

  protected override leaveIf(condition: Expr): void {
    this.code.if(condition, () => this.#leaveToInterpreter(), undefined, "unlikely");
  }

  protected override illegal(): void {
    this.saveProgress();
    this.code.call(this.#illegal, i32Const(this.#placed.decoded.bits));
    this.#leaveToInterpreter();
  }

  /** The instruction has said itself where execution goes on: perhaps in another mode, so that no caller may believe pc. */
  #leaveToInterpreter(): void {
    this.setWord("leaveRegions", i32Const(1));
    this.code.return(this.#budgetNow());
  }

  protected override roundingField(): Expr {
    return i32Const(this.#placed.decoded.rm);
  }

  protected override wroteSlowly(wrote: Expr | undefined): void {
    if (wrote === undefined) this.#leaveIfCodeChanged();
    else this.#slowWrite = wrote;
  }

  /** The write can have been to the region itself: what it compiled must not run any more. */
  #leaveIfCodeChanged(): void {
    this.code.if(
      hartWord("leaveRegions"),
      () => {
        this.#storePc(this.nextPc().expr);
        this.code.return(this.#budgetNow());
      },
      undefined,
      "unlikely",
    );
  }

  get #placed(): PlacedInstruction {
    return this.#block.instructions[this.#index];
  }

  /** The block's steps were taken off the budget at its start; those that are still to come are left. */
  #budgetNow(): Expr {
    const toCome = this.#block.instructions.length - 1 - this.#index;
    const { budget } = this.#frame;
    return toCome === 0 ? budget : binary("i32.add", budget, i32Const(toCome));
  }

  #storePc(pc: Expr): void {
    this.code.store("i64.store", i32Const(0), pc, WINDOW + FIELD.pc);
  }

  #number(register: RegisterOperand): number {
    return this.#placed.decoded[register.field];
  }
}
