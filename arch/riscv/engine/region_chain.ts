/**
 * The way from region to region without the interpreter: one WebAssembly function that looks up pc and calls what is translated there.
 *
 * @module
 */
import {
  binary,
  call,
  type Expr,
  type FunctionReference,
  i32Const,
  load,
  type ModuleBuilder,
  select,
  type TableReference,
  unary,
} from "../../../core/wasm/mod.ts";
import { FIELD, LeaveRegions, WINDOW } from "../layout.ts";
import { hartWord, setHartWord, tlbEntry, tlbHit } from "../window_code.ts";
import { Operation, OPERATION_MASK, RECORD_SHIFT } from "./record.ts";

/**
 * Guest calls that nest as calls of WebAssembly at most: its stack is limited, and unoptimised frames are large. It is the `depth` of
 * regions that nobody called.
 */
export const MOST_NESTED_CALLS = 64;

/** Whether code that runs in regions must go back to the interpreter (i32). */
export function mustLeaveRegions(): Expr {
  return unary("i32.eqz", unary("i64.eqz", load("i64.load", i32Const(0), WINDOW + FIELD.exitRequest)));
}

/** The functions by which control goes from region to region. */
export interface RegionDispatch {
  /** (budget, depth) -> budget left: goes to the region at pc; there being none, all are left. `depth` is how many calls may nest in it. */
  readonly dispatch: FunctionReference;
  /** (budget, depth) -> budget left: the same where a call came back to another place than its caller's, unless all must be left. */
  readonly resume: FunctionReference;
  /** (budget) -> budget left: runs regions from pc on until nothing is translated there, or a region says that all must be left. */
  readonly run: FunctionReference;
}

/**
 * Adds the functions of {@link RegionDispatch} and exports them.
 *
 * @param table The regions' functions by number
 */
export function emitDispatch(module: ModuleBuilder, table: TableReference): RegionDispatch {
  const region = module.signature(["i32", "i32"], ["i32"]);
  const dispatch = module.function("dispatch", ["i32", "i32"], ["i32"], (f) => {
    const [budget, depth] = [f.param(0), f.param(1)];
    const pc = f.let(load("i64.load", i32Const(0), WINDOW + FIELD.pc));
    const interpret = (): void => {
      setHartWord(f, "leaveRegions", i32Const(LeaveRegions.INTERPRET));
      f.return(budget);
    };
    const entry = f.let(tlbEntry("fetchTable", pc));
    f.if(unary("i32.eqz", tlbHit(entry, pc, 1)), interpret, undefined, "unlikely");
    const offset = binary("i32.and", unary("i32.wrap_i64", pc), i32Const(0xffe));
    const record = f.let(
      binary("i32.add", load("i32.load", entry, 8), binary("i32.shl", offset, i32Const(RECORD_SHIFT))),
    );
    const operation = binary("i32.and", load("i32.load", record), i32Const(OPERATION_MASK));
    f.if(binary("i32.ne", operation, i32Const(Operation.REGION)), interpret, undefined, "unlikely");
    f.returnCallIndirect(table, region, load("i32.load", record, 4), budget, depth);
  }, { export: true });
  const resume = module.function("resume", ["i32", "i32"], ["i32"], (f) => {
    f.if(mustLeaveRegions(), () => f.return(f.param(0)), undefined, "unlikely");
    f.returnCall(dispatch, f.param(0), f.param(1));
  }, { export: true });
  const run = module.function("runRegions", ["i32"], ["i32"], (f) => {
    const budget = f.param(0);
    f.loop((again) => {
      const left = f.let(call(dispatch, budget, i32Const(MOST_NESTED_CALLS)));
      f.if(binary("i32.eq", hartWord("leaveRegions"), i32Const(LeaveRegions.LOOK_UP)), () => {
        setHartWord(f, "leaveRegions", i32Const(LeaveRegions.NO));
      });
      const stuck = f.let(binary("i32.eq", left, budget));
      f.set(budget, left);
      f.brIf(again, unary("i32.eqz", binary("i32.or", mustLeaveRegions(), stuck)));
    });
    f.return(budget);
  });
  return { dispatch, resume, run };
}

/**
 * Adds the function `enterRegions(budget, record) -> budget left`, by which the interpreter enters the region of a record. Regions
 * have all steps of the run to use; the interpreter's own piece of them gets shorter only where fewer are left than it has.
 *
 * @param run What {@link emitDispatch} made
 * @param suspend (record): gives a record its instruction back until the run ends
 */
export function emitEntry(
  module: ModuleBuilder,
  run: FunctionReference,
  suspend: FunctionReference,
): FunctionReference {
  return module.function("enterRegions", ["i32", "i32"], ["i32"], (f) => {
    const [piece, record] = [f.param(0), f.param(1)];
    setHartWord(f, "leaveRegions", i32Const(LeaveRegions.NO));
    const beyond = f.let(hartWord("budgetBeyond"));
    setHartWord(f, "budget", binary("i32.add", hartWord("budget"), beyond));
    const all = f.let(binary("i32.add", piece, beyond));
    const left = f.let(call(run, all));
    // The budget does not reach to the end of the first block: one instruction at a time until the run ends.
    f.if(binary("i32.eq", left, all), () => f.call(suspend, record), undefined, "unlikely");
    setHartWord(f, "regionSteps", binary("i32.add", hartWord("regionSteps"), binary("i32.sub", all, left)));
    f.set(piece, select(binary("i32.lt_s", left, piece), left, piece));
    f.set(beyond, binary("i32.sub", left, piece));
    setHartWord(f, "budgetBeyond", beyond);
    setHartWord(f, "budget", binary("i32.sub", hartWord("budget"), beyond));
    f.return(piece);
  });
}
