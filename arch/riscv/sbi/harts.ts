/**
 * Which harts a call means: hart masks (SBI 3.0, chapter 3, "Hart list parameter").
 *
 * @module
 */
import type { SbiCall, SbiMachine } from "./sbi.ts";

/** All harts that are not stopped, by index. */
export function runningHarts(machine: SbiMachine): number[] {
  const harts: number[] = [];
  for (let index = 0; index < machine.cpus; index++) {
    if (machine.status(index) !== "stopped") harts.push(index);
  }
  return harts;
}

/**
 * The harts of the mask in a0 and its base in a1, without those that are stopped: nothing of theirs outlives a start.
 *
 * @returns Undefined if the mask names a hart that does not exist
 */
export function selectedHarts({ machine, low, high, number }: SbiCall): number[] | undefined {
  if (low(1) === -1 && high(1) === -1) return runningHarts(machine);
  const base = number(1);
  const harts: number[] = [];
  for (let bit = 0; bit < 64; bit++) {
    const word = bit < 32 ? low(0) : high(0);
    if ((word >>> (bit & 31) & 1) === 0) continue;
    if (base + bit >= machine.cpus) return undefined;
    if (machine.status(base + bit) !== "stopped") harts.push(base + bit);
  }
  return harts;
}
