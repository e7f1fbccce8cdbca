/**
 * What the code of a region is made with and around: functions that it calls, locals of its function, what is known at a place of it.
 *
 * @module
 */
import type { FunctionReference, Local, Signature, TableReference } from "../../../core/wasm/mod.ts";
import type { Mode } from "../csr/plain.ts";
import type { RegionAccesses } from "./region_access.ts";
import type { FloatFrame } from "./region_float_ops.ts";
import type { LocalityPlan } from "./region_locality.ts";
import type { RegionPages } from "./region_pages.ts";
import type { RegionRegisters, RegisterKnowledge } from "./region_registers.ts";
import type { SystemFunctions } from "./region_system.ts";
import type { AccessServices } from "./wasm_ops.ts";

/** Functions that a region's code calls. */
export interface RegionServices extends AccessServices, RegionAccesses, SystemFunctions {
  /** (bits): raises an illegal-instruction exception. */
  readonly illegal: FunctionReference;
  /** (budget, depth) -> budget left: goes on at pc, see `region_chain.ts`. */
  readonly dispatch: FunctionReference;
  /** The same, where a call came back to another place. */
  readonly resume: FunctionReference;
}

/** How a region calls others in its page. */
export interface Callees {
  /** All regions' functions, by slot. */
  readonly table: TableReference;
  /** Their type. */
  readonly signature: Signature;
  /** The slot of the region that starts at an offset in the page, or will; undefined if there is none left. */
  slotAt(offset: number): number | undefined;
}

/** What a region's function is built around. */
export interface RegionFrame {
  /** Steps left, but for those that are owed, see {@link Knowledge}: the function's first parameter. */
  readonly budget: Local;
  /** Calls that may still nest in this one: its second parameter. */
  readonly depth: Local;
  /** Offset in the page of the region's first instruction. */
  readonly entry: number;
  /** pc of offset 0 in the page. */
  readonly pagePc: Local;
  /** Where the switch goes: a pc. */
  readonly target: Local;
  /** Whether the branch that was met last in a block is taken, 0 or 1: what it skips is selected by it. */
  readonly taken: Local;
  /** The x registers. */
  readonly registers: RegionRegisters;
  /** The pages that it remembers. */
  readonly pages: RegionPages;
  /** For which accesses. */
  readonly locality: LocalityPlan;
  /** Floating point, if the region has any. */
  readonly float?: FloatFrame;
  /** What it calls. */
  readonly callees: Callees;
  /** Mode that the region is expected to run in. */
  readonly mode: Mode;
}

/** What comes after a block. */
export interface BlockExits {
  /** Emits the way to the target of its last branch or jump. */
  taken(): void;
  /** Emits the way to the switch; undefined if there is none. */
  anywhere?: (() => void) | undefined;
  /** Emits the way to the region's start; undefined if the block ends in no return that may lead there. */
  again?: (() => void) | undefined;
  /** Emits the way to the instruction behind it. */
  next(): void;
  /** Registers that the instruction behind it and what follows need, one bit each; undefined if it is not in the region. */
  readonly neededNext: number | undefined;
}

/** What holds at a place of the code. */
export interface Knowledge {
  readonly owed: number;
  readonly registers: RegisterKnowledge;
  readonly emptyPages: number;
}
