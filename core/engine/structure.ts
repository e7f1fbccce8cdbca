/**
 * From a control-flow graph to WebAssembly's structured control flow (N. Ramsey, "Beyond Relooper: recursive translation of unstructured
 * control flow to structured control flow", ICFP 2022).
 *
 * @module
 */
import type { FunctionBuilder, Label } from "../wasm/mod.ts";
import { analyseFlow, type ControlFlowGraph, type Flow } from "./flow.ts";

/** How the nodes become code. */
export interface StructureEmitter {
  /**
   * Emits a node's code. Every path through it ends in a call of `goTo` or leaves the function.
   *
   * @param goTo Emits the transfer to a successor
   * @param joined Whether control comes from several places: what is known at one of them holds for all of them only after
   * {@link beforeJoin}
   */
  node(node: number, goTo: (successor: number) => void, joined: boolean): void;
  /** Called where control goes on at a node that is `joined`, before the transfer. */
  beforeJoin?(successor: number): void;
  /** Emits what happens on an edge that structured control flow cannot express: leave the function, to come in again at `successor`. */
  irreducible(successor: number): void;
}

/**
 * Emits a whole graph into a function.
 *
 * @param analysis What {@link analyseFlow} finds
 */
export function emitStructured(
  f: FunctionBuilder,
  graph: ControlFlowGraph,
  emitter: StructureEmitter,
  analysis: Flow = analyseFlow(graph),
): void {
  const isJoined = (node: number): boolean => analysis.headers.has(node) || analysis.merges.has(node);
  const labels = new Map<number, Label>();

  const goTo = (from: number, to: number): void => {
    const isBack = analysis.order[to] <= analysis.order[from];
    if (isBack && !analysis.dominates(to, from)) return emitter.irreducible(to);
    if (isJoined(to)) emitter.beforeJoin?.(to);
    if (isBack || analysis.merges.has(to)) return f.br(labels.get(to)!);
    emitTree(to);
  };
  const emitWithin = (node: number, merges: readonly number[]): void => {
    if (merges.length === 0) return emitter.node(node, (successor) => goTo(node, successor), isJoined(node));
    const [outermost, ...rest] = merges;
    f.block((label) => {
      labels.set(outermost, label);
      emitWithin(node, rest);
    });
    emitTree(outermost);
  };
  const emitTree = (node: number): void => {
    const merges = analysis.children[node].filter((child) => analysis.merges.has(child));
    merges.sort((a, b) => analysis.order[b] - analysis.order[a]);
    if (!analysis.headers.has(node)) return emitWithin(node, merges);
    f.loop((label) => {
      labels.set(node, label);
      emitWithin(node, merges);
    });
  };
  if (isJoined(0)) emitter.beforeJoin?.(0);
  emitTree(0);
}
