/**
 * How the hypervisor makes its guest take an exception (Privileged ISA, Hypervisor extension, "Trap Entry").
 *
 * @module
 */
import type { Hart } from "./hart.ts";
import { FIELD } from "./layout.ts";
import { enterVirtualSupervisor } from "./trap/deliver.ts";
import { returnFromSupervisor } from "./trap/mode.ts";

/**
 * Delivers an exception to VS-mode, whatever is delegated: the guest sees it raised by the instruction at sepc if the hart is in
 * HS-mode, else by the one at pc. Steps and minstret stay as they are: the attempt was counted when it trapped to HS-mode.
 *
 * @param low Low half of what vstval takes
 * @param high High half of what vstval takes
 */
export function raiseInGuest(hart: Hart, cause: number, low: number, high: number): void {
  const { state, trap } = hart;
  if (state.word(FIELD.virtual) === 0) returnFromSupervisor(hart);
  trap.cause = cause;
  trap.interrupt = false;
  trap.tvalLow = low;
  trap.tvalHigh = high;
  enterVirtualSupervisor(hart);
}
