/**
 * Compiles regions: each becomes a WebAssembly function `(budget) -> budget left`, several share a module.
 *
 * @module
 */
import { emitStructured } from "../../../core/engine/structure.ts";
import {
  binary,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  i64Const,
  load,
  type Local,
  ModuleBuilder,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import { FLOAT_HELPERS, type FloatHelper } from "../float/helpers.ts";
import { FIELD, WINDOW, X_REGISTERS } from "../layout.ts";
import { isCall, type PlacedInstruction, type Region, targetOf } from "./region.ts";
import { RegionOps, type RegionServices } from "./region_ops.ts";
import type { ArithmeticHelpers } from "./wasm_arithmetic.ts";

/** Parameters and results of what a region's module imports from `env`, beside the memory. */
const SERVICES: Readonly<Record<keyof RegionServices, { params: number; result: boolean }>> = {
  load: { params: 3, result: true },
  store: { params: 5, result: true },
  amo: { params: 3, result: true },
  reserve: { params: 3, result: true },
  atomicDone: { params: 2, result: false },
  floatDirty: { params: 0, result: false },
  illegal: { params: 1, result: false },
};

/** Encodes a module whose export `rN` runs the region of index N. Floating-point operations are imported from `float`, by name. */
export function buildRegionModule(
  regions: readonly Region[],
  wasmPages: number,
  shared: boolean,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", wasmPages, shared);
  const services: Partial<Record<keyof RegionServices, FunctionReference>> = {};
  for (const [name, { params, result }] of Object.entries(SERVICES)) {
    const types = new Array<ValueType>(params).fill("i32");
    services[name as keyof RegionServices] = module.importFunction("env", name, types, result ? ["i32"] : []);
  }
  const helpers = { mulHighU: module.importFunction("env", "mulHighU", ["i64", "i64"], ["i64"]) };
  const floats = importFloats(module, regions);
  regions.forEach((region, index) => {
    module.function(`r${index}`, ["i32"], ["i32"], (f) => {
      emitRegion(f, region, helpers, services as RegionServices, floats);
      f.unreachable();
    }, { export: true });
  });
  return module.build();
}

function importFloats(module: ModuleBuilder, regions: readonly Region[]): Record<string, FunctionReference> {
  const names = new Set<string>();
  for (const { decoded } of regions.flatMap(({ blocks }) => blocks.flatMap(({ instructions }) => instructions))) {
    if (decoded.instruction.name in FLOAT_HELPERS) names.add(decoded.instruction.name);
  }
  const floats: Record<string, FunctionReference> = {};
  for (const name of names) {
    const { operands, rounding } = FLOAT_HELPERS[name as FloatHelper];
    const types = new Array<ValueType>(operands).fill("i64");
    floats[name] = module.importFunction("float", name, rounding ? [...types, "i32"] : types, ["i64"]);
  }
  return floats;
}

function emitRegion(
  f: FunctionBuilder,
  region: Region,
  helpers: ArithmeticHelpers,
  services: RegionServices,
  floats: Readonly<Record<string, FunctionReference>>,
): void {
  const entry = region.blocks[0].instructions[0].offset;
  const pagePc = f.let(binary("i64.sub", load("i64.load", i32Const(0), WINDOW + FIELD.pc), i64Const(entry)));
  const registers = new Map<number, Local>();
  for (const number of registersRead(region)) {
    registers.set(number, f.let(load("i64.load", i32Const(0), WINDOW + X_REGISTERS + number * 8)));
  }
  const ops = new RegionOps(f, helpers, services, floats, { budget: f.param(0), pagePc, registers });
  const graph = region.blocks.map((block) => successorsOf(region, block.instructions.at(-1)!, block.end));
  emitStructured(f, graph, {
    node: (node, goTo) => {
      const block = region.blocks[node];
      const leaveOr = (offset: number, inside: boolean) => () => {
        const successor = inside ? region.blockAt.get(offset) : undefined;
        if (successor === undefined) ops.leaveAt(offset);
        else goTo(successor);
      };
      const last = block.instructions.at(-1)!;
      ops.emitBlock(block, {
        taken: leaveOr(targetOf(last) ?? 0, !isCall(last.decoded)),
        next: leaveOr(block.end, true),
      });
    },
    irreducible: (successor) => ops.leaveAt(region.blocks[successor].instructions[0].offset),
  });
}

/** Blocks that a block leads to, by its last instruction. */
function successorsOf({ blockAt }: Region, last: PlacedInstruction, end: number): number[] {
  const { decoded } = last;
  const successors: number[] = [];
  const add = (offset: number): void => {
    const block = blockAt.get(offset);
    if (block !== undefined) successors.push(block);
  };
  const target = targetOf(last);
  if (target !== undefined && !isCall(decoded)) add(target);
  if (decoded.instruction.format !== "J" && decoded.instruction.name !== "jalr") add(end);
  return successors;
}

/** Numbers of the x registers that a region's instructions name as sources. */
function registersRead({ blocks }: Region): Set<number> {
  const numbers = new Set<number>();
  for (const { instructions } of blocks) {
    for (const { decoded } of instructions) {
      numbers.add(decoded.rs1);
      numbers.add(decoded.rs2);
    }
  }
  numbers.delete(0);
  return numbers;
}
