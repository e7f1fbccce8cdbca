/**
 * The words of floating point in the vocabulary of meanings, for regions: what they need is tested where it is not known from before
 * (Privileged ISA, "Extension Context Status in mstatus Register").
 *
 * @module
 */
import type { ControlFlowGraph } from "../../../core/engine/flow.ts";
import type { Expr, FunctionBuilder, FunctionReference } from "../../../core/wasm/mod.ts";
import type { AccessSize, Decoded, RegisterOperand } from "../isa/instruction.ts";
import { isFloat } from "./footprint.ts";
import { type BasicBlock, leavesRegion, type PlacedInstruction, type Region } from "./region.ts";
import { RegionFloat } from "./region_float.ts";
import type { FloatCalls } from "./region_float_calls.ts";
import { changesFloat, factsBehind, type FloatFacts, floatFacts, startsWithFloat } from "./region_float_facts.ts";
import { floatFrom, RegionFloatRegisters } from "./region_float_registers.ts";
import type { ArithmeticHelpers } from "./wasm_arithmetic.ts";
import { type AccessServices, WasmOps } from "./wasm_ops.ts";
import type { WasmValue } from "./wasm_value.ts";

/** Floating point of a region that has any. */
export interface FloatFrame {
  /** The f registers. */
  readonly registers: RegionFloatRegisters;
  /** The operations. */
  readonly operations: RegionFloat;
  /** What is known at the entry of each block. */
  readonly facts: ReadonlyMap<BasicBlock, FloatFacts>;
}

/** Whether a region has floating point. */
function hasFloat({ blocks }: Region): boolean {
  return blocks.some(({ instructions }) => instructions.some(({ decoded }) => isFloat(decoded)));
}

/** Makes what a region's function needs for floating point, if it has any. */
export function makeFloat(
  f: FunctionBuilder,
  region: Region,
  graph: ControlFlowGraph,
  calls: FloatCalls,
): FloatFrame | undefined {
  if (!hasFloat(region)) return undefined;
  const registers = new RegionFloatRegisters(f, region);
  const operations = new RegionFloat(f, calls);
  const atEntry = floatFacts(region, graph);
  registers.reload();
  operations.refresh();
  return { registers, operations, facts: new Map(region.blocks.map((block, number) => [block, atEntry[number]])) };
}

/** Emits floating point into a region's function. */
export abstract class RegionFloatOps extends WasmOps {
  readonly #frame: FloatFrame | undefined;
  /** What is known before the instruction. */
  #known: FloatFacts | undefined;

  constructor(
    f: FunctionBuilder,
    helpers: ArithmeticHelpers,
    services: AccessServices,
    floats: Readonly<Record<string, FunctionReference>>,
    frame: FloatFrame | undefined,
  ) {
    super(f, helpers, services, floats);
    this.#frame = frame;
  }

  /** The instruction whose meaning is emitted. */
  protected abstract get placed(): PlacedInstruction;
  /** Leaves to the interpreter before the instruction if a condition holds. */
  protected abstract interpretIf(condition: Expr): void;
  /** Leaves to the interpreter at a pc if a condition holds; all steps before it were counted, and none of it. */
  protected abstract interpretAt(pc: Expr, condition: Expr): void;
  /** The pc of an offset in the page. */
  protected abstract pcAt(offset: number): Expr;

  /** Emits what comes before a region's first block. */
  enterFloat(block: BasicBlock): void {
    if (this.#frame === undefined || !startsWithFloat(block)) return;
    this.interpretAt(this.pcAt(block.instructions[0].offset), this.#frame.operations.barred());
  }

  /** Starts a block. */
  protected startFloat(block: BasicBlock): void {
    this.#known = this.#frame?.facts.get(block);
    this.#frame?.registers.startBlock();
  }

  /** Goes on behind an instruction. */
  protected passFloat(decoded: Decoded): void {
    if (this.#frame === undefined) return;
    this.#known = factsBehind(decoded, this.#known!);
    if (changesFloat(decoded) && !leavesRegion(decoded)) this.#frame.operations.refresh();
  }

  /** Goes on behind a guest call. */
  protected returnFloat(): void {
    this.#frame?.registers.reload();
    this.#frame?.operations.refresh();
  }

  override f(register: RegisterOperand): WasmValue {
    return this.#frame!.registers.read(this.placed.decoded[register.field]);
  }

  protected override storeF(register: RegisterOperand, value: WasmValue): void {
    this.#frame!.registers.write(this.placed.decoded[register.field], value);
  }

  protected override makeFloatDirty(): void {
    if (!this.#known!.isDirty) super.makeFloatDirty();
  }

  override requireFloat(): void {
    if (!this.#known!.isOn) this.interpretIf(this.#frame!.operations.barred());
  }

  override float(name: string, ...operands: WasmValue[]): WasmValue {
    const { rm } = this.placed.decoded;
    const isReserved = rm === 5 || rm === 6;
    const inPlace = isReserved ? undefined : this.#frame!.operations.operation(name, operands, rm);
    return inPlace ?? super.float(name, ...operands);
  }

  protected override read(host: Expr, size: AccessSize, signed: boolean): WasmValue {
    return isFloat(this.placed.decoded) ? floatFrom(host, size, this.code) : this.readWord(host, size, signed);
  }
}
