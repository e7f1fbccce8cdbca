/**
 * Who may access which CSR: every number in every mode against a table written from the specification.
 *
 * @module
 */
import assert from "node:assert/strict";
import { csrAccessFault, findCsr, listCsrs, readCsr64, writeCsr64 } from "../../../../arch/riscv/csr/csr_file.ts";
import {
  attempt,
  createTestHart,
  csrInstruction,
  enterMode,
  FIELD,
  type ModeName,
  MODES,
  type Outcome,
  type TestHart,
} from "../test_hart.ts";

/** Letters: `.` allowed, `i` illegal instruction, `v` virtual instruction; in the order M, HS, U, VS, VU. */
const LETTERS: Readonly<Record<Outcome, string>> = { ok: ".", illegal: "i", virtual: "v" };

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** Groups of CSRs with everything enabled: reads, then writes. */
const GROUPS: readonly { numbers: readonly number[]; read: string; write: string }[] = [
  { numbers: [0x001, 0x002, 0x003], read: ".....", write: "....." },
  { numbers: range(0xc00, 0xc1f), read: ".....", write: "iiiii" },
  {
    numbers: [0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0x180],
    read: "..i.v",
    write: "..i.v",
  },
  {
    numbers: [0x200, 0x204, 0x205, 0x240, 0x241, 0x242, 0x243, 0x244, 0x24d, 0x280],
    read: "..ivv",
    write: "..ivv",
  },
  {
    numbers: [0x600, 0x602, 0x603, 0x604, 0x605, 0x606, 0x607, 0x60a, 0x643, 0x644, 0x645, 0x64a, 0x680],
    read: "..ivv",
    write: "..ivv",
  },
  { numbers: [0xe12], read: "..ivv", write: "iiiii" },
  {
    numbers: [...range(0x300, 0x306), 0x30a, 0x320, ...range(0x323, 0x33f), ...range(0x340, 0x344), 0x34a, 0x34b],
    read: ".iiii",
    write: ".iiii",
  },
  { numbers: [0x3a0, 0x3a2, ...range(0x3b0, 0x3bf)], read: ".iiii", write: ".iiii" },
  { numbers: range(0x7a0, 0x7a3), read: ".iiii", write: ".iiii" },
  { numbers: [0xb00, ...range(0xb02, 0xb1f)], read: ".iiii", write: ".iiii" },
  { numbers: range(0xf11, 0xf15), read: ".iiii", write: "iiiii" },
];

function openHart(): TestHart {
  const hart = createTestHart();
  writeCsr64(hart, 0x306, ~0n);
  writeCsr64(hart, 0x106, ~0n);
  writeCsr64(hart, 0x606, ~0n);
  writeCsr64(hart, 0x30a, ~0n);
  writeCsr64(hart, 0x60a, ~0n);
  writeCsr64(hart, 0x300, 1n << 13n);
  writeCsr64(hart, 0x200, 1n << 13n);
  return hart;
}

function outcomes(hart: TestHart, number: number, write: boolean): string {
  return MODES.map((mode) => {
    enterMode(hart, mode);
    const fault = csrAccessFault(hart, number, write);
    return fault === 0 ? "." : fault === 22 ? "v" : "i";
  }).join("");
}

Deno.test("csrAccessFault tells for every number, mode and direction what the specification tells", () => {
  const hart = openHart();
  const expected = new Map(GROUPS.flatMap((group) => group.numbers.map((number) => [number, group] as const)));
  for (let number = 0; number < 4096; number++) {
    const group = expected.get(number) ?? { read: "iiiii", write: "iiiii" };
    const found = `${outcomes(hart, number, false)} ${outcomes(hart, number, true)}`;
    assert.equal(found, `${group.read} ${group.write}`, `CSR 0x${number.toString(16)}`);
  }
  assert.deepEqual(listCsrs().map((csr) => csr.number), [...expected.keys()].sort((a, b) => a - b));
});

Deno.test("executeCsr traps with the cause that csrAccessFault tells", () => {
  const hart = openHart();
  for (const { numbers, read, write } of GROUPS) {
    const [number] = numbers;
    const seen = (bits: number) => MODES.map((mode) => LETTERS[attempt(hart, mode, bits)]).join("");
    assert.equal(seen(csrInstruction("rs", number, 1, 0)), read, findCsr(number)?.name);
    // Restoring what was read keeps the hart's set-up.
    hart.state.set64(8, readCsr64(hart, number));
    assert.equal(seen(csrInstruction("rs", number, 0, 1)), write, findCsr(number)?.name);
  }
});

Deno.test("csrrs and csrrc with x0, and their immediate forms with 0, do not write; csrrw does", () => {
  const hart = openHart();
  for (const operation of ["rs", "rc", "rsi", "rci"] as const) {
    assert.equal(attempt(hart, "M", csrInstruction(operation, 0xc00, 1, 0)), "ok", operation);
    assert.equal(attempt(hart, "M", csrInstruction(operation, 0xc00, 1, 3)), "illegal", operation);
  }
  for (const operation of ["rw", "rwi"] as const) {
    assert.equal(attempt(hart, "M", csrInstruction(operation, 0xc00, 1, 0)), "illegal", operation);
  }
});

Deno.test("executeCsr swaps, sets and clears, and reads the source before it writes the destination", () => {
  const hart = createTestHart();
  const { state } = hart;
  const run = (operation: Parameters<typeof csrInstruction>[0], rd: number, rs1: number) =>
    attempt(hart, "M", csrInstruction(operation, 0x340, rd, rs1));
  state.set64(8, 0xf0f0_0000_1234_5678n);
  run("rw", 1, 1);
  assert.equal(state.get64(8), 0n);
  assert.equal(readCsr64(hart, 0x340), 0xf0f0_0000_1234_5678n);
  state.set64(8, 0x0f00_0000_0000_0007n);
  run("rs", 2, 1);
  assert.equal(state.get64(16), 0xf0f0_0000_1234_5678n);
  assert.equal(readCsr64(hart, 0x340), 0xfff0_0000_1234_567fn);
  run("rc", 0, 1);
  assert.equal(readCsr64(hart, 0x340), 0xf0f0_0000_1234_5678n);
  run("rci", 3, 8);
  assert.equal(readCsr64(hart, 0x340), 0xf0f0_0000_1234_5670n);
  run("rwi", 0, 31);
  assert.equal(readCsr64(hart, 0x340), 31n);
  assert.equal(state.get64(0), 0n);
});

Deno.test("counters need mcounteren, hcounteren and scounteren as the virtual-instruction rules say", () => {
  // m, h, s: the counter's bit in mcounteren, hcounteren, scounteren.
  const expected: Readonly<Record<string, string>> = {
    "000": ".iiii",
    "001": ".iiii",
    "010": ".iiii",
    "011": ".iiii",
    "100": "..ivv",
    "101": "...vv",
    "110": "..i.v",
    "111": ".....",
  };
  const hart = createTestHart();
  for (const number of [0xc00, 0xc01, 0xc02, 0xc03, 0xc1f]) {
    const bit = 1n << BigInt(number & 31);
    for (const [enables, letters] of Object.entries(expected)) {
      const enable = (index: number) => enables[index] === "1" ? bit : ~bit;
      writeCsr64(hart, 0x306, enable(0));
      writeCsr64(hart, 0x606, enable(1));
      writeCsr64(hart, 0x106, enable(2));
      assert.equal(outcomes(hart, number, false), letters, `0x${number.toString(16)} with ${enables}`);
    }
  }
});

Deno.test("stimecmp and vstimecmp need TM and STCE of M-mode, then of HS-mode", () => {
  const cases: readonly { tm: bigint; stce: bigint; htm: bigint; hstce: bigint; s: string; vs: string }[] = [
    { tm: 1n, stce: 1n, htm: 1n, hstce: 1n, s: "..i.v", vs: "..ivv" },
    { tm: 0n, stce: 1n, htm: 1n, hstce: 1n, s: ".iiii", vs: ".iiii" },
    { tm: 1n, stce: 0n, htm: 1n, hstce: 0n, s: ".iiii", vs: ".iiii" },
    { tm: 1n, stce: 1n, htm: 0n, hstce: 1n, s: "..ivv", vs: "..ivv" },
    { tm: 1n, stce: 1n, htm: 1n, hstce: 0n, s: "..ivv", vs: "..ivv" },
  ];
  for (const { tm, stce, htm, hstce, s, vs } of cases) {
    const hart = createTestHart();
    writeCsr64(hart, 0x306, tm << 1n);
    writeCsr64(hart, 0x606, htm << 1n);
    writeCsr64(hart, 0x30a, stce << 63n);
    writeCsr64(hart, 0x60a, hstce << 63n);
    assert.equal(outcomes(hart, 0x14d, true), s);
    assert.equal(outcomes(hart, 0x24d, true), vs);
  }
});

Deno.test("TVM keeps HS-mode from satp and hgatp but not vsatp, VTVM keeps VS-mode from satp", () => {
  const hart = openHart();
  const TVM = 1n << 20n;
  const VTVM = 1n << 20n;
  const seen = () => [0x180, 0x280, 0x680].map((number) => outcomes(hart, number, false)).join(" ");
  writeCsr64(hart, 0x300, TVM);
  assert.equal(seen(), ".ii.v ..ivv .iivv");
  writeCsr64(hart, 0x300, 0n);
  writeCsr64(hart, 0x600, VTVM);
  assert.equal(seen(), "..ivv ..ivv ..ivv");
});

Deno.test("floating-point CSRs are illegal, never virtual, while either FS is off", () => {
  const hart = openHart();
  for (const number of [1, 2, 3]) {
    writeCsr64(hart, 0x300, 0n);
    assert.equal(outcomes(hart, number, false), "iiiii");
    writeCsr64(hart, 0x300, 1n << 13n);
    writeCsr64(hart, 0x200, 0n);
    assert.equal(outcomes(hart, number, true), "...ii");
    writeCsr64(hart, 0x200, 1n << 13n);
  }
});

Deno.test("with V=1 the S-mode CSRs of VS-mode are the VS CSRs", () => {
  const pairs: readonly [number, number, bigint][] = [
    [0x105, 0x205, 0x8000n],
    [0x140, 0x240, 0x1234_5678_9abc_def0n],
    [0x141, 0x241, 0xfffen],
    [0x142, 0x242, 13n],
    [0x143, 0x243, 99n],
    [0x14d, 0x24d, 1n << 40n],
    [0x180, 0x280, (8n << 60n) | 77n],
  ];
  for (const [name, twin, value] of pairs) {
    const hart = openHart();
    const before = readCsr64(hart, name);
    hart.state.set64(8, value);
    assert.equal(attempt(hart, "VS", csrInstruction("rw", name, 0, 1)), "ok");
    assert.equal(readCsr64(hart, twin), value, findCsr(twin)?.name);
    assert.equal(readCsr64(hart, name), before, findCsr(name)?.name);
    attempt(hart, "VS", csrInstruction("rs", name, 2, 0));
    assert.equal(hart.state.get64(16), value);
  }
});

Deno.test("the bits of an illegal CSR access go into mtval", () => {
  const hart = openHart();
  const bits = csrInstruction("rs", 0x300, 1, 0);
  for (const mode of ["U", "VS"] satisfies ModeName[]) {
    attempt(hart, mode, bits);
    assert.equal(hart.state.get64(FIELD.mtval), BigInt(bits >>> 0));
  }
});

Deno.test("tselect and tdata1 tell that there is no trigger", () => {
  const hart = createTestHart();
  for (const number of [0x7a0, 0x7a1, 0x7a2, 0x7a3]) {
    writeCsr64(hart, number, ~0n);
    assert.equal(readCsr64(hart, number), 0n);
  }
});
