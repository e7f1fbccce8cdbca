/**
 * What a region's blocks know of floating point when they are entered, so that they need not test it: that it is on, that FS is dirty
 * (Privileged ISA, "Extension Context Status in mstatus Register").
 *
 * @module
 */
import type { ControlFlowGraph } from "../../../core/engine/flow.ts";
import { executeCsr, isWrite } from "../csr/csr_file.ts";
import type { Decoded } from "../isa/instruction.ts";
import { isFloat } from "./footprint.ts";
import { type BasicBlock, isCall, type Region } from "./region.ts";
import { writesFloat } from "./row_order.ts";

/** What is known at a place. */
export interface FloatFacts {
  /** Floating point is on, and the dynamic rounding mode is not reserved. */
  readonly isOn: boolean;
  /** FS is dirty. */
  readonly isDirty: boolean;
}

const NOTHING: FloatFacts = { isOn: false, isDirty: false };

/** Whether an instruction of those that are TypeScript may change the state that floating point depends on: all but reads of CSRs. */
export function changesFloat({ instruction: { call }, bits }: Decoded): boolean {
  return call !== undefined && (call !== executeCsr || isWrite(bits));
}

/** What holds behind an instruction: a guest call can come back with anything. */
export function factsBehind(decoded: Decoded, { isOn, isDirty }: FloatFacts): FloatFacts {
  if (isCall(decoded) || changesFloat(decoded)) return NOTHING;
  return { isOn: isOn || isFloat(decoded), isDirty: isDirty || writesFloat(decoded.instruction) };
}

/** Whether a region is not entered at all while floating point is barred: its first block, perhaps a loop's, would come to test it. */
export function startsWithFloat({ instructions }: BasicBlock): boolean {
  return instructions.some(({ decoded }) => isFloat(decoded));
}

/** What holds at the entry of each block, by the block's number: what holds behind all that lead to it. */
export function floatFacts({ blocks }: Region, successors: ControlFlowGraph): FloatFacts[] {
  const atEntry = { isOn: startsWithFloat(blocks[0]), isDirty: false };
  const facts = blocks.map((_, block) => block === 0 ? atEntry : { isOn: true, isDirty: true });
  for (let changed = true; changed;) {
    changed = false;
    blocks.forEach((block, number) => {
      let here = facts[number];
      for (const { decoded } of block.instructions) here = factsBehind(decoded, here);
      for (const next of successors[number]) {
        const met = { isOn: facts[next].isOn && here.isOn, isDirty: facts[next].isDirty && here.isDirty };
        changed ||= met.isOn !== facts[next].isOn || met.isDirty !== facts[next].isDirty;
        facts[next] = met;
      }
    });
  }
  return facts;
}
