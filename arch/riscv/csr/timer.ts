/**
 * Timer compare registers (Privileged ISA, "Sstc" Extension for Supervisor-mode Timer Interrupts) and htimedelta.
 *
 * @module
 */
import { FIELD } from "../layout.ts";
import { timerDeadlineMoved } from "../trap/interrupts.ts";
import type { CsrRow } from "./row.ts";

/** Rows by number. */
export const TIMER_CSRS: readonly CsrRow[] = [
  {
    number: 0x14d,
    name: "stimecmp",
    needs: "sstc",
    storage: FIELD.stimecmp,
    virtualizedBy: 0x24d,
    onWrite: timerDeadlineMoved,
  },
  { number: 0x24d, name: "vstimecmp", needs: "sstc", storage: FIELD.vstimecmp, onWrite: timerDeadlineMoved },
  { number: 0x605, name: "htimedelta", storage: FIELD.htimedelta, onWrite: timerDeadlineMoved },
];
