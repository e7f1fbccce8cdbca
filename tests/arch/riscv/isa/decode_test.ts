/** Tests of decoding and encoding. @module */
import assert from "node:assert/strict";
import { compressedRow } from "../../../../arch/riscv/isa/decode.ts";
import { registerMask } from "../../../../arch/riscv/isa/encoding.ts";
import {
  COMPRESSED,
  decode,
  encode,
  hasRoundingMode,
  type Instruction,
  INSTRUCTIONS,
  type OperandValues,
} from "../../../../arch/riscv/isa/mod.ts";
import { Random } from "../random.ts";

function randomImmediate(random: Random, format: Instruction["format"]): number {
  const bits = random.word() | 0;
  switch (format) {
    case "I":
    case "S":
      return bits >> 20;
    case "shift":
      return bits & 63;
    case "shiftw":
      return bits & 31;
    case "B":
      return (bits >> 19) & ~1;
    case "U":
      return bits & 0xfffff000;
    case "J":
      return (bits >> 11) & ~1;
    default:
      return 0;
  }
}

function randomOperands(random: Random, row: Instruction): OperandValues & { imm: number } {
  const register = () => random.below(32);
  return {
    rd: register(),
    rs1: register(),
    rs2: register(),
    rs3: register(),
    imm: randomImmediate(random, row.format),
  };
}

/** Whether a register field lies open in the pattern. */
function isOpen(row: Instruction, field: "rd" | "rs1" | "rs2" | "rs3"): boolean {
  const at = { rd: 20, rs1: 12, rs2: 7, rs3: 0 }[field];
  return row.format !== "none" && row.pattern[at] === "." && registerMask(row.format, field) === 31;
}

Deno.test("decode finds what encode wrote, for every row and random operands", () => {
  const random = new Random(1);
  for (const row of INSTRUCTIONS) {
    for (let i = 0; i < 50; i++) {
      const operands = randomOperands(random, row);
      const bits = encode(row, operands);
      const decoded = decode(bits)!;
      // ori with rd = x0 may be a prefetch
      if (row.name === "ori" && decoded.instruction.name.startsWith("prefetch")) continue;
      assert.equal(decoded.instruction.name, row.name, bits.toString(16));
      assert.equal(decoded.length, 4);
      assert.equal(decoded.bits >>> 0, bits);
      for (const field of ["rd", "rs1", "rs2", "rs3"] as const) {
        if (isOpen(row, field)) assert.equal(decoded[field], operands[field], `${row.name} ${field}`);
      }
      if (!row.name.startsWith("prefetch")) assert.equal(decoded.imm, operands.imm, row.name);
    }
  }
});

Deno.test("decode finds at most one row: the one with the most fixed bits, as a linear search does", () => {
  const random = new Random(2);
  for (let i = 0; i < 20_000; i++) {
    const row = INSTRUCTIONS[random.below(INSTRUCTIONS.length)];
    // random bits, half the time close to a row
    const noise = random.word() & random.word() & random.word();
    const bits = (i % 2 === 0 ? random.word() | 3 : encode(row, randomOperands(random, row)) ^ noise) | 3;
    assert.equal(decode(bits)?.instruction.name, linearSearch(bits)?.name, (bits >>> 0).toString(16));
  }
});

function linearSearch(bits: number): Instruction | undefined {
  const digits = (bits >>> 0).toString(2).padStart(32, "0");
  const fixed = (row: Instruction) => row.pattern.replace(/[.-]/g, "").length;
  const matches = INSTRUCTIONS.filter((row) =>
    [...row.pattern].every((c, i) => c === "." || c === "-" || c === digits[i])
  );
  return matches.sort((a, b) => fixed(b) - fixed(a))[0];
}

Deno.test("decode refuses all-zero and all-one encodings and those longer than 32 bits", () => {
  assert.equal(decode(0), undefined);
  assert.equal(decode(0x12340000), undefined);
  assert.equal(decode(-1), undefined);
  assert.equal(decode(0xffff), undefined);
  const random = new Random(3);
  for (let i = 0; i < 1000; i++) assert.equal(decode(random.word() | 0x1f), undefined);
});

Deno.test("decode takes signed and unsigned numbers, and only 16 bits of a compressed instruction", () => {
  assert.deepEqual(decode(0xfff00513), decode(0xfff00513 | 0));
  assert.equal(decode(0xfff00513)!.imm, -1);
  assert.equal(decode(0xabcd0505)!.instruction.name, "addi");
  assert.equal(decode(0xabcd0505)!.length, 2);
});

Deno.test("decode refuses reserved compressed encodings", () => {
  // c.addi4spn 0, quadrant 0 funct3 100, c.addiw x0, c.addi16sp 0, c.lui 0, c.subw group 10, c.lwsp x0, c.ldsp x0, c.jr x0
  for (const bits of [0x0004, 0x8000, 0x2005, 0x6101, 0x6501, 0x9c41, 0x4002, 0x6002, 0x8002]) {
    assert.equal(decode(bits), undefined, bits.toString(16));
  }
});

Deno.test("decode accepts compressed hints: they write x0 or change nothing", () => {
  // c.nop 1, c.li x0, c.lui x0, c.mv x0, c.add x0, c.slli x0, c.slli a0 0, c.srli a0 0, c.addi a0 0
  const hints: [number, string][] = [
    [0x0005, "addi"],
    [0x4005, "addi"],
    [0x6005, "lui"],
    [0x802a, "add"],
    [0x902a, "add"],
    [0x0006, "slli"],
    [0x0502, "slli"],
    [0x8101, "srli"],
    [0x0501, "addi"],
  ];
  for (const [bits, name] of hints) assert.equal(decode(bits)?.instruction.name, name, bits.toString(16));
});

Deno.test("decode expands exactly the compressed encodings of RV64GC", () => {
  // Counted from the specification's listing: all encodings less the reserved ones.
  let legal = 0;
  for (let bits = 0; bits < 65536; bits++) if ((bits & 3) !== 3 && decode(bits) !== undefined) legal++;
  const perQuadrant = 16384;
  const reserved0 = 8 /* c.addi4spn */ + 2048 /* funct3 100 */;
  const reserved1 = 64 /* c.addiw */ + 1 /* c.addi16sp */ + 31 /* c.lui */ + 2 * 64 /* 100 1 11 1x */;
  const reserved2 = 64 + 64 /* c.lwsp, c.ldsp */ + 1 /* c.jr */;
  assert.equal(legal, 3 * perQuadrant - reserved0 - reserved1 - reserved2);
});

Deno.test("COMPRESSED: every row is found by some encoding and expands to its instruction", () => {
  const found = new Set<string>();
  for (let bits = 0; bits < 65536; bits++) {
    if ((bits & 3) === 3) continue;
    const row = compressedRow(bits);
    const wide = row?.expand(bits);
    if (row === undefined || wide === undefined) continue;
    found.add(row.name);
    assert.equal(decode(bits)!.bits >>> 0, wide);
    assert.equal(decode(wide)!.imm, decode(bits)!.imm);
  }
  assert.deepEqual([...found].sort(), COMPRESSED.map((row) => row.name).sort());
});

Deno.test("hasRoundingMode: the operations that the specification gives an rm field", () => {
  const names = INSTRUCTIONS.filter(hasRoundingMode).map((row) => row.name);
  assert.equal(names.length, 2 * 9 + 2 * 8 + 2);
  assert.ok(names.includes("fcvt.d.w") && names.includes("fnmadd.d") && names.includes("fsqrt.s"));
  assert.ok(!names.includes("fmin.s") && !names.includes("fmv.x.d") && !names.includes("add"));
});
