/**
 * Generates the interpreter: one WebAssembly function that runs predecoded records, a case for every common row of the instruction
 * table. It is optimised in every run, at a cost that grows faster than its size, so rare rows are functions of their own.
 *
 * @module
 */
import {
  binary,
  call,
  callIndirect,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  i64Const,
  type Label,
  load,
  ModuleBuilder,
  type Signature,
  type TableReference,
  unary,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import { FIELD, WINDOW } from "../layout.ts";
import { hartWord, tlbEntry, tlbHit } from "../window_code.ts";
import { Access } from "../mmu/pte.ts";
import { InterpreterOps, type Registers, type Services } from "./interpreter_ops.ts";
import { Operation, OPERATION_MASK, RECORD_SHIFT, RECORD_SIZE, RECORDS_PER_PAGE } from "./record.ts";
import { emitRegionAccesses } from "./region_access.ts";
import { emitDispatch as emitRegionDispatch, emitEntry } from "./region_chain.ts";
import { type AccessMisses, emitSlowAccesses, type SlowAccesses } from "./slow_access.ts";
import { RARE_PARAMS, rareIndex } from "./rare_rows.ts";
import { RARE_ROWS, ROW_CASES, type RowCase } from "./row_order.ts";
import { emitQuickCalls, emitSystemCall } from "./quick_system.ts";
import { emitArithmeticHelpers } from "./wasm_arithmetic.ts";

/** Locals of the loop. */
type LoopRegisters = Required<Registers>;

/** What the module imports. */
type Imported = Omit<Services, keyof SlowAccesses> & AccessMisses;

/** Parameters and results of each import, in the order in which they are imported. */
const SERVICES: Readonly<Record<Exclude<keyof Imported, "refill">, { params: number; result: boolean }>> = {
  loadMiss: { params: 3, result: true },
  storeMiss: { params: 5, result: true },
  amoMiss: { params: 3, result: true },
  reserve: { params: 3, result: true },
  atomicDone: { params: 2, result: false },
  fetch: { params: 0, result: true },
  decode: { params: 1, result: true },
  straddle: { params: 0, result: true },
  system: { params: 1, result: false },
  illegal: { params: 1, result: false },
  prepare: { params: 1, result: false },
  suspendRegion: { params: 1, result: false },
  floatDirty: { params: 0, result: false },
};

/** What cases go to beside the services. */
interface Callees {
  /** (budget, record) -> budget left: runs regions, see `region_chain.ts`. */
  readonly enterRegions: FunctionReference;
  /** Functions of rare rows, see `rare_rows.ts`. */
  readonly rare: TableReference;
  /** What they are. */
  readonly rareRow: Signature;
}

/**
 * Generates the interpreter for a memory of so many WebAssembly pages. It imports `env.memory`, the tables and the services, and exports
 * `run(budget: i32): i32`, which returns the budget left.
 */
export function buildInterpreterModule(wasmPages: number, shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", wasmPages, shared);
  const table = module.importTable("env", "regions", 1);
  const rare = module.importTable("env", "rare", RARE_ROWS.length);
  const imported = importServices(module);
  const slow = emitSlowAccesses(module, imported);
  emitRegionAccesses(module, slow);
  const system = emitSystemCall(module, emitQuickCalls(module, imported.refill), imported.system);
  const services: Services = { ...imported, ...slow, system, fetch: emitFetch(module, imported) };
  const helpers = emitArithmeticHelpers(module);
  module.export(helpers.mulHighU);
  const callees: Callees = {
    enterRegions: emitEntry(module, emitRegionDispatch(module, table).run, services.suspendRegion),
    rare,
    rareRow: module.signature(RARE_PARAMS, ["i32"]),
  };
  emitUnprepared(module, callees, services);
  module.function("run", ["i32"], ["i32"], (f) => {
    const registers: LoopRegisters = {
      record: f.local("i32"),
      word: f.local("i64"),
      page: f.local("i32"),
      pcBase: f.local("i64"),
      budget: f.param(0),
    };
    f.loop((reload) => {
      const ops = new InterpreterOps(f, helpers, registers, services, {}, reload);
      emitLookup(f, ops, registers, services, reload);
      f.loop((next) => {
        emitStep(f, ops, registers);
        emitDispatch(f, registers, listCases({ f, ops, r: registers, services, callees, reload, next }));
      });
    });
    f.unreachable();
  }, { export: true });
  return module.build();
}

/** What stands in the table in place of functions that were not needed yet: has the right one made, and goes there. */
function emitUnprepared(module: ModuleBuilder, { rare, rareRow }: Callees, services: Services): void {
  const unprepared = module.function("unprepared", [...RARE_PARAMS], ["i32"], (f) => {
    const [record, pcBase, budget] = [f.param(0), f.param(1), f.param(2)];
    f.call(services.prepare, record);
    f.returnCallIndirect(rare, rareRow, rareIndex(load("i32.load", record)), record, pcBase, budget);
  });
  module.elements(rare, 0, new Array<FunctionReference>(RARE_ROWS.length).fill(unprepared));
}

function importServices(module: ModuleBuilder): Imported {
  const refill = module.importFunction("env", "refill", ["i64", "i32"], ["i32"]);
  const services: Partial<Record<keyof Imported, FunctionReference>> = { refill };
  for (const name of Object.keys(SERVICES) as (keyof typeof SERVICES)[]) {
    const { params, result } = SERVICES[name];
    const types = new Array<ValueType>(params).fill("i32");
    services[name] = module.importFunction("env", name, types, result ? ["i32"] : []);
  }
  return services as Imported;
}

/** Adds the function that does what `Services.fetch` says. */
function emitFetch(module: ModuleBuilder, imported: Imported): FunctionReference {
  return module.function("fetchPage", [], ["i32"], (f) => {
    const pc = f.let(load("i64.load", i32Const(0), WINDOW + FIELD.pc));
    f.if(
      call(imported.refill, pc, i32Const(Access.EXECUTE)),
      () => f.return(load("i32.load", tlbEntry("fetchTable", pc), 8)),
    );
    f.return(call(imported.fetch));
  });
}

/** Leaves if asked to or out of budget; else finds the record of the instruction at `pc`. */
function emitLookup(
  f: FunctionBuilder,
  ops: InterpreterOps,
  r: LoopRegisters,
  services: Services,
  reload: Label,
): void {
  const mustLeave = binary("i32.or", hartWord("exitRequest"), binary("i32.le_s", r.budget, i32Const(0)));
  f.if(mustLeave, () => f.return(r.budget), undefined, "unlikely");
  f.scope(() => {
    const pc = f.let(load("i64.load", i32Const(0), WINDOW + FIELD.pc));
    ops.setWord("cameIn", unary("i32.wrap_i64", pc));
    const entry = f.let(tlbEntry("fetchTable", pc));
    // Before the entry is looked at, so that the limit of such loads is computed once for the whole loop.
    f.set(r.page, load("i32.load", entry, 8));
    f.if(
      unary("i32.eqz", tlbHit(entry, pc, 1)),
      () => {
        ops.setWord("budgetLeft", r.budget);
        f.set(r.page, call(services.fetch));
        f.if(unary("i32.eqz", r.page), () => {
          f.set(r.budget, binary("i32.sub", r.budget, i32Const(1)));
          f.br(reload);
        });
      },
      undefined,
      "unlikely",
    );
    const offset = binary("i32.and", unary("i32.wrap_i64", pc), i32Const(0xffe));
    f.set(r.record, binary("i32.add", r.page, binary("i32.shl", offset, i32Const(RECORD_SHIFT))));
    setPcBase(f, r, pc);
  });
}

function setPcBase(f: FunctionBuilder, r: LoopRegisters, pc: Expr): void {
  const distance = unary("i64.extend_i32_u", binary("i32.shr_u", r.record, i32Const(RECORD_SHIFT)));
  f.set(r.pcBase, binary("i64.sub", pc, distance));
}

/** Counts a step, or leaves if there is none left; loads the record. */
function emitStep(f: FunctionBuilder, ops: InterpreterOps, r: LoopRegisters): void {
  f.set(r.budget, binary("i32.sub", r.budget, i32Const(1)));
  f.if(
    binary("i32.lt_s", r.budget, i32Const(0)),
    () => {
      f.set(r.budget, i32Const(0));
      ops.saveProgress();
      f.return(i32Const(0));
    },
    undefined,
    "unlikely",
  );
  f.set(r.word, load("i64.load", r.record));
}

/** Goes to the case of the record's operation; the last one is that of all operations beyond. */
function emitDispatch(f: FunctionBuilder, r: LoopRegisters, cases: readonly (() => void)[]): void {
  const targets: Label[] = [];
  const nest = (index: number): void => {
    if (index < 0) {
      const operation = binary("i32.and", unary("i32.wrap_i64", r.word), i32Const(OPERATION_MASK));
      return f.brTable(operation, targets, targets[cases.length - 1]);
    }
    f.block((label) => {
      targets[index] = label;
      nest(index - 1);
    });
    f.scope(cases[index]);
  };
  nest(cases.length - 1);
}

/** What the cases of the loop are made with and around. */
interface CaseFrame {
  readonly f: FunctionBuilder;
  readonly ops: InterpreterOps;
  readonly r: LoopRegisters;
  readonly services: Services;
  readonly callees: Callees;
  readonly reload: Label;
  readonly next: Label;
}

/** Code with calls: told to be unlikely, by a condition that always holds, it does not have the host keep the loop's locals in memory. */
function seldom({ f, r, reload }: CaseFrame, body: () => void): () => void {
  return () => {
    f.if(binary("i64.ne", r.word, i64Const(-1)), body, undefined, "unlikely");
    f.br(reload);
  };
}

/** The code of each operation, by its number, and last that of all rare rows; every one ends with a jump. */
function listCases(frame: CaseFrame): (() => void)[] {
  const { f, ops, r, callees: { rare, rareRow }, reload, next } = frame;
  const cases = operationCases(frame);
  for (const rowCase of ROW_CASES) cases.push(() => emitRow(f, ops, rowCase, next));
  cases.push(seldom(frame, () => {
    const index = rareIndex(unary("i32.wrap_i64", r.word));
    f.brIf(next, f.tee(r.record, callIndirect(rare, rareRow, index, r.record, r.pcBase, r.budget)), "likely");
    f.br(reload);
  }));
  return cases;
}

/** The code of operations that stand for no row of the instruction table. */
function operationCases(frame: CaseFrame): (() => void)[] {
  const { f, ops, r, services, callees: { enterRegions }, reload, next } = frame;
  /** Operations that are no instructions give the step back. */
  const giveStepBack = () => {
    f.set(r.budget, binary("i32.add", r.budget, i32Const(1)));
    ops.saveProgress();
  };
  const cases: (() => void)[] = [];
  cases[Operation.DECODE] = seldom(frame, () => {
    giveStepBack();
    f.brIf(next, call(services.decode, r.record));
    f.br(reload);
  });
  cases[Operation.PAGE_END] = () => {
    giveStepBack();
    f.br(reload);
  };
  cases[Operation.STRADDLE] = seldom(frame, () => {
    giveStepBack();
    const pc = f.let(ops.pc().expr);
    f.set(r.record, call(services.straddle));
    f.if(unary("i32.eqz", r.record), () => {
      f.set(r.budget, binary("i32.sub", r.budget, i32Const(1)));
      f.br(reload);
    });
    f.set(r.page, binary("i32.sub", r.record, i32Const((RECORDS_PER_PAGE - 1) * RECORD_SIZE)));
    setPcBase(f, r, pc);
    f.br(next);
  });
  cases[Operation.ILLEGAL] = seldom(frame, () => {
    ops.saveProgress();
    f.call(services.illegal, r.record);
    f.br(reload);
  });
  cases[Operation.SYSTEM] = seldom(frame, () => {
    ops.saveProgress();
    f.call(services.system, r.record);
    f.br(reload);
  });
  cases[Operation.REGION] = seldom(frame, () => {
    giveStepBack();
    f.set(r.budget, call(enterRegions, r.budget, r.record));
    f.br(reload);
  });
  return cases;
}

function emitRow(f: FunctionBuilder, ops: InterpreterOps, { row: { run }, length }: RowCase, next: Label): void {
  ops.jumped = false;
  ops.length = length;
  run(ops, ops.operands);
  if (!ops.jumped) ops.advance();
  f.br(next);
}
