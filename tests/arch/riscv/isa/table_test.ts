/** Tests of the instruction table's form: patterns, names, formats. @module */
import assert from "node:assert/strict";
import { type FixedBits, fixedBits, overlap } from "../../../../arch/riscv/isa/encoding.ts";
import { COMPRESSED, INSTRUCTIONS } from "../../../../arch/riscv/isa/mod.ts";

/** Pairs that share encodings on purpose: the first is a special case of the second. */
const EXCEPTIONS: readonly string[] = [
  "fence.tso < fence",
  "pause < fence",
  "prefetch.i < ori",
  "prefetch.r < ori",
  "prefetch.w < ori",
  "c.nop < c.addi",
  "c.addi16sp < c.lui",
  "c.jr < c.mv",
  "c.ebreak < c.jalr",
  "c.ebreak < c.add",
  "c.jalr < c.add",
];

interface Row {
  readonly name: string;
  readonly pattern: string;
}

/** Every overlapping pair, the one with more fixed bits first; `=` between them if neither is the special case. */
function overlaps(rows: readonly Row[]): string[] {
  const read = rows.map((row): Row & FixedBits => ({ ...row, ...fixedBits(row.pattern) }));
  const found: string[] = [];
  for (const [i, a] of read.entries()) {
    for (const b of read.slice(i + 1)) {
      if (!overlap(a, b)) continue;
      const [special, general] = a.count > b.count ? [a, b] : [b, a];
      const nested = (special.mask & general.mask) === general.mask && special.count > general.count;
      found.push(`${special.name} ${nested ? "<" : "="} ${general.name}`);
    }
  }
  return found;
}

Deno.test("INSTRUCTIONS and COMPRESSED: patterns are disjoint except for the declared special cases", () => {
  const found = [...overlaps(INSTRUCTIONS), ...overlaps(COMPRESSED)];
  assert.deepEqual(found.sort(), [...EXCEPTIONS].sort());
});

Deno.test("overlap tells patterns that share an encoding", () => {
  assert.equal(overlap(fixedBits("01.."), fixedBits("0.1.")), true);
  assert.equal(overlap(fixedBits("01.."), fixedBits("00..")), false);
});

Deno.test("INSTRUCTIONS and COMPRESSED: every name is unique", () => {
  const names = [...INSTRUCTIONS, ...COMPRESSED].map((row) => row.name);
  assert.equal(new Set(names).size, names.length);
});

Deno.test("INSTRUCTIONS: patterns have 32 characters and end with the ones of a 32-bit encoding", () => {
  for (const { name, pattern } of INSTRUCTIONS) assert.match(pattern, /^[01.-]{30}11$/, name);
});

Deno.test("COMPRESSED: patterns have 16 characters and do not end with two ones", () => {
  for (const { name, pattern } of COMPRESSED) assert.match(pattern, /^[01.]{14}(00|01|10)$/, name);
});

Deno.test("INSTRUCTIONS: each row has exactly one meaning, run or call", () => {
  for (const row of INSTRUCTIONS) assert.notEqual(row.run === undefined, row.call === undefined, row.name);
});

/** Character ranges of a pattern that a format's operands cover. */
const COVERED: Record<string, [number, number][]> = {
  R: [[7, 17], [20, 25]],
  R4: [[0, 5], [7, 17], [20, 25]],
  I: [[0, 17], [20, 25]],
  shift: [[6, 17], [20, 25]],
  shiftw: [[7, 17], [20, 25]],
  S: [[0, 17], [20, 25]],
  B: [[0, 17], [20, 25]],
  U: [[0, 25]],
  J: [[0, 25]],
};

Deno.test("INSTRUCTIONS: what a pattern leaves open, the format covers, or it is a rounding mode", () => {
  for (const { name, pattern, format } of INSTRUCTIONS) {
    if (format === "none") continue;
    const covered = (index: number) => COVERED[format].some(([from, to]) => index >= from && index < to);
    const isRoundingMode = (index: number) => index >= 17 && index < 20 && /^.*10...11$/.test(pattern);
    for (const [index, character] of [...pattern].entries()) {
      if (character === ".") assert.ok(covered(index) || isRoundingMode(index), `${name}: bit ${31 - index}`);
    }
  }
});
