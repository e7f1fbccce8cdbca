/** RiscvPerCpu: virtualisation hardware that is software. @module */
import assert from "node:assert/strict";
import { RiscvPerCpu } from "../../../arch/riscv/per_cpu.ts";

Deno.test("RiscvPerCpu is off until enabled, and has five levels", () => {
  const cpu = new RiscvPerCpu();
  assert.equal(cpu.isEnabled(), false);
  cpu.hardwareEnable();
  assert.equal(cpu.isEnabled(), true);
  cpu.hardwareDisable();
  assert.equal(cpu.isEnabled(), false);
  assert.equal(cpu.maxGuestPageTableLevels(), 5);
});
