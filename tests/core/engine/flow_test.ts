/** analyseFlow, heaviestPaths: what graphs say before code is made of them. @module */
import assert from "node:assert/strict";
import {
  analyseFlow,
  type ControlFlowGraph,
  findLoops,
  heaviestPaths,
  isInnermost,
} from "../../../core/engine/flow.ts";

/** A diamond whose end goes back to its start: 0 to 1 and 2, both to 3, 3 to 0 or 4. */
const DIAMOND: ControlFlowGraph = [[1, 2], [3], [3], [0, 4], []];

Deno.test("analyseFlow finds headers, merges and dominators of a diamond in a loop", () => {
  const flow = analyseFlow(DIAMOND);
  assert.deepEqual([...flow.headers], [0]);
  assert.deepEqual([...flow.merges], [3]);
  assert.ok(flow.dominates(0, 4) && flow.dominates(3, 4) && !flow.dominates(1, 3));
  assert.deepEqual(flow.children[0].toSorted(), [1, 2, 3]);
});

Deno.test("heaviestPaths takes the heavier branch and ends where a path must stop", () => {
  const flow = analyseFlow(DIAMOND);
  assert.deepEqual(heaviestPaths(DIAMOND, flow, [1, 10, 20, 2, 5], flow.headers), [28, 17, 27, 7, 5]);
  assert.deepEqual(heaviestPaths(DIAMOND, flow, [1, 10, 20, 2, 5], new Set([0, 3])), [21, 10, 20, 7, 5]);
});

Deno.test("heaviestPaths leaves out edges that structured control flow cannot express", () => {
  const twoEntries: ControlFlowGraph = [[1, 2], [2], [1]];
  assert.deepEqual(heaviestPaths(twoEntries, analyseFlow(twoEntries), [1, 2, 4], new Set([0])), [7, 6, 4]);
});

Deno.test("findLoops lists inner loops first, and leaves out edges into the middle of one", () => {
  // 0 -> 1 (outer header) -> 2 (inner header) -> 3 -> 2 or 4 -> 1 or 5; 6 enters the inner loop in its middle.
  const graph: ControlFlowGraph = [[1, 6], [2], [3], [2, 4], [1, 5], [], [3]];
  const nested = graph.map((next, node) => node === 0 ? [1] : node === 6 ? [] : next).slice(0, 6);
  const loops = findLoops(nested, analyseFlow(nested));
  assert.deepEqual(loops.map(({ header, body }) => [header, [...body].toSorted()]), [[2, [2, 3]], [1, [1, 2, 3, 4]]]);
  assert.deepEqual(findLoops(graph, analyseFlow(graph)).map(({ header }) => header), []);
});

Deno.test("findLoops tells loops around an entry in the middle of an inner loop apart, and only there", () => {
  const loopsOf = (graph: ControlFlowGraph): [number, number[], boolean][] => {
    const loops = findLoops(graph, analyseFlow(graph));
    return loops.map((loop) => [loop.header, [...loop.body].toSorted(), isInnermost(loop, loops)]);
  };
  assert.deepEqual(loopsOf([[1], [0, 2], [0, 3], []]), [[0, [0, 1], true], [0, [0, 1, 2], false]]);
  assert.deepEqual(loopsOf([[1, 2], [0], [0, 3], []]), [[0, [0, 1, 2], true]], "neither lies in the other");
  assert.deepEqual(loopsOf([[1], [2], [1, 3], [1, 4], []]), [[1, [1, 2, 3], true]], "the header is not the entry");
});
