/**
 * Compiles regions: each becomes a WebAssembly function `(budget, depth) -> budget left`, several share a module.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import { emitStructured } from "../../../core/engine/structure.ts";
import {
  binary,
  type FunctionBuilder,
  type FunctionReference,
  i32Const,
  i64Const,
  load,
  ModuleBuilder,
  type ValueType,
} from "../../../core/wasm/mod.ts";
import { FLOAT_HELPERS, type FloatHelper } from "../float/helpers.ts";
import { FIELD, WINDOW } from "../layout.ts";
import { registersRead, registerWritten } from "./footprint.ts";
import { QUICK_PARAMS } from "./quick_system.ts";
import { endsInReturn, entryOf, followed, type Region } from "./region.ts";
import { REGION_ACCESSES } from "./region_access.ts";
import { analyseRegion } from "./region_flow.ts";
import { FloatCalls } from "./region_float_calls.ts";
import { makeFloat } from "./region_float_ops.ts";
import { planLocality } from "./region_locality.ts";
import type { Callees, RegionServices } from "./region_frame.ts";
import { RegionOps } from "./region_ops.ts";
import { RegionPages } from "./region_pages.ts";
import { RegionRegisters } from "./region_registers.ts";
import { selectBranches } from "./region_selection.ts";
import { unrollLoops } from "./region_unroll.ts";
import type { ArithmeticHelpers } from "./wasm_arithmetic.ts";

/** Parameters of a region's function, budget and depth; its result is the budget left. */
export const REGION_PARAMS: readonly ValueType[] = ["i32", "i32"];

/** Parameters and results of what a region's module imports from `env`, beside the memory. */
const SERVICES: Readonly<Record<keyof RegionServices, { params: ValueType[]; results: ValueType[] }>> = {
  floatDirty: { params: [], results: [] },
  illegal: { params: ["i32"], results: [] },
  ...REGION_ACCESSES,
  system: { params: ["i32", "i32", "i32"], results: ["i32"] },
  time: { params: [], results: ["f64"] },
  zeroBlock: { params: [...QUICK_PARAMS], results: ["i32"] },
  dispatch: { params: ["i32", "i32"], results: ["i32"] },
  resume: { params: ["i32", "i32"], results: ["i32"] },
};

/**
 * Encodes a module whose export `rN` runs the region of index N. Floating-point operations are imported from `float`, by name.
 *
 * @param slotOf The slot of the region that starts at a host-physical address, or will; undefined if there is none left
 */
export function buildRegionModule(
  regions: readonly Region[],
  slotOf: (place: HostPhysAddr) => number | undefined,
  wasmPages: number,
  shared: boolean,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", wasmPages, shared);
  const table = module.importTable("env", "regions", 1);
  const signature = module.signature([...REGION_PARAMS], ["i32"]);
  const services: Partial<Record<keyof RegionServices, FunctionReference>> = {};
  for (const [name, { params, results }] of Object.entries(SERVICES)) {
    services[name as keyof RegionServices] = module.importFunction("env", name, params, results);
  }
  const helpers = { mulHighU: module.importFunction("env", "mulHighU", ["i64", "i64"], ["i64"]) };
  const floats = new FloatCalls(module, importFloats(module, regions));
  regions.forEach((region, index) => {
    module.function(`r${index}`, [...REGION_PARAMS], ["i32"], (f) => {
      const callees: Callees = { table, signature, slotAt: (offset) => slotOf(region.page + offset) };
      emitRegion(f, region, helpers, services as RegionServices, floats, callees);
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
  discovered: Region,
  helpers: ArithmeticHelpers,
  services: RegionServices,
  floats: FloatCalls,
  callees: Callees,
): void {
  const region = unrollLoops(selectBranches(discovered));
  const { switchBlock } = region;
  const entry = entryOf(region);
  const analysis = analyseRegion(region);
  const { graph, flow, needed, words, kept, stepsToCheck } = analysis;
  const locality = planLocality(region, analysis);
  const pagePc = f.let(binary("i64.sub", load("i64.load", i32Const(0), WINDOW + FIELD.pc), i64Const(entry)));
  const registers = new RegionRegisters(f, registersUsed(region));
  registers.load(needed[0]);
  const pages = new RegionPages(f, services, locality.keys);
  const frame = {
    budget: f.param(0),
    depth: f.param(1),
    entry,
    pagePc,
    target: f.local("i64"),
    taken: f.local("i32"),
    registers,
    pages,
    locality,
    callees,
    mode: region.mode,
    float: makeFloat(f, region, graph, floats),
  };
  const ops = new RegionOps(f, helpers, services, floats.helpers, frame);
  ops.enterFloat(region.blocks[0]);
  emitStructured(f, graph, {
    node: (node, goTo, joined) => {
      const block = region.blocks[node];
      const behind = region.successorAt(node, block.end);
      const goOn = (offset: number): void => {
        const successor = region.successorAt(node, offset);
        if (successor === undefined) ops.leaveAt(offset);
        else goTo(successor);
      };
      registers.patient = kept[node] !== 0;
      if (joined) ops.join(needed[node], words[node], kept[node]);
      if (block.targets !== undefined) return ops.emitSwitch(block.targets, stepsToCheck[node], goOn);
      ops.emitBlock(block, stepsToCheck[node], {
        anywhere: switchBlock === undefined ? undefined : () => goTo(switchBlock),
        again: region.returnsToItself && endsInReturn(block) ? () => goOn(entry) : undefined,
        taken: () => goOn(followed(block.instructions.at(-1)!)!),
        next: () => goOn(block.end),
        neededNext: behind === undefined ? undefined : needed[behind],
      });
    },
    beforeJoin: (node) => ops.settle(needed[node], words[node], kept[node]),
    irreducible: (successor) => ops.leaveFor(region.blocks[successor]),
  }, flow);
}

/** The x registers that a region's instructions name, one bit each. */
function registersUsed({ blocks }: Region): number {
  let used = 0;
  for (const { decoded } of blocks.flatMap(({ instructions }) => instructions)) {
    used |= registersRead(decoded) | registerWritten(decoded);
  }
  return used;
}
