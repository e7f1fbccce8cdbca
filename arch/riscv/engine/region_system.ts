/**
 * Instructions whose meaning is TypeScript, inside regions.
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { FIELD, LeaveRegions } from "../layout.ts";
import { executeSystem } from "./system.ts";

/** {@link executeSystem} for regions: where execution does not simply go on behind the instruction, all are left, to look pc up. */
export function systemInRegion(hart: Hart, row: number, bits: number, length: number): boolean {
  const { state } = hart;
  const goesOn = executeSystem(hart, row, bits, length);
  if (goesOn && state.word(FIELD.leaveRegions) === LeaveRegions.NO) return true;
  state.setWord(FIELD.leaveRegions, LeaveRegions.LOOK_UP);
  return false;
}
