/** The interpreter and the oracle leave the same state behind, on random programs. @module */
import assert from "node:assert/strict";
import { FIELD, type FieldName } from "../../../../arch/riscv/layout.ts";
import { Random } from "../random.ts";
import { type EngineName, Machine } from "./machine.ts";
import { HANDLER, POINTER_VALUES, PROGRAM, randomProgram, trapHandler } from "./random_program.ts";

const PROGRAMS = 60;
const ROUNDS = 6;

/** Fields that say how an engine works, not what the guest sees. */
const INTERNAL: readonly string[] = ["readTable", "writeTable", "fetchTable", "budget", "budgetLeft"];

const COMPARED = (Object.keys(FIELD) as FieldName[]).filter((name) => !INTERNAL.includes(name));

function prepare(engine: EngineName, seed: number): Machine {
  const random = new Random(seed);
  const machine = new Machine(engine);
  machine.setFloat(1 + random.below(3));
  machine.writeHalves(PROGRAM, ...randomProgram(random));
  machine.write(HANDLER, ...trapHandler());
  for (let i = 1; i < 32; i++) machine.setX(i, random.value());
  for (let i = 0; i < 32; i++) machine.setF(i, randomFloat(random));
  for (const [index, value] of POINTER_VALUES) machine.setX(index, value);
  machine.hart.state.set64(FIELD.mtvec, BigInt(HANDLER));
  machine.hart.state.set64(FIELD.pc, BigInt(PROGRAM));
  return machine;
}

/** A double or a boxed single, seldom a badly boxed one, with exponents that meet each other. */
function randomFloat(random: Random): bigint {
  const bits = random.value();
  switch (random.below(4)) {
    case 0:
      return bits;
    case 1:
      return (bits & ~(0x7ffn << 52n)) | (BigInt(1020 + random.below(8)) << 52n);
    default:
      return 0xffffffff_00000000n | (bits & 0x807fffffn) | (BigInt(124 + random.below(8)) << 23n);
  }
}

/** Registers and fields by name, for messages that say what differs. */
function snapshot(machine: Machine): Record<string, string> {
  const seen: Record<string, string> = {};
  for (let i = 0; i < 32; i++) {
    seen[`x${i}`] = machine.x(i).toString(16);
    seen[`f${i}`] = machine.f(i).toString(16);
  }
  for (const name of COMPARED) {
    const word = FIELD[name] >= FIELD.privilege;
    seen[name] = word ? String(machine.word(name)) : machine.field(name).toString(16);
  }
  return seen;
}

Deno.test("Interpreter and Oracle agree on registers, CSRs and memory after every slice of random programs", () => {
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const oracle = prepare("oracle", seed);
    const interpreter = prepare("interpreter", seed);
    const slices = new Random(seed);
    for (let round = 0; round < ROUNDS; round++) {
      const budget = 1 + slices.below(100);
      const before = oracle.field("pc").toString(16);
      assert.equal(interpreter.run(budget), oracle.run(budget), `steps, seed ${seed}, round ${round}`);
      const message = `seed ${seed}, round ${round}: ${budget} steps from 0x${before}`;
      assert.deepEqual(snapshot(interpreter), snapshot(oracle), message);
      assert.deepEqual(interpreter.bytes(), oracle.bytes(), message);
    }
  }
});
