/**
 * From a control-flow graph to WebAssembly's structured control flow (N. Ramsey, "Beyond Relooper: recursive translation of unstructured
 * control flow to structured control flow", ICFP 2022).
 *
 * @module
 */
import type { FunctionBuilder, Label } from "../wasm/mod.ts";

/** Successors of each node; node 0 is the entry, and every node can be reached. A node may name another one twice. */
export type ControlFlowGraph = readonly (readonly number[])[];

/** How the nodes become code. */
export interface StructureEmitter {
  /**
   * Emits a node's code. Every path through it ends in a call of `goTo` or leaves the function.
   *
   * @param goTo Emits the transfer to a successor
   */
  node(node: number, goTo: (successor: number) => void): void;
  /** Emits what happens on an edge that structured control flow cannot express: leave the function, to come in again at `successor`. */
  irreducible(successor: number): void;
}

/** What a graph's analysis finds. */
interface Analysis {
  /** Place of each node in reverse postorder. */
  readonly order: readonly number[];
  /** Nodes that each node dominates immediately. */
  readonly children: readonly (readonly number[])[];
  /** Nodes that a back edge leads to. */
  readonly headers: ReadonlySet<number>;
  /** Nodes that more than one forward edge leads to. */
  readonly merges: ReadonlySet<number>;
  /** Whether `a` dominates `b`. */
  dominates(a: number, b: number): boolean;
}

/** Emits a whole graph into a function. */
export function emitStructured(f: FunctionBuilder, graph: ControlFlowGraph, emitter: StructureEmitter): void {
  const analysis = analyse(graph);
  const labels = new Map<number, Label>();

  const goTo = (from: number, to: number): void => {
    const isBack = analysis.order[to] <= analysis.order[from];
    if (isBack && !analysis.dominates(to, from)) return emitter.irreducible(to);
    if (isBack || analysis.merges.has(to)) return f.br(labels.get(to)!);
    emitTree(to);
  };
  const emitWithin = (node: number, merges: readonly number[]): void => {
    if (merges.length === 0) return emitter.node(node, (successor) => goTo(node, successor));
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
  emitTree(0);
}

function analyse(successors: ControlFlowGraph): Analysis {
  const sequence = reversePostorder(successors);
  const order = new Array<number>(successors.length).fill(-1);
  sequence.forEach((node, place) => order[node] = place);
  const predecessors: number[][] = successors.map(() => []);
  for (const node of sequence) for (const next of successors[node]) predecessors[next].push(node);
  const parents = immediateDominators(sequence, order, predecessors);
  const dominates = (a: number, b: number): boolean => {
    for (let node = b; node !== a; node = parents[node]) if (node === 0) return false;
    return true;
  };
  const headers = new Set<number>();
  const merges = new Set<number>();
  const children: number[][] = successors.map(() => []);
  for (const node of sequence) {
    if (node !== 0) children[parents[node]].push(node);
    const back = predecessors[node].filter((from) => order[node] <= order[from]);
    if (back.some((from) => dominates(node, from))) headers.add(node);
    if (predecessors[node].length - back.length > 1) merges.add(node);
  }
  return { order, children, headers, merges, dominates };
}

function reversePostorder(successors: ControlFlowGraph): number[] {
  const visited = new Set<number>([0]);
  const postorder: number[] = [];
  const visit = (node: number): void => {
    for (const next of successors[node]) {
      if (visited.has(next)) continue;
      visited.add(next);
      visit(next);
    }
    postorder.push(node);
  };
  visit(0);
  return postorder.reverse();
}

/** Immediate dominators (Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm"). */
function immediateDominators(
  sequence: readonly number[],
  order: readonly number[],
  predecessors: readonly (readonly number[])[],
): number[] {
  const parents = new Array<number>(order.length).fill(-1);
  parents[0] = 0;
  const common = (a: number, b: number): number => {
    while (a !== b) {
      while (order[a] > order[b]) a = parents[a];
      while (order[b] > order[a]) b = parents[b];
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const node of sequence.slice(1)) {
      const parent = predecessors[node].filter((from) => parents[from] !== -1).reduce(common);
      changed ||= parents[node] !== parent;
      parents[node] = parent;
    }
  }
  return parents;
}
