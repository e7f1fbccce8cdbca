/** RiscvGuest: wires by name, the `[arch]` table, boot arguments, memory needed. @module */
import assert from "node:assert/strict";
import { riscv } from "../../../arch/riscv/mod.ts";
import { riscvMemoryNeeded } from "../../../arch/riscv/guest.ts";
import { FIELD } from "../../../arch/riscv/layout.ts";
import { MAX_CPUS, MAX_MEMORY } from "../../../core/config_keys.ts";
import { asm } from "./assemble.ts";
import { RAM, World } from "./guest_world.ts";

Deno.test("RiscvGuest.interruptLine: wires that the mode has, and no others", () => {
  const guest = new World({ cpus: 2 }).guest;
  const machine = new World({ mode: "machine" }).guest;
  for (const name of ["cpu0/supervisor-external", "cpu1/supervisor-external"]) {
    assert.ok(guest.interruptLine(name), name);
  }
  for (const name of ["cpu0/machine-timer", "cpu2/supervisor-external", "cpu0", "cpux/supervisor-external", ""]) {
    assert.equal(guest.interruptLine(name), undefined, name);
  }
  for (const wire of ["machine-software", "machine-timer", "machine-external", "supervisor-external"]) {
    assert.ok(machine.interruptLine(`cpu0/${wire}`), wire);
  }
});

Deno.test("RiscvGuest.interruptLine: a wire is a level, in the bit of its mode", () => {
  for (const [mode, bit] of [["guest", 10], ["machine", 9]] as const) {
    const world = new World({ mode });
    const line = world.guest.interruptLine("cpu0/supervisor-external")!;
    line.set(true);
    line.set(true);
    assert.equal(world.cpu.hart.state.word(FIELD.lines), 1 << bit);
    line.set(false);
    assert.equal(world.cpu.hart.state.word(FIELD.lines), 0);
  }
});

Deno.test("RiscvGuest: every nested mode has its hgatp, and its root is 16 KiB-aligned", () => {
  for (const [levels, mode] of [[3, 8], [4, 9], [5, 10]]) {
    const world = new World({ arch: { nested_levels: levels } });
    assert.equal(world.cpu.hart.state.get64(FIELD.hgatp) >> 60n, BigInt(mode));
    assert.equal(world.space.root % 16384, 0);
    world.write(RAM, 0x00000013, 0x0000006f);
    assert.equal(world.run(3).kind, "Nothing");
    assert.equal(world.cpu.getPc(), BigInt(RAM + 4));
  }
});

Deno.test("RiscvGuest refuses what the [arch] table must not say, and says what it may", () => {
  assert.throws(
    () => new World({ arch: { nested_level: 3 } }),
    /Unknown key 'arch.nested_level'; known: nested_levels, engine, code_cache/,
  );
  assert.throws(() => new World({ arch: { nested_levels: 2 } }), /Cannot use 2 as arch.nested_levels: give 3, 4 or 5/);
  assert.throws(
    () => new World({ arch: { engine: "jot" } }),
    /Cannot use "jot" as arch.engine: give jit, interpreter, jit-always or oracle/,
  );
  for (const code_cache of [1000, 2 ** 33, 2 ** 20 + 0.5, "1M"]) {
    assert.throws(
      () => new World({ arch: { code_cache } }),
      /as arch.code_cache: give bytes from 1048576 to 4294967296/,
    );
  }
});

Deno.test("RiscvGuest.boot puts the CPU's number and the device tree into a0 and a1", () => {
  const world = new World({ cpus: 2 });
  world.guest.boot(world.cpus[1], 1, 0x1_2345_6000);
  assert.deepEqual([world.cpus[1].getGpr(10), world.cpus[1].getGpr(11)], [1n, 0x1_2345_6000n]);
});

Deno.test("RiscvGuest.startsAllCpus: in machine mode every hart leaves reset by itself", () => {
  assert.equal(new World().guest.startsAllCpus, false);
  assert.equal(new World({ mode: "machine" }).guest.startsAllCpus, true);
});

Deno.test("RiscvGuest.statistics counts pages of code, and reset lets them go", () => {
  const world = new World();
  world.write(RAM, 0x0000006f);
  world.cpu.run(5);
  assert.equal(world.guest.statistics().codePages, 1);
  world.guest.reset();
  assert.equal(world.guest.statistics().codePages, 0);
  assert.equal(world.cpu.run(5).kind, "Nothing");
});

Deno.test("RiscvGuest.reset forgets what was hot", () => {
  const world = new World({ arch: { engine: "jit" } });
  world.write(RAM, 0x0000006f);
  const regionsAfter = (steps: number): number => {
    world.cpu.run(steps);
    return world.guest.statistics().regions;
  };
  // A loop is hot after 600,000 steps.
  assert.equal(regionsAfter(400_000), 0);
  world.guest.reset();
  assert.equal(regionsAfter(400_000), 0);
  assert.equal(regionsAfter(400_000), 1);
});

Deno.test("RiscvGuest.statistics counts calls of the firmware, and fills and flushes of translation tables, of all CPUs", () => {
  const world = new World({ cpus: 2 });
  const call = asm("ecall", {});
  const load = asm("ld", { rd: 5, rs1: 6, imm: 0 });
  const store = asm("sd", { rs1: 6, rs2: 5, imm: 0 });
  world.write(RAM, call, call, load, store, load, asm("sfence.vma", { rs1: 0, rs2: 0 }), store, 0x0000006f);
  for (const cpu of world.cpus) {
    cpu.bind();
    cpu.hart.state.setX(6, RAM + 0x2000 | 0, 0);
    cpu.hart.state.setX(17, 0x10, 0);
    world.run(20, cpu);
  }
  const { sbiCalls, tlbReads, tlbWrites, tlbFetches, tlbFlushes } = world.guest.statistics();
  // A load and a store that miss enter the page for both; the page of code is fetched from anew after the fence.
  assert.deepEqual([sbiCalls, tlbReads, tlbWrites, tlbFetches, tlbFlushes], [4, 4, 4, 4, 2]);
});

Deno.test("riscvMemoryNeeded grows with CPUs and guest memory, and has a limit", () => {
  assert.ok(riscvMemoryNeeded(2, 1 << 26) > riscvMemoryNeeded(1, 1 << 26));
  assert.ok(riscvMemoryNeeded(1, 1 << 22) > riscvMemoryNeeded(1, 1 << 20));
  assert.equal(riscvMemoryNeeded(1, 2 ** 31), riscvMemoryNeeded(1, 2 ** 30));
  for (const cpus of [1, 8, 16, MAX_CPUS]) {
    assert.ok(riscvMemoryNeeded(cpus, MAX_MEMORY) + MAX_MEMORY * 257 / 256 < 2 ** 32 - 2 ** 28, `${cpus} CPUs fit`);
  }
  assert.equal(riscv.memoryNeeded, riscvMemoryNeeded);
});

Deno.test("riscv is the architecture of ELF machine 243", () => {
  assert.deepEqual([riscv.name, riscv.elfMachine], ["riscv", 243]);
});
