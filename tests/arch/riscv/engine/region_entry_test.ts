/** Where regions start: at the heads of loops, wherever in them samples are taken, and where execution comes in. @module */
import assert from "node:assert/strict";
import { FIELD, X_REGISTERS } from "../../../../arch/riscv/layout.ts";
import { loopAround } from "../../../../arch/riscv/engine/region_entry.ts";
import { discoverRegion } from "../../../../arch/riscv/engine/region.ts";
import { asm } from "../assemble.ts";
import { Machine, RAM } from "./machine.ts";

const count = (rd: number) => asm("addi", { rd, rs1: rd, imm: 1 });
const jump = (imm: number) => asm("jal", { rd: 0, imm });
const back = (rs1: number, imm: number) => asm("bne", { rs1, rs2: 0, imm });
const RETURN = asm("jalr", { rd: 0, rs1: 1, imm: 0 });
const unless = (rs1: number, imm: number) => asm("beq", { rs1, rs2: 0, imm });

/** A loop around a loop of two blocks: at 0 the outer one's head, at 8 the inner one's. */
const NESTED = [
  count(5),
  count(7),
  count(8),
  unless(0, 8),
  count(9),
  asm("andi", { rd: 6, rs1: 8, imm: 3 }),
  back(6, -16),
  jump(-28),
];

Deno.test("loopAround finds the innermost loop", () => {
  const memory = new Int32Array(1024);
  memory.set(NESTED);
  const region = discoverRegion(new Uint16Array(memory.buffer), 0, { privilege: 3, virtual: 0 })!;
  assert.deepEqual([0, 4, 8, 20, 24, 28].map((offset) => loopAround(region, offset)), [0, 0, 8, 8, 8, 0]);
});

Deno.test("entryFor: a loop has one region, at its head, whichever of its places is found hot", () => {
  for (let stepsBetweenSamples = 3; stepsBetweenSamples < 12; stepsBetweenSamples++) {
    const machine = new Machine("jit", { hotSamples: 15, stepsBetweenSamples });
    machine.write(RAM, ...NESTED);
    for (let i = 0; i < 80; i++) machine.run(997);
    const { regions } = machine.translator!;
    const starts = Array.from({ length: 8 }, (_, i) => i * 4).filter((offset) =>
      regions.at(machine.ram + offset) !== undefined
    );
    assert.ok(
      starts.length > 0 && starts.every((offset) => offset === 0 || offset === 8),
      `regions start at ${starts}`,
    );
    assert.equal(machine.hart.state.get64(FIELD.steps), 80n * 997n);
  }
});

Deno.test("entryFor: a loop over two pages is translated, though no page shows it", () => {
  const machine = new Machine("jit", { hotSamples: 3, stepsBetweenSamples: 7 });
  machine.write(RAM + 4096 - 40, ...Array.from({ length: 12 }, (_, i) => count(5 + i)), jump(-32));
  machine.hart.state.set64(FIELD.pc, BigInt(RAM + 4096 - 40));
  machine.run(20_000);
  assert.ok(
    machine.translator!.counts.regionSteps > 18_000,
    `${machine.translator!.counts.regionSteps} of 20,000 steps`,
  );
});

Deno.test("entryFor: where a call in a loop returns to is an entry, beside the loop's head", () => {
  const machine = new Machine("jit", { hotSamples: 3, stepsBetweenSamples: 5 });
  // The loop calls a function behind it, which returns to offset 8.
  machine.write(
    RAM,
    count(5),
    asm("jal", { rd: 1, imm: 16 }),
    count(7),
    count(8),
    jump(-16),
    count(9),
    RETURN,
  );
  for (let i = 0; i < 40; i++) machine.run(501);
  const { regions } = machine.translator!;
  const starts = [0, 4, 8, 12, 16, 20, 24].filter((offset) => regions.at(machine.ram + offset) !== undefined);
  assert.ok(starts.includes(8) && starts.every((offset) => [0, 8, 20].includes(offset)), `regions start at ${starts}`);
  assert.ok(machine.translator!.counts.regionSteps > 15_000);
});

Deno.test("entryFor: where a region ends for its size, the next one starts, wherever samples are taken behind it", () => {
  const machine = new Machine("jit", { hotSamples: 3, stepsBetweenSamples: 13 });
  // Straight code of 500 instructions and the way back: two regions of 200, and the rest.
  machine.write(RAM, ...Array.from({ length: 500 }, (_, i) => count(5 + i % 20)), jump(-2000));
  machine.run(100_000);
  const { regions, counts } = machine.translator!;
  const starts = Array.from({ length: 501 }, (_, i) => i).filter((i) => regions.at(machine.ram + i * 4) !== undefined);
  assert.deepEqual(starts.map((start) => start % 200), starts.map(() => 0), `regions start at ${starts}`);
  assert.ok(counts.regionSteps > 90_000, `${counts.regionSteps} of 100,000 steps`);
});

Deno.test("entryFor: a function that is entered before the loop which has a region gets one of its own", () => {
  const machine = new Machine("jit", { hotSamples: 3, stepsBetweenSamples: 7 });
  // A caller in the next page; the function goes past its loop every other time, so that the loop's region is not all.
  const function_ = [
    asm("xori", { rd: 6, rs1: 6, imm: 1 }),
    unless(6, 16),
    asm("addi", { rd: 7, rs1: 0, imm: 8 }),
    asm("addi", { rd: 7, rs1: 7, imm: -1 }),
    back(7, -4),
    ...Array.from({ length: 20 }, () => count(9)),
    RETURN,
  ];
  machine.write(RAM, ...function_);
  machine.write(RAM + 4096, asm("jal", { rd: 1, imm: -4096 }), jump(-4));
  machine.hart.state.set64(FIELD.pc, BigInt(RAM + 4096));
  machine.run(100_000);
  const { regions } = machine.translator!;
  assert.ok(regions.at(machine.ram) !== undefined, "no region starts at the function");
  assert.ok(
    machine.translator!.counts.regionSteps > 95_000,
    `${machine.translator!.counts.regionSteps} of 100,000 steps`,
  );
});

Deno.test("outgrown: a region that was made before the code behind its call was executed is made anew with it", () => {
  const machine = new Machine("jit", { hotSamples: 3, stepsBetweenSamples: 7 });
  // A function that calls itself 200 times before anything behind the call is executed, and a caller in the next page.
  machine.write(
    RAM,
    asm("addi", { rd: 10, rs1: 10, imm: -1 }),
    asm("addi", { rd: 2, rs1: 2, imm: -8 }),
    asm("sd", { rs1: 2, rs2: 1, imm: 0 }),
    unless(10, 8),
    asm("jal", { rd: 1, imm: -16 }),
    asm("ld", { rd: 1, rs1: 2, imm: 0 }),
    asm("addi", { rd: 2, rs1: 2, imm: 8 }),
    count(11),
    RETURN,
  );
  const caller = [asm("addi", { rd: 10, rs1: 0, imm: 200 }), asm("jal", { rd: 1, imm: -4100 }), jump(-8)];
  machine.write(RAM + 4096, ...caller);
  machine.hart.state.set64(FIELD.pc, BigInt(RAM + 4096));
  machine.hart.state.set64(X_REGISTERS + 2 * 8, BigInt(RAM + 0x8000));
  const { regions } = machine.translator!;
  const covers = () => regions.covering(machine.ram + 28).some(({ entry }) => entry === machine.ram);
  machine.run(600);
  assert.ok(regions.at(machine.ram) !== undefined && !covers(), "a region of what was executed so far");
  machine.run(20_000);
  assert.ok(covers(), "the region at the function's start has what is behind the call");
  assert.ok(
    machine.translator!.counts.regionSteps > 18_000,
    `${machine.translator!.counts.regionSteps} of 20,600 steps`,
  );
});
