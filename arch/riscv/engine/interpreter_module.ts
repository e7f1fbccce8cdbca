/**
 * Generates the interpreter: one WebAssembly function that runs predecoded records, a case for every row of the instruction table.
 *
 * @module
 */
import {
  binary,
  call,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  type Label,
  load,
  ModuleBuilder,
  unary,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import { emitFloatHelpers } from "../float/operations.ts";
import type { Instruction } from "../isa/instruction.ts";
import { INSTRUCTIONS } from "../isa/mod.ts";
import { FIELD, WINDOW } from "../layout.ts";
import { InterpreterOps, type Registers, type Services } from "./interpreter_ops.ts";
import { Operation, OPERATION_MASK, RECORDS_PER_PAGE } from "./record.ts";
import { emitDispatch as emitRegionDispatch, emitEntry } from "./region_chain.ts";
import { type AccessMisses, emitSlowAccesses, type SlowAccesses } from "./slow_access.ts";
import { emitPageAccesses } from "./page_access.ts";
import { emitArithmeticHelpers } from "./wasm_arithmetic.ts";
import { hartWord, tlbEntry, tlbHit } from "./wasm_ops.ts";

/** Rows that have a case of their own, in the order of their operation numbers. */
export const RUN_ROWS = INSTRUCTIONS.filter((row): row is Instruction & Required<Pick<Instruction, "run">> =>
  row.run !== undefined
);

/** What the module imports. */
type Imported = Omit<Services, keyof SlowAccesses> & AccessMisses;

/** Parameters and results of each import, in the order in which they are imported. */
const SERVICES: Readonly<Record<keyof Imported, { params: number; result: boolean }>> = {
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
  suspendRegion: { params: 1, result: false },
  floatDirty: { params: 0, result: false },
};

/** The encoded interpreter, and what its generation found out about the rows. */
export interface InterpreterModule {
  /** The module. It imports `env.memory` and the services, and exports `run(budget: i32): i32`, which returns the budget left. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Operations whose rd is an f register. */
  readonly floatDestinations: ReadonlySet<number>;
}

/** Generates the interpreter for a memory of so many WebAssembly pages. */
export function buildInterpreterModule(wasmPages: number, shared: boolean): InterpreterModule {
  const floatDestinations = new Set<number>();
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", wasmPages, shared);
  const table = module.importTable("env", "regions", 1);
  const imported = importServices(module);
  const services: Services = { ...imported, ...emitSlowAccesses(module, imported) };
  emitPageAccesses(module, services);
  const helpers = emitArithmeticHelpers(module);
  const floats = emitFloatHelpers(module, (f, flags) => {
    const accrued = f.let(binary("i32.or", hartWord("fflags"), flags));
    f.if(binary("i32.ne", accrued, hartWord("fflags")), () => {
      f.store("i32.store", i32Const(0), accrued, WINDOW + FIELD.fflags);
      // fcsr is part of the state that FS speaks for: an operation that writes no f register can make it dirty too.
      f.if(binary("i32.eq", hartWord("fpAccess"), i32Const(1)), () => f.call(services.floatDirty));
    });
  }, hartWord("fflags"));
  module.export(helpers.mulHighU);
  for (const helper of Object.values(floats)) module.export(helper);
  const enterRegions = emitEntry(module, emitRegionDispatch(module, table).run, services.suspendRegion);
  module.function("run", ["i32"], ["i32"], (f) => {
    const registers: Registers = {
      record: f.local("i32"),
      word: f.local("i64"),
      page: f.local("i32"),
      pcBase: f.local("i64"),
      budget: f.param(0),
    };
    f.loop((reload) => {
      const ops = new InterpreterOps(f, helpers, registers, services, floats, reload);
      emitLookup(f, ops, registers, services, reload);
      f.loop((next) => {
        emitStep(f, ops, registers);
        emitDispatch(
          f,
          registers,
          listCases(f, ops, registers, services, { enterRegions, floatDestinations }, { reload, next }),
        );
      });
    });
    f.unreachable();
  }, { export: true });
  return { bytes: module.build(), floatDestinations };
}

function importServices(module: ModuleBuilder): Imported {
  const services: Partial<Record<keyof Imported, FunctionReference>> = {};
  for (const name of Object.keys(SERVICES) as (keyof Imported)[]) {
    const { params, result } = SERVICES[name];
    const types = new Array<ValueType>(params).fill("i32");
    services[name] = module.importFunction("env", name, types, result ? ["i32"] : []);
  }
  return services as Imported;
}

/** Leaves if asked to or out of budget; else finds the record of the instruction at `pc`. */
function emitLookup(f: FunctionBuilder, ops: InterpreterOps, r: Registers, services: Services, reload: Label): void {
  const mustLeave = binary("i32.or", hartWord("exitRequest"), binary("i32.le_s", r.budget, i32Const(0)));
  f.if(mustLeave, () => f.return(r.budget), undefined, "unlikely");
  f.scope(() => {
    const pc = f.let(load("i64.load", i32Const(0), WINDOW + FIELD.pc));
    const entry = f.let(tlbEntry("fetchTable", pc));
    f.if(tlbHit(entry, pc, 1), () => f.set(r.page, load("i32.load", entry, 8)), () => {
      ops.setWord("budgetLeft", r.budget);
      f.set(r.page, call(services.fetch));
      f.if(unary("i32.eqz", r.page), () => {
        f.set(r.budget, binary("i32.sub", r.budget, i32Const(1)));
        f.br(reload);
      });
    }, "likely");
    const offset = binary("i32.and", unary("i32.wrap_i64", pc), i32Const(0xffe));
    f.set(r.record, binary("i32.add", r.page, binary("i32.shl", offset, i32Const(3))));
    setPcBase(f, r, pc);
  });
}

function setPcBase(f: FunctionBuilder, r: Registers, pc: Expr): void {
  const distance = unary("i64.extend_i32_u", binary("i32.shr_u", r.record, i32Const(3)));
  f.set(r.pcBase, binary("i64.sub", pc, distance));
}

/** Counts a step, or leaves if there is none left; loads the record. */
function emitStep(f: FunctionBuilder, ops: InterpreterOps, r: Registers): void {
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

/** Goes to the case of the record's operation. */
function emitDispatch(f: FunctionBuilder, r: Registers, cases: readonly (() => void)[]): void {
  const targets: Label[] = [];
  const nest = (index: number): void => {
    if (index < 0) {
      const operation = binary("i32.and", unary("i32.wrap_i64", r.word), i32Const(OPERATION_MASK));
      return f.brTable(operation, targets, targets[0]);
    }
    f.block((label) => {
      targets[index] = label;
      nest(index - 1);
    });
    f.scope(cases[index]);
  };
  nest(cases.length - 1);
}

/** What cases need to know of translated regions, and tell about rows. */
interface RegionCases {
  /** (budget, record) -> budget left: runs regions, see `region_chain.ts`. */
  readonly enterRegions: FunctionReference;
  /** Collects the operations whose rd is an f register. */
  readonly floatDestinations: Set<number>;
}

/** The code of each operation, by its number; every one ends with a jump. */
function listCases(
  f: FunctionBuilder,
  ops: InterpreterOps,
  r: Registers,
  services: Services,
  { enterRegions, floatDestinations }: RegionCases,
  { reload, next }: { reload: Label; next: Label },
): (() => void)[] {
  /** Operations that are no instructions give the step back. */
  const giveStepBack = () => {
    f.set(r.budget, binary("i32.add", r.budget, i32Const(1)));
    ops.saveProgress();
  };
  const cases: (() => void)[] = [];
  cases[Operation.DECODE] = () => {
    giveStepBack();
    f.brIf(next, call(services.decode, r.record));
    f.br(reload);
  };
  cases[Operation.PAGE_END] = () => {
    giveStepBack();
    f.br(reload);
  };
  cases[Operation.STRADDLE] = () => {
    giveStepBack();
    const pc = f.let(ops.pc().expr);
    f.set(r.record, call(services.straddle));
    f.if(unary("i32.eqz", r.record), () => {
      f.set(r.budget, binary("i32.sub", r.budget, i32Const(1)));
      f.br(reload);
    });
    f.set(r.page, binary("i32.sub", r.record, i32Const((RECORDS_PER_PAGE - 1) * 16)));
    setPcBase(f, r, pc);
    f.br(next);
  };
  cases[Operation.ILLEGAL] = () => {
    ops.saveProgress();
    f.call(services.illegal, r.record);
    f.br(reload);
  };
  cases[Operation.SYSTEM] = () => {
    ops.saveProgress();
    f.call(services.system, r.record);
    f.br(reload);
  };
  cases[Operation.REGION] = () => {
    giveStepBack();
    f.set(r.budget, call(enterRegions, r.budget, r.record));
    f.br(reload);
  };
  RUN_ROWS.forEach(({ run }, index) => {
    cases.push(() => {
      emitRow(ops, run);
      if (ops.wroteFloat) floatDestinations.add(Operation.FIRST_ROW + index);
      if (!ops.jumped) f.set(r.record, binary("i32.add", r.record, ops.recordStep()));
      f.br(next);
    });
  });
  return cases;
}

/** Emits a row's meaning. */
function emitRow(ops: InterpreterOps, run: NonNullable<Instruction["run"]>): void {
  ops.jumped = ops.wroteFloat = false;
  run(ops, ops.operands);
}
