/**
 * The contract suite of engines: on random programs they leave the same state behind as the oracle does, after every slice, however a
 * run is cut into slices.
 *
 * `ENGINE_CASES=n` runs n programs of each kind instead of a few; `ENGINE_SEED=s` begins with seed s.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { EngineName } from "../../arch/riscv/hart.ts";
import { Random } from "../arch/riscv/random.ts";
import { EngineWorld, type Regime, REGIMES } from "./engine_world.ts";

const CASES = Number(Deno.env.get("ENGINE_CASES") ?? 40);
const FIRST_SEED = Number(Deno.env.get("ENGINE_SEED") ?? 1);

/** Slices of a program, and steps of the longest one. */
const SLICES = 12;
const LONGEST_SLICE = 120;

/** Ways to cut a run of this many steps. */
const CUTS = [1, 7, 1000];
const CUT_STEPS = 1000;

function slicesOf(seed: number): number[] {
  const random = new Random(~seed);
  return Array.from({ length: SLICES }, () => 1 + random.below(LONGEST_SLICE));
}

/** The short way to devices must be as good as the exits that it is compared with. */
function testedWorld(engine: EngineName, regime: Regime, seed: number): EngineWorld {
  return new EngineWorld(engine, regime, seed, seed % 4 !== 0);
}

function referenceWorld(regime: Regime, seed: number): EngineWorld {
  return new EngineWorld("oracle", regime, seed, false);
}

function differences(tested: EngineWorld, reference: EngineWorld): string[] {
  const [is, should] = [tested.picture(), reference.picture()];
  return Object.keys(should).filter((name) => is[name] !== should[name]).map((name) =>
    `${name} is ${is[name]} instead of ${should[name]}`
  );
}

function memoryDifference(tested: EngineWorld, reference: EngineWorld): string[] {
  const [is, should] = [tested.memory(), reference.memory()];
  for (let i = 0; i < should.length; i++) {
    if (is[i] === should[i]) continue;
    return [
      `the 8 bytes at RAM + 0x${(i * 8).toString(16)} are ${is[i].toString(16)} instead of ${should[i].toString(16)}`,
    ];
  }
  return [];
}

/** A pair of worlds that has run the first slices. */
function replay(
  engine: EngineName,
  regime: Regime,
  seed: number,
  slices: readonly number[],
): [EngineWorld, EngineWorld] {
  const pair: [EngineWorld, EngineWorld] = [
    testedWorld(engine, regime, seed),
    referenceWorld(regime, seed),
  ];
  for (const steps of slices) {
    for (const world of pair) {
      world.disturb();
      world.run(steps);
    }
  }
  return pair;
}

/** Finds the step after which the engines differ, for the message. */
function explain(engine: EngineName, regime: Regime, seed: number, before: readonly number[], last: number): string {
  for (let steps = 1; steps <= last; steps++) {
    const pair = replay(engine, regime, seed, before);
    const reference = pair[1];
    pair.forEach((world) => world.disturb());
    if (steps > 1) pair.forEach((world) => world.run(steps - 1));
    // The engine under test executes the slice in one piece, as it did when it failed.
    const whole = replay(engine, regime, seed, before)[0];
    whole.disturb();
    whole.run(steps);
    const instruction = reference.instruction();
    reference.run(1);
    const found = [...differences(whole, reference), ...memoryDifference(whole, reference)];
    if (found.length > 0) return `step ${steps} of slice ${before.length} is ${instruction}; ${found.join("; ")}`;
  }
  return "no single step shows it";
}

function checkProgram(engine: EngineName, regime: Regime, seed: number): void {
  const slices = slicesOf(seed);
  const tested = testedWorld(engine, regime, seed);
  const reference = referenceWorld(regime, seed);
  slices.forEach((steps, index) => {
    for (const world of [tested, reference]) {
      world.disturb();
      world.run(steps);
    }
    const found = differences(tested, reference);
    if (index === SLICES - 1) found.push(...memoryDifference(tested, reference));
    if (found.length === 0) return;
    const reason = explain(engine, regime, seed, slices.slice(0, index), steps);
    assert.fail(`regime ${regime}, seed ${seed}, slice ${index} of ${steps} steps: ${found.join("; ")}\n${reason}`);
  });
  assert.deepEqual(tested.dirtyPages(), reference.dirtyPages(), `pages written, seed ${seed}`);
}

function checkCuts(engine: EngineName, regime: Regime, seed: number): void {
  const reference = referenceWorld(regime, seed);
  reference.disturb();
  reference.run(CUT_STEPS);
  for (const cut of CUTS) {
    const tested = testedWorld(engine, regime, seed);
    tested.disturb();
    for (let left = CUT_STEPS; left > 0; left -= cut) tested.run(Math.min(cut, left));
    const found = [...differences(tested, reference), ...memoryDifference(tested, reference)];
    assert.deepEqual(found, [], `regime ${regime}, seed ${seed}, slices of ${cut}`);
  }
}

/** Registers the suite for an engine. */
export function testEngineContract(engine: EngineName): void {
  for (const regime of REGIMES) {
    Deno.test(`${engine}: random programs leave the oracle's state behind after every slice, regime ${regime}`, () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + CASES; seed++) checkProgram(engine, regime, seed);
    });
    Deno.test(`${engine}: slices of ${CUTS.join(", ")} steps leave one state behind, regime ${regime}`, () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + Math.ceil(CASES / 8); seed++) checkCuts(engine, regime, seed);
    });
  }
}
