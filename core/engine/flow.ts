/**
 * What can be told of a control-flow graph before code is made of it: order, dominators, loops, longest paths.
 *
 * @module
 */

/** Successors of each node; node 0 is the entry, and every node can be reached. A node may name another one twice. */
export type ControlFlowGraph = readonly (readonly number[])[];

/** What a graph's analysis finds. */
export interface Flow {
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

/** Analyses a graph. */
export function analyseFlow(successors: ControlFlowGraph): Flow {
  const sequence = reversePostorder(successors);
  const order = new Array<number>(successors.length).fill(-1);
  sequence.forEach((node, place) => order[node] = place);
  const predecessors: number[][] = successors.map(() => []);
  for (const node of sequence) for (const next of successors[node]) predecessors[next].push(node);
  const parents = immediateDominators(sequence, order, predecessors);
  const children: number[][] = successors.map(() => []);
  for (const node of sequence) if (node !== 0) children[parents[node]].push(node);
  const dominates = dominance(children);
  const headers = new Set<number>();
  const merges = new Set<number>();
  for (const node of sequence) {
    let forward = 0;
    for (const from of predecessors[node]) {
      if (order[from] < order[node]) forward++;
      else if (dominates(node, from)) headers.add(node);
    }
    if (forward > 1) merges.add(node);
  }
  return { order, children, headers, merges, dominates };
}

/** Whether a node dominates another one, from the tree of dominators: it is entered before that one, and left after it. */
function dominance(children: readonly (readonly number[])[]): (a: number, b: number) => boolean {
  const entered = new Array<number>(children.length).fill(0);
  const left = new Array<number>(children.length).fill(0);
  let time = 0;
  const visit = (node: number): void => {
    entered[node] = time++;
    for (const child of children[node]) visit(child);
    left[node] = time;
  };
  visit(0);
  return (a, b) => entered[a] <= entered[b] && entered[b] < left[a];
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

/**
 * The weight of the heaviest path from each node up to the next stop, which does not count, or the end.
 *
 * @param weights Weight of each node
 * @param stops Nodes that end a path; every loop's header must be one
 */
export function heaviestPaths(
  successors: ControlFlowGraph,
  { order, dominates }: Flow,
  weights: readonly number[],
  stops: ReadonlySet<number>,
): number[] {
  const heaviest = new Array<number>(successors.length).fill(0);
  const sequence = [...order.keys()].sort((a, b) => order[b] - order[a]);
  for (const node of sequence) {
    let most = 0;
    for (const next of successors[node]) {
      if (stops.has(next) || (order[next] <= order[node] && !dominates(next, node))) continue;
      most = Math.max(most, heaviest[next]);
    }
    heaviest[node] = weights[node] + most;
  }
  return heaviest;
}

/** A natural loop. */
export interface Loop {
  /** The node that it is entered by. */
  readonly header: number;
  /** Its nodes, the header included. */
  readonly body: ReadonlySet<number>;
}

/**
 * The loops of a graph, inner ones before those around them. Back edges to one node are one loop; but those to the entry can be several,
 * one in the other: whoever comes into the middle of an inner loop finds its place at the head of all loops around it.
 */
export function findLoops(successors: ControlFlowGraph, { headers, order, dominates }: Flow): Loop[] {
  const predecessors: number[][] = successors.map(() => []);
  successors.forEach((nexts, node) => nexts.forEach((next) => predecessors[next].push(node)));
  const bodyOf = (header: number, latches: number[]): Set<number> => {
    const body = new Set([header]);
    const work = [...latches];
    for (let node = work.pop(); node !== undefined; node = work.pop()) {
      if (body.has(node)) continue;
      body.add(node);
      // An edge into the middle of the loop is cut: it is not part of it.
      work.push(...predecessors[node].filter((from) => dominates(header, from)));
    }
    return body;
  };
  const loops: Loop[] = [];
  for (const header of headers) {
    const latches = predecessors[header].filter((from) => order[header] <= order[from] && dominates(header, from));
    const bodies = header === 0 ? latches.map((latch) => bodyOf(header, [latch])) : [bodyOf(header, latches)];
    for (const body of bodies.sort((a, b) => a.size - b.size)) {
      const inner = loops.at(-1);
      if (inner?.header !== header || inner.body.size < body.size && isWithin(inner.body, body)) {
        loops.push({ header, body });
      } else {
        loops.splice(-1, 1, { header, body: new Set([...inner.body, ...body]) });
      }
    }
  }
  return loops.sort((a, b) => a.body.size - b.body.size);
}

/** Whether no other loop lies in a loop. */
export function isInnermost(loop: Loop, loops: readonly Loop[]): boolean {
  return loops.every((other) => other === loop || !isWithin(other.body, loop.body));
}

function isWithin(inner: ReadonlySet<number>, outer: ReadonlySet<number>): boolean {
  return [...inner].every((node) => outer.has(node));
}
