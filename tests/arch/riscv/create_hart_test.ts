/** SoftwareHart: runs, requests, the window, and state that moves between harts. @module */
import assert from "node:assert/strict";
import { ENGINE_NAMES } from "../../../arch/riscv/hart.ts";
import { ExitRequest, FIELD } from "../../../arch/riscv/layout.ts";
import { asm } from "./assemble.ts";
import { RAM, World } from "./guest_world.ts";

const LOOP = [asm("addi", { rd: 7, rs1: 7, imm: 1 }), asm("jal", { rd: 0, imm: -4 })];

Deno.test("SoftwareHart.run uses exactly its budget, however it is cut up, with every engine", () => {
  for (const engine of ENGINE_NAMES) {
    for (const budget of [1, 2, 7, 1000]) {
      const world = new World({ mode: "machine", arch: { engine } });
      world.write(RAM, ...LOOP);
      const { hart } = world.cpu;
      let steps = 0;
      while (steps < 1000) {
        assert.equal(hart.run(Math.min(budget, 1000 - steps)), ExitRequest.NONE);
        steps += hart.stepsOfRun;
      }
      assert.equal(steps, 1000);
      assert.equal(hart.state.get64(FIELD.steps), 1000n);
      assert.equal(world.cpu.getGpr(7), 500n);
    }
  }
});

Deno.test("SoftwareHart.requestExit keeps the request that matters most", () => {
  const { hart } = new World().cpu;
  const { WAIT, RESCHEDULE, MMIO, NESTED_FAULT } = ExitRequest;
  for (
    const [requests, kept] of [[[RESCHEDULE, WAIT], WAIT], [[MMIO, RESCHEDULE], MMIO], [
      [RESCHEDULE, NESTED_FAULT],
      NESTED_FAULT,
    ]] as const
  ) {
    hart.state.setWord(FIELD.exitRequest, 0);
    for (const request of requests) hart.requestExit(request);
    assert.equal(hart.state.word(FIELD.exitRequest), kept);
  }
});

Deno.test("SoftwareHart.bind moves the state of one hart out of the window and of another in", () => {
  const { cpus } = new World({ mode: "machine", cpus: 3 });
  cpus.forEach((cpu, index) => cpu.setGpr(9, BigInt(index + 1)));
  for (const index of [1, 2, 0, 2]) {
    cpus[index].bind();
    assert.deepEqual(cpus.map((cpu) => cpu.getGpr(9)), [1n, 2n, 3n]);
  }
});

Deno.test("SoftwareHart.reset clears registers and counters but leaves wires alone", () => {
  const world = new World({ mode: "machine" });
  world.write(RAM, ...LOOP);
  world.guest.interruptLine("cpu0/machine-external")!.set(true);
  world.cpu.run(10);
  world.cpu.hart.reset();
  const { state } = world.cpu.hart;
  assert.deepEqual([world.cpu.getGpr(7), state.get64(FIELD.steps), state.word(FIELD.lines)], [0n, 0n, 1 << 11]);
});

Deno.test("SoftwareHart.restoreState forgets cached translations and reservations that lead nowhere", () => {
  const world = new World({ mode: "machine" });
  world.write(RAM, asm("lr.w", { rd: 7, rs1: 5 }));
  world.cpu.setGpr(5, BigInt(RAM + 0x2000));
  world.cpu.run(1);
  const { hart } = world.cpu;
  const saved = hart.state.bytes();
  assert.notEqual(hart.state.word(FIELD.reservation), -1);
  world.space.unmap(RAM + 0x2000, 0x1000);
  hart.restoreState(saved);
  assert.equal(hart.state.word(FIELD.reservation), -1);
});
