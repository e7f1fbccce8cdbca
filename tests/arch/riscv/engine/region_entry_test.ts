/** Where regions start: at the heads of loops, wherever in them samples are taken. @module */
import assert from "node:assert/strict";
import { FIELD } from "../../../../arch/riscv/layout.ts";
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
    const machine = new Machine("jit", { hotSamples: 3, stepsBetweenSamples });
    machine.write(RAM, ...NESTED);
    for (let i = 0; i < 40; i++) machine.run(997);
    const { regions } = machine.translator!;
    const starts = Array.from({ length: 8 }, (_, i) => i * 4).filter((offset) =>
      regions.at(machine.ram + offset) !== undefined
    );
    assert.ok(
      starts.length > 0 && starts.every((offset) => offset === 0 || offset === 8),
      `regions start at ${starts}`,
    );
    assert.equal(machine.hart.state.get64(FIELD.steps), 40n * 997n);
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
