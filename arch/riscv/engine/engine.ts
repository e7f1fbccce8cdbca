/**
 * What an engine is: something that executes a hart's instructions. All engines leave the same architectural state behind.
 *
 * @module
 */

/** Executes one hart, whose state is in the window. */
export interface Engine {
  /**
   * Runs until the `exitRequest` word is not 0 or `budget` steps are used. A step is an instruction that retired, or an attempt that
   * trapped or left RAM: then `pc` is where execution goes on, or still at the instruction that the VM completes.
   *
   * Sets `budget` and, before each call into TypeScript that an instruction makes, `budgetLeft`, which counts that instruction as
   * used; at the end `budgetLeft` is what is left. The caller adds the steps to `steps` and clears `exitRequest` and `trapped`.
   *
   * @param budget Steps, below 2^31
   * @returns Steps used
   */
  run(budget: number): number;
}
