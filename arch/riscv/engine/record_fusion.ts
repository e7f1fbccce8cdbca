/**
 * Sequences of instructions that the interpreter executes at one go: the first one's record names all of them, so that the way from one's
 * code to the next one's need not be looked for. In code that runs seldom the host guesses such ways wrong, and waits.
 *
 * The other records stay what they are, and are where operands are read from: they may be jumped to, and may begin sequences themselves.
 * So those that reach a record must become their own again before it becomes anything else; and a sequence lies in one line of code, which
 * is forgotten as a whole when it is written.
 *
 * @module
 */
import type { HostPhysAddr } from "../../../core/address.ts";
import { LENGTH_SHIFT, LINE_SHIFT, OPERATION_MASK, RECORD_SIZE } from "./record.ts";
import { FIRST_SEQUENCE, OPERATIONS, SEQUENCES } from "./row_order.ts";

/** Instructions of the longest sequence. */
const LONGEST = Math.max(...SEQUENCES.map(({ length }) => length));

/** What an operation is when its instruction is executed alone. */
const ALONE: Uint8Array = new Uint8Array(256).map((_, operation) => operation);

/** A tree of all sequences: from a node, 0 being the root, and an operation to a node; 0: no sequence goes on like this. */
const nodes: number[][] = [[]];

/** The operation of the sequence that ends at each node, 0: none does. */
const ends: number[] = [0];

SEQUENCES.forEach((rows, index) => {
  let node = 0;
  for (const row of rows) {
    const operation = OPERATIONS[row.index];
    if (nodes[node][operation] === undefined) {
      nodes[node][operation] = nodes.push([]) - 1;
      ends.push(0);
    }
    node = nodes[node][operation];
  }
  ends[node] = FIRST_SEQUENCE + index;
  ALONE[FIRST_SEQUENCE + index] = OPERATIONS[rows[0].index];
});

/** The tree as one array. */
const TREE: Uint16Array = new Uint16Array(nodes.length * 256);
nodes.forEach((next, node) => next.forEach((to, operation) => TREE[node * 256 + operation] = to));
const ENDS: Uint8Array = new Uint8Array(ends);

/**
 * Makes the longest sequences that begin with the instructions from `host` to `end`.
 *
 * @param record The record of the first one
 */
export function fuseRecords(i32: Int32Array, host: HostPhysAddr, end: HostPhysAddr, record: HostPhysAddr): void {
  let word = record >>> 2;
  for (let at = host; at < end;) {
    const fused = sequenceAt(i32, at, word);
    const halves = i32[word] >> LENGTH_SHIFT & 3;
    if (fused !== 0) i32[word] = i32[word] & ~OPERATION_MASK | fused;
    at += halves * 2;
    word += halves * (RECORD_SIZE / 4);
  }
}

/** The operation of the longest sequence at an instruction, 0 if there is none. */
function sequenceAt(i32: Int32Array, host: HostPhysAddr, record: number): number {
  const lineEnd = (host >>> LINE_SHIFT) + 1 << LINE_SHIFT >>> 0;
  let longest = 0;
  let node = 0;
  for (let at = host, word = record; at < lineEnd;) {
    node = TREE[node * 256 + ALONE[i32[word] & OPERATION_MASK]];
    if (node === 0) break;
    const halves = i32[word] >> LENGTH_SHIFT & 3;
    at += halves * 2;
    word += halves * (RECORD_SIZE / 4);
    if (ENDS[node] !== 0 && at <= lineEnd) longest = ENDS[node];
  }
  return longest;
}

/** Has the instructions before a record, which is about to become another one, executed alone if they may be in a sequence with it. */
export function separateRecords(i32: Int32Array, host: HostPhysAddr, record: HostPhysAddr): void {
  const inLine = (host % (1 << LINE_SHIFT)) / 2;
  for (let halves = 1; halves <= Math.min(inLine, (LONGEST - 1) * 2); halves++) {
    const before = (record - halves * RECORD_SIZE) >>> 2;
    i32[before] = i32[before] & ~OPERATION_MASK | ALONE[i32[before] & OPERATION_MASK];
  }
}
