/** Translator: regions come and go without the guest's noticing. @module */
import assert from "node:assert/strict";
import { worthWaiting } from "../../../../arch/riscv/engine/translator.ts";
import { F_REGISTERS, FIELD } from "../../../../arch/riscv/layout.ts";
import { updateFpAccess } from "../../../../arch/riscv/trap/mode.ts";
import { asm, li } from "../assemble.ts";
import { RAM as WORLD_RAM, World } from "../guest_world.ts";
import { type EngineName, Machine, RAM } from "./machine.ts";

const count = (rd: number) => asm("addi", { rd, rs1: rd, imm: 1 });
const jump = (imm: number) => asm("jal", { rd: 0, imm });

Deno.test("Translator translates at first execution, and a hot loop after a while", () => {
  for (const [engine, steps] of [["jit-always", 10], ["jit", 2_000_000]] as const) {
    const world = new World({ mode: "machine", arch: { engine } });
    world.write(WORLD_RAM, count(7), jump(-4));
    world.cpu.run(steps);
    assert.ok(world.guest.statistics().regions >= 1, engine);
    assert.equal(world.cpu.getGpr(7), BigInt(steps / 2));
    assert.equal(world.cpu.hart.state.get64(FIELD.steps), BigInt(steps));
  }
});

Deno.test("Translator leaves cold code to the interpreter", () => {
  const world = new World({ mode: "machine", arch: { engine: "jit" } });
  world.write(WORLD_RAM, count(7), jump(-4));
  world.cpu.run(20_000);
  assert.equal(world.guest.statistics().regions, 0);
});

Deno.test("Translator drops every region when there is no slot for one more", () => {
  const machine = new Machine("jit-always", { slots: 2 });
  for (let page = 0; page < 8; page++) {
    machine.write(RAM + page * 4096, count(7), jump(page < 7 ? 4092 : -7 * 4096 - 4));
  }
  assert.equal(machine.run(1600), 1600);
  assert.equal(machine.x(7), 800n);
  const { evictions, dropped, compiled } = machine.translator!.regions.counts;
  assert.ok(evictions > 10 && dropped >= evictions && compiled - dropped <= 2, `${evictions} ${dropped} ${compiled}`);
});

Deno.test("Translator keeps the regions that runs end in when there is no room for all", () => {
  const machine = new Machine("jit-always", { cacheBytes: 80_000 });
  const runAt = (address: number): void => {
    machine.hart.state.set64(FIELD.pc, BigInt(address));
    machine.run(20);
  };
  for (let i = 0; i < 40; i++) machine.write(RAM + i * 64, count(7), jump(-4));
  const { regions } = machine.translator!;
  runAt(RAM);
  const kept = regions.at(machine.ram);
  for (let i = 1; i < 40; i++) {
    runAt(RAM + i * 64);
    runAt(RAM);
  }
  assert.ok(regions.counts.evictions > 5);
  assert.ok(kept !== undefined && regions.at(machine.ram) === kept);
});

Deno.test("Translator drops the region that a store changes, not its neighbours on the page", () => {
  const machine = new Machine("jit-always");
  // Three loops of one page, each left after a while for the next one, the last for the first, by an address in a register.
  const until8 = [count(7), asm("andi", { rd: 8, rs1: 7, imm: 7 }), asm("bne", { rs1: 8, rs2: 0, imm: -8 })];
  for (let i = 0; i < 3; i++) {
    machine.write(RAM + i * 0x100, ...until8, asm("jalr", { rd: 0, rs1: 10 + (i + 1) % 3, imm: 0 }));
    machine.setX(10 + i, BigInt(RAM + i * 0x100));
  }
  machine.run(200);
  const { regions } = machine.translator!;
  const entries = [0, 0x100, 0x200].map((offset) => machine.ram + offset);
  assert.deepEqual(entries.map((entry) => regions.at(entry) !== undefined), [true, true, true]);
  machine.codePages.written(machine.ram + 0x180, 0x40);
  assert.equal(regions.counts.dropped, 0, "bytes between regions");
  machine.codePages.written(machine.ram + 0x108, 4);
  assert.deepEqual(entries.map((entry) => regions.at(entry) !== undefined), [true, false, true]);
  machine.run(200);
  assert.deepEqual(entries.map((entry) => regions.at(entry) !== undefined), [true, true, true]);
});

Deno.test("Translator hears of code that is written from outside, and of a page that is let go", () => {
  const world = new World({ mode: "machine", arch: { engine: "jit-always" } });
  world.write(WORLD_RAM, count(7), jump(-4));
  world.cpu.run(10);
  world.write(WORLD_RAM, count(8));
  world.cpu.run(10);
  assert.deepEqual([world.cpu.getGpr(7), world.cpu.getGpr(8)], [5n, 5n]);
  for (let i = 0; i < 300; i++) world.write(WORLD_RAM, count(9));
  assert.equal(world.guest.statistics().codePages, 0, "the page was written so often that it is not code any more");
  world.cpu.run(10);
  assert.equal(world.cpu.getGpr(9), 5n);
});

Deno.test("Translator: a store into the code that runs is seen by the next instruction", () => {
  for (const distance of [8, 12, 4096]) {
    const machine = new Machine("jit-always");
    machine.write(RAM, ...new Array(4).fill(count(7)), asm("sw", { rs1: 5, rs2: 6, imm: 0 }), count(7), jump(-24));
    if (distance === 4096) machine.write(RAM + distance, count(7));
    machine.setX(5, BigInt(distance === 4096 ? RAM + 20 : RAM + distance));
    machine.setX(6, BigInt(count(8)));
    machine.run(14);
    const [first, second] = distance === 4096 ? [8n, 2n] : [9n, 1n];
    assert.deepEqual([machine.x(7), machine.x(8)], [first, second], `store at ${distance}`);
  }
});

/** A function that calls itself, 500 levels deep, about to run. */
function makeDeepMachine(engine: EngineName): Machine {
  const machine = new Machine(engine);
  const [zero, ra, sp, n] = [0, 1, 2, 10];
  machine.write(
    RAM,
    ...li(n, 500),
    asm("jal", { rd: ra, imm: 8 }),
    jump(0),
    asm("addi", { rd: sp, rs1: sp, imm: -8 }), // the function: counts n down, calling itself
    asm("sd", { rs1: sp, rs2: ra, imm: 0 }),
    asm("beq", { rs1: n, rs2: zero, imm: 12 }),
    asm("addi", { rd: n, rs1: n, imm: -1 }),
    asm("jal", { rd: ra, imm: -16 }),
    count(7),
    asm("ld", { rd: ra, rs1: sp, imm: 0 }),
    asm("addi", { rd: sp, rs1: sp, imm: 8 }),
    asm("jalr", { rd: 0, rs1: ra, imm: 0 }),
  );
  machine.setX(sp, BigInt(RAM + 0x10000));
  return machine;
}

Deno.test("Translator: calls nest and return, too deep ones as well", () => {
  const machine = makeDeepMachine("jit-always");
  machine.run(6000);
  assert.deepEqual([machine.x(7), machine.x(2)], [501n, BigInt(RAM + 0x10000)]);
});

Deno.test("Translator: deep calls and their returns stop after any number of steps", () => {
  const [translated, oracle] = [makeDeepMachine("jit-always"), makeDeepMachine("oracle")];
  for (let steps = 1; steps < 140; steps++) {
    for (const machine of [translated, oracle]) machine.run(steps % 40 + 1);
    const states = [translated, oracle].map((
      machine,
    ) => [machine.hart.state.get64(FIELD.pc), machine.x(1), machine.x(2), machine.x(7), machine.x(10)]);
    assert.deepEqual(states[0], states[1], `piece ${steps}`);
  }
});

Deno.test("Translator: a region that runs on the second hart makes the second hart's FS dirty", () => {
  const world = new World({ mode: "machine", cpus: 2, arch: { engine: "jit-always" } });
  // Raises a flag and writes no f register.
  world.write(WORLD_RAM, asm("feq.d", { rd: 7, rs1: 1, rs2: 1 }), jump(-4));
  for (const cpu of world.cpus) {
    cpu.bind();
    const { state } = cpu.hart;
    state.set64(FIELD.pc, BigInt(WORLD_RAM));
    state.set(FIELD.mstatus, state.low(FIELD.mstatus) & ~0x6000 | 0x2000, state.high(FIELD.mstatus));
    updateFpAccess(cpu.hart);
  }
  const second = world.cpus[1];
  second.hart.state.set64(F_REGISTERS + 8, 0x7ff0_0000_0000_0001n);
  second.run(4);
  const fs = world.cpus.map((cpu) => cpu.hart.state.low(FIELD.mstatus) >> 13 & 3);
  assert.deepEqual(fs, [1, 3]);
});

Deno.test("Translator makes regions of what was executed, and one for the straight code that samples hit anywhere", () => {
  const machine = new Machine("jit", { hotSamples: 5, stepsBetweenSamples: 2 });
  const isZero = asm("beq", { rs1: 7, rs2: 0, imm: 16 });
  machine.write(
    RAM,
    count(7),
    count(8),
    count(9),
    count(10),
    count(11),
    isZero,
    jump(-24),
    count(12),
    count(13),
    count(14),
  );
  machine.run(995);
  const { regions } = machine.translator!;
  assert.equal(regions.counts.compiled, 1);
  assert.deepEqual(regions.at(machine.ram)!.ranges, [{ start: machine.ram, end: machine.ram + 28 }]);
  assert.ok(machine.translator!.counts.regionSteps > 975, "all but the first samples and the end");
  assert.deepEqual([7, 8, 9, 10, 11].map((x) => machine.x(x)), [143n, 142n, 142n, 142n, 142n]);
});

Deno.test("Translator: the cases of a switch are one region, which leaves for a case that is new, and counts every step", () => {
  // x7 counts up; case x7 % 4 adds 1 to x20 + case. Case 3 is not executed before the region is there.
  const program = [
    count(7),
    asm("and", { rd: 8, rs1: 7, rs2: 11 }),
    asm("slli", { rd: 8, rs1: 8, imm: 3 }),
    asm("add", { rd: 8, rs1: 8, rs2: 10 }),
    asm("jalr", { rd: 0, rs1: 8, imm: 0 }),
    ...[0, 1, 2, 3].flatMap((which) => [count(20 + which), jump(-24 - which * 8)]),
  ];
  for (const slices of [[5000], new Array<number>(50).fill(100)]) {
    const machine = new Machine("jit", { hotSamples: 1, stepsBetweenSamples: 40 });
    machine.write(RAM, ...program);
    machine.setX(10, BigInt(RAM + 20));
    machine.setX(11, 1n);
    for (const steps of slices) assert.equal(machine.run(steps), steps);
    assert.ok(machine.translator!.regions.counts.compiled >= 1);
    const rounds = machine.x(7);
    machine.setX(11, 3n);
    for (const steps of slices) assert.equal(machine.run(steps), steps);
    const sums = [20, 21, 22, 23].map((number) => machine.x(number));
    const total = sums.reduce((a, b) => a + b);
    assert.ok(machine.x(7) - total <= 1n, `${machine.x(7)} rounds, ${sums}`);
    assert.ok(sums[3] > 100n && sums[3] < rounds, `${sums}`);
    assert.ok(machine.translator!.counts.regionSteps > 1000);
  }
});

Deno.test("Translator: an atomic that writes the code of its own region is seen, in every engine", () => {
  // The loop adds to an instruction of its own: `addi x7, x7, 1` becomes `addi x7, x7, 2`, and so on.
  const program = [
    asm("addi", { rd: 9, rs1: 9, imm: 1 }),
    count(7),
    asm("andi", { rd: 8, rs1: 9, imm: 7 }),
    asm("bne", { rs1: 8, rs2: 0, imm: -12 }),
    asm("amoadd.w", { rd: 12, rs1: 10, rs2: 11 }),
    asm("fence.i", {}),
    jump(-24),
  ];
  const sums = (["oracle", "interpreter", "jit", "jit-always"] as const).map((engine) => {
    const machine = new Machine(engine, engine === "jit" ? { hotSamples: 2, stepsBetweenSamples: 3 } : {});
    machine.write(RAM, ...program);
    machine.setX(10, BigInt(RAM + 4));
    machine.setX(11, 1n << 20n);
    assert.equal(machine.run(1000), 1000);
    return [machine.x(7), machine.x(9), machine.x(12)];
  });
  assert.ok(sums[0][0] > 1000n, `${sums[0]}`);
  for (const sum of sums) assert.deepEqual(sum, sums[0]);
});

Deno.test("Translator: what is busy is compiled soon, what is one of many is when it pays", () => {
  /** Regions of `pages` pieces of code of 150 instructions, each in a page and leading to the next, after so many samples of each. */
  const regionsOf = (pages: number, samples: number): number => {
    const machine = new Machine("jit", { stepsBetweenSamples: 5 });
    for (let page = 0; page < pages; page++) {
      const next = page < pages - 1 ? 4096 : (1 - pages) * 4096;
      machine.write(RAM + page * 4096, ...Array.from({ length: 149 }, () => count(7)), jump(next - 149 * 4));
    }
    machine.run(5 * samples * pages);
    return machine.translator!.regions.counts.compiled;
  };
  assert.deepEqual([regionsOf(1, 60), regionsOf(1, 90)], [0, 1]);
  assert.deepEqual([regionsOf(4, 60), regionsOf(4, 90)], [0, 4]);
  assert.deepEqual([regionsOf(7, 60), regionsOf(20, 1200)], [0, 0], "fewer than a tenth of all samples each");
  assert.ok(regionsOf(20, 2700) > 10);
});

Deno.test("Translator: loops are unrolled where a tenth of all samples are theirs", () => {
  /** Mean length of the modules of `pages` pieces of code, each a small loop in a page, leading to the next. */
  const lengthOf = (pages: number): number => {
    const machine = new Machine("jit", { stepsBetweenSamples: 5 });
    const loop = [asm("addi", { rd: 5, rs1: 0, imm: 40 }), count(7), asm("addi", { rd: 5, rs1: 5, imm: -1 })];
    for (let page = 0; page < pages; page++) {
      const next = page < pages - 1 ? 4096 : (1 - pages) * 4096;
      machine.write(RAM + page * 4096, ...loop, asm("bne", { rs1: 5, rs2: 0, imm: -8 }), jump(next - 16));
    }
    machine.run(5 * 200 * pages);
    const { compiled, moduleBytes } = machine.translator!.regions.counts;
    assert.equal(compiled, pages);
    return moduleBytes / compiled;
  };
  assert.ok(lengthOf(3) > 1.1 * lengthOf(20), `${lengthOf(3)} and ${lengthOf(20)} bytes`);
});

Deno.test("worthWaiting: a larger region waits for longer, above all while a system starts, unless its line is busy", () => {
  const rare = { share: 0.01, all: 1000 };
  assert.equal(worthWaiting({ ...rare, samples: 60 }, 5), undefined);
  assert.equal(worthWaiting({ ...rare, samples: 60 }, 8), 96, "8 instructions wait for 12 samples each");
  assert.equal(worthWaiting({ ...rare, samples: 96 }, 8), undefined);
  assert.equal(
    worthWaiting({ ...rare, samples: 60 }, 100),
    120,
    "looked at again at twice the samples: by then it may be busy",
  );
  assert.equal(worthWaiting({ ...rare, samples: 60, share: 0.1 }, 100), undefined, "busy");
  assert.equal(worthWaiting({ ...rare, samples: 60, share: 0.1 }, 200), 100, "half a sample each, even then");
  const later = { share: 0.01, all: 30_000 };
  assert.equal(worthWaiting({ ...later, samples: 60 }, 60), undefined);
  assert.equal(worthWaiting({ ...later, samples: 60 }, 100), 100);
});
