/**
 * The jump of a switch in a region, as a table of branches.
 *
 * @module
 */
import type { Expr, FunctionBuilder, Label } from "../../../core/wasm/mod.ts";

/**
 * Emits a branch to one of several cases.
 *
 * @param index What decides, an i32 below the highest of `places` or equal to it
 * @param places Values of `index`, one for each case
 * @param emitCase Emits the case of that number, or what is done for all other values; must leave
 */
export function emitCases(
  f: FunctionBuilder,
  index: Expr,
  places: readonly number[],
  emitCase: (which: number | undefined) => void,
): void {
  const labels: Label[] = [];
  f.block((fallback) => {
    const nest = (which: number): void => {
      if (which === places.length) {
        const targets = new Array<Label>(Math.max(...places) + 1).fill(fallback);
        places.forEach((place, number) => targets[place] = labels[number]);
        return f.brTable(index, targets, fallback);
      }
      f.block((label) => {
        labels[which] = label;
        nest(which + 1);
      });
      emitCase(which);
    };
    nest(0);
  });
  emitCase(undefined);
}
