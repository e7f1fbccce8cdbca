/**
 * Instructions whose meaning is TypeScript, inside regions: how they are called, and those that need no call.
 *
 * @module
 */
import {
  call,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  i64Const,
  unary,
} from "../../../core/wasm/mod.ts";
import { executeCsr } from "../csr/csr_file.ts";
import { type Mode, plainCsr } from "../csr/plain.ts";
import type { Hart } from "../hart.ts";
import { sourceRegister } from "../isa/encoding.ts";
import type { Decoded } from "../isa/instruction.ts";
import { FIELD, LeaveRegions } from "../layout.ts";
import { registerWritten } from "./footprint.ts";
import { leavesRegion } from "./region.ts";
import { emitPlainCsr } from "./region_csr.ts";
import type { QuickCalls } from "./quick_system.ts";
import type { RegionPages } from "./region_pages.ts";
import type { RegionRegisters } from "./region_registers.ts";
import { executeSystem } from "./system.ts";

/** {@link executeSystem} for regions: where execution does not simply go on behind the instruction, all are left, to look pc up. */
export function systemInRegion(hart: Hart, row: number, bits: number, length: number): boolean {
  const { state } = hart;
  const goesOn = executeSystem(hart, row, bits, length);
  if (goesOn && state.word(FIELD.leaveRegions) === LeaveRegions.NO) return true;
  state.setWord(FIELD.leaveRegions, LeaveRegions.LOOK_UP);
  return false;
}

/** Functions that execute instructions whose meaning is TypeScript. */
export interface SystemFunctions extends QuickCalls {
  /** (row, bits, length) -> 1 go on behind it, 0 leave: {@link systemInRegion}. */
  readonly system: FunctionReference;
  /** () -> ticks of the host (f64). */
  readonly time: FunctionReference;
}

/** The place in a region where an instruction is. */
export interface SystemSite {
  /** The region's function. */
  readonly code: FunctionBuilder;
  /** Its x registers. */
  readonly registers: RegionRegisters;
  /** The pages that it remembers. */
  readonly pages: RegionPages;
  /** Mode that it is expected to run in. */
  readonly mode: Mode;
  /** Functions that it can call. */
  readonly functions: SystemFunctions;
  /** Steps left after the instruction. */
  readonly left: Expr;
  /** Emits what must be done before TypeScript is called. */
  save(): void;
}

/** Emits an instruction whose meaning is TypeScript. If it is the last of its region, what leaves the region must follow. */
export function emitSystem(site: SystemSite, decoded: Decoded): void {
  const { code: f, functions, registers, pages, mode, left } = site;
  const { call: meaning, quick } = decoded.instruction;
  const plain = meaning === executeCsr ? plainCsr(decoded.bits, mode) : undefined;
  if (plain === undefined && quick === undefined) {
    registers.flush();
    return emitCall(site, decoded);
  }
  const x = (number: number): Expr => number === 0 ? i64Const(0) : registers.get(number).expr;
  const { empty } = pages;
  f.block((end) => {
    if (quick !== undefined) f.brIf(end, call(functions[quick], x(sourceRegister(decoded.bits))), "likely");
    if (plain !== undefined) {
      f.block((slow) => {
        const setX = (number: number, value: Expr): void => registers.assign(number, value);
        emitPlainCsr({ code: f, slow, x, setX, left, time: functions.time }, decoded, plain, mode);
        f.br(end);
      });
    }
    emitCall(site, decoded);
  });
  pages.empty = empty;
  registers.assigned(registerWritten(decoded));
}

function emitCall({ code: f, registers, pages, functions, left, save }: SystemSite, decoded: Decoded): void {
  registers.spill();
  save();
  const row = i32Const(decoded.instruction.index);
  const goesOn = call(functions.system, row, i32Const(decoded.bits), i32Const(decoded.length));
  if (leavesRegion(decoded)) return f.drop(goesOn);
  f.if(unary("i32.eqz", goesOn), () => f.return(left), undefined, "unlikely");
  registers.load(registerWritten(decoded));
  pages.forget();
}
