/** emitStructured: graphs become WebAssembly that takes the path which the graph itself says. @module */
import assert from "node:assert/strict";
import type { ControlFlowGraph } from "../../../core/engine/flow.ts";
import { emitStructured } from "../../../core/engine/structure.ts";
import { binary, call, type FunctionBuilder, i32Const, ModuleBuilder } from "../../../core/wasm/mod.ts";
import { Random } from "../../arch/riscv/random.ts";

/** Steps of a path: paths through loops have no end of their own. */
const LONGEST_PATH = 200;

/** What a run of a graph did: the nodes in their order, and where it left by an edge that structure cannot express. */
interface Path {
  readonly nodes: readonly number[];
  readonly left: number | undefined;
}

/** Which successor is taken at a step of a path, of so many. */
function choice(seed: number, step: number, node: number, count: number): number {
  return (Math.imul(seed + step * 31 + node * 7, 0x9e3779b1) >>> 8) % count;
}

/** The path that the graph itself says. */
function interpret(graph: ControlFlowGraph, seed: number): number[] {
  const path: number[] = [];
  for (let node: number | undefined = 0; node !== undefined && path.length < LONGEST_PATH;) {
    path.push(node);
    const successors: readonly number[] = graph[node];
    node = successors[choice(seed, path.length, node, successors.length)];
  }
  return path;
}

/** The function of a graph; `choose(node)` logs it and says which successor is taken, -1: leave. */
function compile(graph: ControlFlowGraph): (choose: (node: number) => number) => number | undefined {
  const module = new ModuleBuilder();
  const choose = module.importFunction("env", "choose", ["i32"], ["i32"]);
  module.function("main", [], ["i32"], (f) => {
    emitStructured(f, graph, {
      node: (node, goTo) => emitNode(f, graph[node], call(choose, i32Const(node)), goTo),
      irreducible: (successor) => f.return(i32Const(successor)),
    });
    f.unreachable();
  }, { export: true });
  const compiled = new WebAssembly.Module(module.build());
  return (choose) => {
    const { main } = new WebAssembly.Instance(compiled, { env: { choose } }).exports;
    const left = (main as () => number)();
    return left === -1 ? undefined : left;
  };
}

function emitNode(
  f: FunctionBuilder,
  successors: readonly number[],
  chosen: ReturnType<typeof call>,
  goTo: (successor: number) => void,
): void {
  const index = f.let(chosen);
  successors.forEach((successor, i) => f.if(binary("i32.eq", index, i32Const(i)), () => goTo(successor)));
  f.return(i32Const(-1));
}

/** Runs a compiled graph, coming in again is not possible: the path ends where it was left. */
function follow(graph: ControlFlowGraph, seed: number): Path {
  const nodes: number[] = [];
  const left = compile(graph)((node) => {
    if (nodes.length >= LONGEST_PATH) return -1;
    nodes.push(node);
    if (nodes.length >= LONGEST_PATH || graph[node].length === 0) return -1;
    return choice(seed, nodes.length, node, graph[node].length);
  });
  return { nodes, left };
}

/** A graph in which every node can be reached: each has an edge from an earlier one, and random ones beside. */
function randomGraph(random: Random, size: number): number[][] {
  const graph: number[][] = Array.from({ length: size }, () => []);
  for (let node = 1; node < size; node++) {
    const open = graph.slice(0, node).filter((successors) => successors.length < 2);
    open[random.below(open.length)].push(node);
  }
  for (let extra = random.below(size * 2); extra > 0; extra--) {
    const from = graph[random.below(size)];
    if (from.length < 3) from.push(random.below(size));
  }
  return graph;
}

/** Whether every cycle has one entry: taking out self edges and merging nodes into their only predecessor leaves one node. */
function isReducible(graph: ControlFlowGraph): boolean {
  const edges = graph.map((successors, node) => new Set(successors.filter((successor) => successor !== node)));
  const alive = new Set(graph.keys());
  for (let changed = true; changed;) {
    changed = false;
    for (const node of alive) {
      const from = [...alive].filter((other) => edges[other].has(node));
      if (node === 0 || from.length !== 1) continue;
      const [only] = from;
      edges[only].delete(node);
      for (const successor of edges[node]) if (successor !== only) edges[only].add(successor);
      alive.delete(node);
      changed = true;
    }
  }
  return alive.size === 1;
}

Deno.test("emitStructured follows the graph on every path, and leaves only on edges into a cycle's second entry", () => {
  const seen = { reducible: 0, irreducible: 0, left: 0 };
  for (let seed = 1; seed <= 400; seed++) {
    const random = new Random(seed);
    const graph = randomGraph(random, 1 + random.below(14));
    const reducible = isReducible(graph);
    seen[reducible ? "reducible" : "irreducible"]++;
    for (let path = 0; path < 4; path++) {
      const expected = interpret(graph, seed * 8 + path);
      const { nodes, left } = follow(graph, seed * 8 + path);
      const message = `seed ${seed}: ${JSON.stringify(graph)}`;
      assert.deepEqual(nodes, expected.slice(0, nodes.length), message);
      if (left === undefined) assert.equal(nodes.length, expected.length, message);
      else assert.equal(left, expected[nodes.length], message);
      if (left !== undefined) seen.left++;
      if (reducible) assert.equal(left, undefined, message);
    }
  }
  assert.ok(Math.min(seen.reducible, seen.irreducible, seen.left) > 20, JSON.stringify(seen));
});

Deno.test("emitStructured: a node that names a successor twice, a loop of one node, a chain of hundreds", () => {
  assert.deepEqual(follow([[1, 1], []], 1), { nodes: [0, 1], left: undefined });
  assert.equal(follow([[0]], 1).nodes.length, LONGEST_PATH);
  const chain = Array.from({ length: 300 }, (_, node) => node < 299 ? [node + 1] : []);
  assert.deepEqual(follow(chain, 1), { nodes: interpret(chain, 1), left: undefined });
});
