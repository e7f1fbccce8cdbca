/**
 * How control leaves a region's function: for another place, to the interpreter, by a call or a return of the guest (Unprivileged ISA,
 * "Unconditional Jumps").
 *
 * @module
 */
import {
  binary,
  call,
  callIndirect,
  type Expr,
  type FunctionBuilder,
  i32Const,
  load,
  unary,
} from "../../../core/wasm/mod.ts";
import { FIELD, LeaveRegions, WINDOW } from "../layout.ts";
import { setHartWord, setPc } from "../window_code.ts";
import { MOST_NESTED_CALLS, mustLeaveRegions } from "./region_chain.ts";
import type { RegionFrame, RegionServices } from "./region_frame.ts";

/** Whether nobody called a region. */
export function isUncalled(depth: Expr): Expr {
  return binary("i32.eq", depth, i32Const(MOST_NESTED_CALLS));
}

/** Emits the ways out of a region, with the budget and pc that belong to them. */
export class RegionExits {
  /** Steps that were taken since the budget was last written down: known at each place of the code. */
  owed = 0;
  readonly #f: FunctionBuilder;
  readonly #frame: RegionFrame;
  readonly #services: RegionServices;

  constructor(f: FunctionBuilder, frame: RegionFrame, services: RegionServices) {
    this.#f = f;
    this.#frame = frame;
    this.#services = services;
  }

  /** Steps left after the instruction. */
  budgetNow(): Expr {
    const { budget } = this.#frame;
    return this.owed === 0 ? budget : binary("i32.sub", budget, i32Const(this.owed));
  }

  /** Emits that the budget is written down, if it is not. */
  settleBudget(): void {
    if (this.owed !== 0) this.#f.set(this.#frame.budget, this.budgetNow());
    this.owed = 0;
  }

  /** Emits that the hart's pc is set. */
  storePc(pc: Expr): void {
    setPc(this.#f, pc);
  }

  /** Emits that execution goes on at a pc, wherever that is. */
  goOnAt(pc: Expr): void {
    const { registers, depth } = this.#frame;
    registers.flush();
    this.storePc(pc);
    this.#f.returnCall(this.#services.dispatch, this.budgetNow(), depth);
  }

  /** Emits that the interpreter goes on at a pc if a condition holds. */
  interpretAt(pc: Expr, condition: Expr): void {
    this.returnIf(condition, () => {
      this.storePc(pc);
      setHartWord(this.#f, "leaveRegions", i32Const(LeaveRegions.INTERPRET));
    });
  }

  /** Emits that the region is left if a condition holds, once `before` has been emitted, which sets what has to be set. */
  returnIf(condition: Expr, before: () => void = () => {}): void {
    const leave = (): void => {
      this.#frame.registers.spill();
      before();
      this.#f.return(this.budgetNow());
    };
    this.#f.if(condition, leave, undefined, "unlikely");
  }

  /** Emits a return of the guest: whoever called is waiting for it, unless nobody did. */
  return(place: Expr): void {
    const { depth, registers } = this.#frame;
    registers.flush();
    this.storePc(place);
    this.#f.if(isUncalled(depth), () => this.#f.returnCall(this.#services.dispatch, this.budgetNow(), depth));
    this.#f.return(this.budgetNow());
  }

  /**
   * Emits a call of the guest as a call; what comes next is executed when it has returned. Where no more calls may nest, what is called
   * takes the region's place, and returns to what called this one; whoever finds that a return is not for him goes on at its place
   * himself, so that the callers behind him need not be left.
   *
   * @param slot Slot of the region that is called, if that is known
   * @param back Where it returns to
   */
  call(target: Expr, slot: number | undefined, back: Expr): void {
    const f = this.#f;
    const { budget, depth, registers } = this.#frame;
    registers.flush();
    this.storePc(target);
    f.if(unary("i32.eqz", depth), () => this.#tailCall(slot), undefined, "unlikely");
    const expected = f.let(back);
    f.set(budget, this.#nestedCall(slot, binary("i32.sub", depth, i32Const(1))));
    this.owed = 0;
    const elsewhere = binary("i64.ne", load("i64.load", i32Const(0), WINDOW + FIELD.pc), expected);
    const isOther = binary("i32.or", elsewhere, mustLeaveRegions());
    f.if(isOther, () => f.returnCall(this.#services.resume, budget, depth), undefined, "unlikely");
  }

  #nestedCall(slot: number | undefined, depth: Expr): Expr {
    const { table, signature } = this.#frame.callees;
    if (slot === undefined) return call(this.#services.dispatch, this.budgetNow(), depth);
    return callIndirect(table, signature, i32Const(slot), this.budgetNow(), depth);
  }

  #tailCall(slot: number | undefined): void {
    const { callees: { table, signature }, depth } = this.#frame;
    if (slot === undefined) this.#f.returnCall(this.#services.dispatch, this.budgetNow(), depth);
    else this.#f.returnCallIndirect(table, signature, i32Const(slot), this.budgetNow(), depth);
  }
}
