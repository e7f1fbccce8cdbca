/**
 * Rows that are too rare for the interpreter's loop: each is a function that the loop calls through a table. They are generated when an
 * instruction of their extension is first executed, floating point with all that it is computed by.
 *
 * @module
 */
import type { HostMemory } from "../../../core/memory.ts";
import {
  binary,
  type Expr,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  load,
  ModuleBuilder,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import { emitFloatHelpers } from "../float/operations.ts";
import { FIELD, WINDOW } from "../layout.ts";
import { hartWord } from "../window_code.ts";
import { InterpreterOps, type RowServices } from "./interpreter_ops.ts";
import { OPERATION_MASK } from "./record.ts";
import { FIRST_RARE, RARE_ROWS, type RunRow } from "./row_order.ts";

/** Parameters of a rare row's function: record, pcBase, budget. Its result is the next record, 0 to look pc up. */
export const RARE_PARAMS: readonly ValueType[] = ["i32", "i64", "i32"];

/** What the functions import from `env`, beside the memory: TypeScript, and exports of the interpreter's module. */
const SERVICES: Readonly<Record<keyof RowServices | "mulHighU", { params: ValueType[]; results: ValueType[] }>> = {
  load: { params: ["i64", "i32"], results: ["i32"] },
  store: { params: ["i64", "i64", "i32"], results: ["i32"] },
  amo: { params: ["i64", "i32"], results: ["i32"] },
  reserve: { params: ["i32", "i32", "i32"], results: ["i32"] },
  atomicDone: { params: ["i32", "i32"], results: [] },
  floatDirty: { params: [], results: [] },
  illegal: { params: ["i32"], results: [] },
  mulHighU: { params: ["i64", "i64"], results: ["i64"] },
};

/** The group of {@link groupOf} that is floating point. */
const FLOAT = "f";

/** Rows of one group are generated together: an extension each, D with F. */
function groupOf({ extension }: RunRow): string {
  return extension === "d" ? FLOAT : extension;
}

/** Encodes the functions of a group: instances put them into `env.rare`, at the index of their row. */
function buildGroup(group: string, wasmPages: number, shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", wasmPages, shared);
  const table = module.importTable("env", "rare", RARE_ROWS.length);
  const services: Partial<Record<keyof typeof SERVICES, FunctionReference>> = {};
  for (const [name, { params, results }] of Object.entries(SERVICES)) {
    services[name as keyof typeof SERVICES] = module.importFunction("env", name, params, results);
  }
  const all = services as Record<keyof typeof SERVICES, FunctionReference>;
  const floats = group === FLOAT ? emitFloats(module, all.floatDirty) : {};
  RARE_ROWS.forEach((row, index) => {
    if (groupOf(row) !== group) return;
    const reference = module.function(row.name, [...RARE_PARAMS], ["i32"], (f) => emitRow(f, row, all, floats));
    module.elements(table, index, [reference]);
  });
  return module.build();
}

/** Adds what floating point is computed by, and exports it for regions. */
function emitFloats(module: ModuleBuilder, floatDirty: FunctionReference): Record<string, FunctionReference> {
  const floats = emitFloatHelpers(module, (f, flags) => {
    const accrued = f.let(binary("i32.or", hartWord("fflags"), flags));
    f.if(binary("i32.ne", accrued, hartWord("fflags")), () => {
      f.store("i32.store", i32Const(0), accrued, WINDOW + FIELD.fflags);
      // fcsr is part of the state that FS speaks for: an operation that writes no f register can make it dirty too.
      f.if(binary("i32.eq", hartWord("fpAccess"), i32Const(1)), () => f.call(floatDirty));
    });
  }, hartWord("fflags"));
  for (const helper of Object.values(floats)) module.export(helper);
  return floats;
}

function emitRow(
  f: FunctionBuilder,
  { run }: RunRow,
  services: RowServices & { readonly mulHighU: FunctionReference },
  floats: Readonly<Record<string, FunctionReference>>,
): void {
  const [record, pcBase, budget] = [f.param(0), f.param(1), f.param(2)];
  const word = f.let(load("i64.load", record));
  f.block((reload) => {
    const ops = new InterpreterOps(f, services, { record, word, pcBase, budget }, services, floats, reload);
    run(ops, ops.operands);
    f.return(binary("i32.add", record, ops.recordStep()));
  });
  f.return(i32Const(0));
}

/** Index of a record's row among {@link RARE_ROWS}, for the table. */
export function rareIndex(word: Expr): Expr {
  return binary("i32.sub", binary("i32.and", word, i32Const(OPERATION_MASK)), i32Const(FIRST_RARE));
}

const compiled = new Map<string, WebAssembly.Module>();

/** The module of a group for a memory of this shape; built and compiled once for all harts and VMs. */
function compileGroup(group: string, { wasmPages, shared }: HostMemory): WebAssembly.Module {
  const key = `${group}/${wasmPages}/${shared}`;
  let module = compiled.get(key);
  if (module === undefined) compiled.set(key, module = new WebAssembly.Module(buildGroup(group, wasmPages, shared)));
  return module;
}

/** The functions of one hart. */
export class RareRows {
  /** The functions by index; in place of those that do not exist yet, the interpreter's module puts one that calls {@link prepare}. */
  readonly table: WebAssembly.Table = new WebAssembly.Table({ initial: RARE_ROWS.length, element: "anyfunc" });
  readonly #memory: HostMemory;
  readonly #imports: () => Readonly<Record<string, WebAssembly.ImportValue>>;
  readonly #groups = new Map<string, WebAssembly.Exports>();

  /** @param imports What `SERVICES` names, and the memory */
  constructor(memory: HostMemory, imports: () => Readonly<Record<string, WebAssembly.ImportValue>>) {
    this.#memory = memory;
    this.#imports = imports;
  }

  /** Makes the function of an operation, and those of its group. */
  prepare(operation: number): void {
    this.#instantiate(groupOf(RARE_ROWS[operation - FIRST_RARE]));
  }

  /** What floating point is computed by, by name: `FLOAT_HELPERS`. */
  floatHelpers(): WebAssembly.Exports {
    return this.#instantiate(FLOAT);
  }

  #instantiate(group: string): WebAssembly.Exports {
    let exports = this.#groups.get(group);
    if (exports === undefined) {
      const env = { ...this.#imports(), rare: this.table };
      exports = new WebAssembly.Instance(compileGroup(group, this.#memory), { env }).exports;
      this.#groups.set(group, exports);
    }
    return exports;
  }
}
