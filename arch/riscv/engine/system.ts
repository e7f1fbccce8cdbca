/**
 * Instructions whose meaning is TypeScript, as all engines execute them: the row's `call`, the step to the next instruction, and the
 * interrupt that it may have let through (Privileged ISA, "Machine Interrupt Registers": when interrupts are evaluated).
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { INSTRUCTIONS } from "../isa/mod.ts";
import { ExitRequest, FIELD } from "../layout.ts";
import { mustCompleteAccess, takeUnmaskedInterrupt } from "../trap/interrupts.ts";

/**
 * Executes the instruction at pc; afterwards pc is where execution goes on.
 *
 * @param row Index of its row, which has a `call`
 * @param bits Its 32 bits, expanded if it was compressed
 * @param length Its bytes in memory
 * @returns Whether that is the next instruction in memory and nobody asks the engine to leave
 */
export function executeSystem(hart: Hart, row: number, bits: number, length: number): boolean {
  const { state } = hart;
  const retired = INSTRUCTIONS[row].call!(hart, bits);
  if (retired) {
    const low = (state.low(FIELD.pc) + length) | 0;
    const carry = low >>> 0 < length ? 1 : 0;
    state.set(FIELD.pc, low, (state.high(FIELD.pc) + carry) | 0);
  }
  if (mustCompleteAccess(hart)) return false;
  const interrupted = takeUnmaskedInterrupt(hart);
  return retired && !interrupted && state.word(FIELD.exitRequest) === ExitRequest.NONE;
}
