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
  type Local,
  unary,
} from "../../../core/wasm/mod.ts";
import type { AccessSize, Decoded, Instruction, Operands, RegisterOperand } from "../isa/instruction.ts";
import { LeaveRegions } from "../layout.ts";
import type { DataTable } from "../window_code.ts";
import { fuse } from "./region_fusion.ts";
import type { BlockExits, Knowledge, RegionFrame, RegionServices } from "./region_frame.ts";
import {
  type BasicBlock,
  calleeOf,
  endsInSwitch,
  isCall,
  isReturn,
  leavesRegion,
  type PlacedInstruction,
} from "./region.ts";
import { emitCases } from "./region_switch.ts";
import { isUncalled, RegionExits } from "./region_exits.ts";
import { RegionFloatOps } from "./region_float_ops.ts";
import { siteOf } from "./region_access.ts";
import type { AccessHooks } from "./region_pages.ts";
import { emitSystem } from "./region_system.ts";
import { selectedBehind } from "./region_selection.ts";
import type { ArithmeticHelpers } from "./wasm_arithmetic.ts";
import { constantValue, selected, type WasmValue } from "./wasm_value.ts";
import type { AtomicPlace } from "./wasm_ops.ts";

/** How the last instruction of a block ends it. */
type BlockEnd = (exits: BlockExits) => void;

function fallThrough({ next }: BlockExits): void {
  next();
}

/** Emits meanings into a region's function. */
export class RegionOps extends RegionFloatOps {
  readonly #frame: RegionFrame;
  readonly #services: RegionServices;
  readonly #exits: RegionExits;
  #block!: BasicBlock;
  #index = 0;
  readonly #hooks: AccessHooks = {
    place: (size) => this.#place(size),
    leftIf: (condition) => this.#exits.returnIf(condition),
  };
  #end: BlockEnd | undefined;

  /** @param frame Locals of the function */
  constructor(
    f: FunctionBuilder,
    helpers: ArithmeticHelpers,
    services: RegionServices,
    floats: Readonly<Record<string, FunctionReference>>,
    frame: RegionFrame,
  ) {
    super(f, helpers, services, floats, frame.float);
    this.#frame = frame;
    this.#services = services;
    this.#exits = new RegionExits(f, frame, services);
  }

  /** Starts a place where control comes from several others, all of which have called {@link settle} with the same registers. */
  join(needed: number, words: number, kept: number): void {
    this.#know({ owed: 0, registers: { unwritten: kept, words: needed & words }, emptyPages: 0 });
  }

  /**
   * Emits a block.
   *
   * @param stepsToCheck Steps that the budget must reach for, undefined: it was looked at before
   * @param exits What comes after its end
   */
  emitBlock(block: BasicBlock, stepsToCheck: number | undefined, exits: BlockExits): void {
    this.#block = block;
    this.startFloat(block);
    if (stepsToCheck !== undefined) this.#checkBudget(stepsToCheck);
    const { instructions } = block;
    for (let index = 0; index < instructions.length; index++) {
      const { decoded } = instructions[index];
      this.#index = index;
      this.#exits.owed++;
      this.code.scope(() => {
        const fused = index + 1 < instructions.length ? fuse(decoded, instructions[index + 1].decoded) : undefined;
        const end = this.#emit(decoded, fused ?? decoded.instruction.run);
        this.passFloat(decoded);
        if (fused !== undefined) {
          this.#exits.owed++;
          index++;
        }
        // Blocks that follow are emitted from inside the end of this one: what this object knows is theirs after it.
        if (index === instructions.length - 1) (end ?? fallThrough)(exits);
      });
    }
  }

  /**
   * Writes down what is only known at this place: control is about to meet that of other places.
   *
   * @param needed Registers that are needed there
   * @param words Those that are kept as words there
   * @param kept Those of which memory need not be told
   */
  settle(needed: number, words: number, kept: number): void {
    const { registers } = this.#frame;
    this.#exits.settleBudget();
    registers.flush(kept);
    registers.settle(needed, words);
  }

  /** Leaves the region for the instruction at an offset in the page. */
  leaveAt(offset: number): void {
    this.#exits.goOnAt(this.pcAt(offset));
  }

  /** Leaves the region for a block of it, where structured control flow cannot express the way there. */
  leaveFor({ instructions, targets }: BasicBlock): void {
    this.#exits.goOnAt(targets !== undefined ? this.#frame.target : this.pcAt(instructions[0].offset));
  }

  /**
   * Emits the region's switch.
   *
   * @param offsets Where it may go without leaving
   * @param stepsToCheck As for {@link emitBlock}
   * @param goTo Emits the way to an offset
   */
  emitSwitch(offsets: readonly number[], stepsToCheck: number | undefined, goTo: (offset: number) => void): void {
    const { code: f } = this;
    const { budget, pagePc, target } = this.#frame;
    if (stepsToCheck !== undefined) {
      this.interpretAt(target, binary("i32.lt_s", budget, i32Const(stepsToCheck + this.#exits.owed)));
    }
    const knowledge = this.#knowledge;
    const first = Math.min(...offsets);
    const distance = f.let(binary("i64.sub", binary("i64.sub", target, pagePc), i64Const(first)));
    const cases = Math.max(...offsets) - first;
    f.if(binary("i64.gt_u", distance, i64Const(cases)), () => this.#exits.goOnAt(target), undefined, "unlikely");
    this.#know(knowledge);
    const index = binary("i32.shr_u", unary("i32.wrap_i64", distance), i32Const(1));
    emitCases(f, index, offsets.map((offset) => (offset - first) / 2), (which) => {
      this.#know(knowledge);
      if (which === undefined) this.#exits.goOnAt(target);
      else goTo(offsets[which]);
    });
  }

  /** Leaves to the interpreter, which executes one by one what the budget still reaches for, unless it covers `steps`. */
  #checkBudget(steps: number): void {
    const [{ offset }] = this.#block.instructions;
    this.interpretAt(this.pcAt(offset), binary("i32.lt_s", this.#frame.budget, i32Const(steps + this.#exits.owed)));
  }

  protected override interpretIf(condition: Expr): void {
    this.#exits.owed--;
    this.interpretAt(this.pcAt(this.placed.offset), condition);
    this.#exits.owed++;
  }

  protected override pcAt(offset: number): Expr {
    return binary("i64.add", this.#frame.pagePc, i64Const(offset));
  }

  protected override interpretAt(pc: Expr, condition: Expr): void {
    this.#exits.interpretAt(pc, condition);
  }

  /** Emits an instruction; returns how it ends the block, if it does. */
  #emit(decoded: Decoded, run: Instruction["run"]): BlockEnd | undefined {
    const operands: Operands<WasmValue> = {
      rd: { field: "rd" },
      rs1: { field: "rs1" },
      rs2: { field: "rs2" },
      rs3: { field: "rs3" },
      imm: constantValue(BigInt(decoded.imm)),
    };
    this.#end = undefined;
    if (run !== undefined) run(this, operands);
    else this.#system(decoded);
    return this.#end;
  }

  override x(register: RegisterOperand): WasmValue {
    const number = this.#number(register);
    return number === 0 ? constantValue(0n) : this.#frame.registers.get(number);
  }

  override setX(register: RegisterOperand, value: WasmValue): void {
    const number = this.#number(register);
    if (number === 0) return;
    const { registers, taken } = this.#frame;
    registers.set(number, this.placed.isSelected ? selected(taken, registers.get(number), value) : value);
  }

  override load(address: WasmValue, size: AccessSize, signed: boolean): WasmValue {
    const { pages, locality } = this.#frame;
    const { code: f } = this;
    const choice = locality.pageOf(this.placed);
    if (choice === undefined) return super.load(address, size, signed);
    return this.read(pages.read(choice, f.let(address.expr), size, this.#hooks), size, signed);
  }

  override store(address: WasmValue, value: WasmValue, size: AccessSize): void {
    const { pages, locality } = this.#frame;
    const choice = locality.pageOf(this.placed);
    if (choice === undefined) return super.store(address, value, size);
    pages.write(choice, this.code.let(address.expr), value, size, this.#hooks);
  }

  override pc(): WasmValue {
    return { expr: this.pcAt(this.placed.offset) };
  }

  override nextPc(): WasmValue {
    const { offset, decoded } = this.placed;
    return { expr: binary("i64.add", this.#frame.pagePc, i64Const(offset + decoded.length)) };
  }

  override branchIf(condition: WasmValue): void {
    const flag = this.flagOf(condition);
    const skipped = selectedBehind(this.#block.instructions, this.#index);
    if (skipped > 0) return this.#skip(skipped, flag);
    this.#end = ({ taken, next }) => {
      const knowledge = this.#knowledge;
      this.code.if(flag, taken);
      this.#know(knowledge);
      next();
    };
  }

  /** A branch over instructions that are done all the same, see `region_selection.ts`: they are not counted if it is taken. */
  #skip(count: number, flag: Expr): void {
    const { budget, taken } = this.#frame;
    this.code.set(taken, flag);
    this.code.set(budget, binary("i32.add", budget, binary("i32.mul", taken, i32Const(count))));
  }

  override jumpRelative(): void {
    const placed = this.placed;
    if (!isCall(placed.decoded)) {
      this.#end = ({ taken }) => taken();
      return;
    }
    const target = binary("i64.add", this.#frame.pagePc, i64Const(placed.offset + placed.decoded.imm));
    this.#end = (exits) => this.#call(target, exits);
  }

  override jump(target: WasmValue): void {
    const place = binary("i64.and", target.expr, i64Const(-2n));
    const { decoded } = this.placed;
    if (isCall(decoded)) {
      this.#end = (exits) => this.#call(place, exits);
      return;
    }
    this.#end = ({ anywhere, again }) => {
      if (anywhere !== undefined && endsInSwitch(this.#block)) {
        this.code.set(this.#frame.target, place);
        return anywhere();
      }
      if (!isReturn(decoded)) return this.#exits.goOnAt(place);
      if (again !== undefined) this.#returnToStart(place, again);
      this.#exits.return(place);
    };
  }

  /** A return that nobody waits for, to where the region starts: it goes on there. */
  #returnToStart(place: Expr, again: () => void): void {
    const start = binary("i64.eq", place, this.pcAt(this.#frame.entry));
    const knowledge = this.#knowledge;
    this.code.if(binary("i32.and", start, isUncalled(this.#frame.depth)), again);
    this.#know(knowledge);
  }

  /** A call of the guest is one here too: the region goes on when it returns. */
  #call(target: Expr, { next, neededNext }: BlockExits): void {
    const { registers, pages, callees } = this.#frame;
    if (neededNext === undefined) return this.#exits.goOnAt(target);
    // Code in the same page is mapped as this is, so that its place tells which region that is.
    const offset = calleeOf(this.placed);
    this.#exits.call(target, offset === undefined ? undefined : callees.slotAt(offset), this.nextPc().expr);
    registers.load(neededNext);
    pages.forget();
    this.returnFloat();
    next();
  }

  protected override missLoad(host: Local, va: Expr, size: AccessSize): void {
    this.code.set(host, call(this.#services.readAt, va, ...this.#place(size)));
    this.#exits.returnIf(binary("i32.eq", host, i32Const(-1)));
  }

  protected override missStore(va: Expr, value: WasmValue, size: AccessSize): void {
    this.#exits.returnIf(call(this.#services.writeAt, va, value.expr, ...this.#place(size)));
  }

  /** Where the instruction and its access stand, for the functions of `region_access.ts`. */
  #place(size: AccessSize): Expr[] {
    const { offset, decoded } = this.placed;
    return [this.#frame.pagePc, this.#frame.budget, i32Const(siteOf(offset, decoded.length, size, this.#exits.owed))];
  }

  override saveProgress(): void {
    this.#exits.storePc(this.pc().expr);
    this.setWord("budgetLeft", this.#exits.budgetNow());
  }

  protected override leaveIf(condition: Expr): void {
    this.#exits.returnIf(condition, () => this.setWord("leaveRegions", i32Const(LeaveRegions.LOOK_UP)));
  }

  protected override illegal(): void {
    this.#frame.registers.spill();
    this.saveProgress();
    this.code.call(this.#services.illegal, i32Const(this.placed.decoded.bits));
    this.#leave();
  }

  /** The instruction has said itself where execution goes on: perhaps in another mode, so that no caller may believe pc. */
  #leave(): void {
    this.setWord("leaveRegions", i32Const(LeaveRegions.LOOK_UP));
    this.code.return(this.#exits.budgetNow());
  }

  /** An instruction whose meaning is TypeScript. */
  #system(decoded: Decoded): void {
    const { code } = this;
    const functions = this.#services;
    emitSystem(
      { ...this.#frame, code, functions, left: this.#exits.budgetNow(), save: () => this.saveProgress() },
      decoded,
    );
    if (leavesRegion(decoded)) this.#end = () => this.#leave();
  }

  protected override roundingField(): Expr {
    return i32Const(this.placed.decoded.rm);
  }

  protected override placeAtomic(va: Local, size: AccessSize): AtomicPlace {
    return { host: this.#placeOf("writeTable", va, size), done: () => {} };
  }

  protected override placeReserved(va: Local, size: AccessSize): Local {
    return this.#placeOf("readTable", va, size);
  }

  /** Where the table does not lead to an address, the interpreter executes the instruction: it may trap, or change code. */
  #placeOf(table: DataTable, va: Local, size: AccessSize): Local {
    const { pages, locality } = this.#frame;
    const leave = (): void => this.interpretIf(i32Const(1));
    const choice = locality.pageOf(this.placed);
    if (choice === undefined) return this.translate(table, va, size, leave);
    return pages.locate(choice, table, va, size, leave);
  }

  protected override get placed(): PlacedInstruction {
    return this.#block.instructions[this.#index];
  }

  get #knowledge(): Knowledge {
    const { registers, pages } = this.#frame;
    return { owed: this.#exits.owed, registers: registers.knowledge, emptyPages: pages.empty };
  }

  #know({ owed, registers, emptyPages }: Knowledge): void {
    this.#exits.owed = owed;
    this.#frame.registers.know(registers);
    this.#frame.pages.empty = emptyPages;
  }

  #number(register: RegisterOperand): number {
    return this.placed.decoded[register.field];
  }
}
