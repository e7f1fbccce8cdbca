/** RiscvVCpu: what an access to a device does to registers, pc and counters, in both modes and with both engines. @module */
import assert from "node:assert/strict";
import type { VmMode } from "../../../core/arch_vcpu.ts";
import type { AxVCpuExitReason, MmioReadExit, MmioWriteExit } from "../../../core/exit.ts";
import { ENGINE_NAMES } from "../../../arch/riscv/hart.ts";
import { F_REGISTERS, FIELD } from "../../../arch/riscv/layout.ts";
import { updateFpAccess } from "../../../arch/riscv/trap/mode.ts";
import { asm, csrr, csrw } from "./assemble.ts";
import { DEVICE, RAM, World } from "./guest_world.ts";

const MODES: readonly VmMode[] = ["guest", "machine"];

/** Causes as the guest's own trap registers show them. */
const LOAD_ACCESS = 5n;
const STORE_ACCESS = 7n;

const HANDLER = RAM + 0x400;

/** A world whose first CPU is about to execute `code` with x5 = device, x6 = all bits of a pattern, floating point on. */
function world(mode: VmMode, engine: string, code: number[] | { halves: number[] }): World {
  const made = new World({ mode, arch: { engine } });
  if (Array.isArray(code)) made.write(RAM, ...code);
  else made.writeHalves(RAM, ...code.halves);
  made.write(HANDLER, asm("jal", { rd: 0, imm: 0 }));
  for (const register of [2, 5, 8]) made.cpu.setGpr(register, BigInt(DEVICE));
  for (const register of [6, 9]) made.cpu.setGpr(register, 0x8899_aabb_ccdd_eeffn);
  const { state } = made.cpu.hart;
  state.set(FIELD.mstatus, state.low(FIELD.mstatus) & ~0x6000 | 0x2000, state.high(FIELD.mstatus));
  state.set(FIELD.vsstatus, state.low(FIELD.vsstatus) & ~0x6000 | 0x2000, state.high(FIELD.vsstatus));
  state.set64(FIELD[mode === "machine" ? "mtvec" : "vstvec"], BigInt(HANDLER));
  updateFpAccess(made.cpu.hart);
  return made;
}

function isRead(exit: AxVCpuExitReason): asserts exit is MmioReadExit {
  assert.equal(exit.kind, "MmioRead");
}

function isWrite(exit: AxVCpuExitReason): asserts exit is MmioWriteExit {
  assert.equal(exit.kind, "MmioWrite");
}

/** Cause and value that the guest's handler finds. */
function guestTrap(made: World, mode: VmMode): [bigint, bigint] {
  const { state } = made.cpu.hart;
  assert.equal(made.cpu.getPc(), BigInt(HANDLER), "the guest is in its handler");
  return mode === "machine"
    ? [state.get64(FIELD.mcause), state.get64(FIELD.mtval)]
    : [state.get64(FIELD.vscause), state.get64(FIELD.vstval)];
}

/** Runs a test in both modes with both engines. */
function everywhere(name: string, test: (mode: VmMode, engine: string) => void): void {
  for (const mode of MODES) {
    for (const engine of ENGINE_NAMES) Deno.test(`${name} (${mode} mode, ${engine})`, () => test(mode, engine));
  }
}

const LOADS: readonly [name: string, width: number, signed: boolean, value: bigint][] = [
  ["lb", 1, true, 0xffff_ffff_ffff_ffffn],
  ["lbu", 1, false, 0xffn],
  ["lh", 2, true, 0xffff_ffff_ffff_eeffn],
  ["lhu", 2, false, 0xeeffn],
  ["lw", 4, true, 0xffff_ffff_ccdd_eeffn],
  ["lwu", 4, false, 0xccdd_eeffn],
  ["ld", 8, true, 0x8899_aabb_ccdd_eeffn],
];

everywhere(
  "RiscvVCpu: loads of every width leave as MmioRead and are extended as the instruction says",
  (mode, engine) => {
    for (const [name, width, signed, value] of LOADS) {
      const made = world(mode, engine, [asm(name, { rd: 7, rs1: 5, imm: 8 })]);
      const exit = made.run();
      isRead(exit);
      assert.deepEqual([exit.addr, exit.width, exit.reg, exit.signedExt], [DEVICE + 8, width, 7, signed], name);
      assert.equal(made.cpu.getPc(), BigInt(RAM), "pc stays until the access is complete");
      made.cpu.completeMmioRead(0xccddeeff, width === 8 ? 0x8899aabb : 0);
      assert.equal(made.cpu.getGpr(7), value, name);
      assert.equal(made.cpu.getPc(), BigInt(RAM + 4), name);
    }
  },
);

everywhere("RiscvVCpu: a load from a device into x0 changes no register", (mode, engine) => {
  const made = world(mode, engine, [asm("lw", { rd: 0, rs1: 5, imm: 0 })]);
  isRead(made.run());
  made.cpu.completeMmioRead(5, 0);
  assert.equal(made.cpu.getGpr(0), 0n);
  assert.equal(made.cpu.getPc(), BigInt(RAM + 4));
});

everywhere("RiscvVCpu: stores of every width leave as MmioWrite with the bits of that width", (mode, engine) => {
  const stores: [string, number, number, number][] = [
    ["sb", 1, 0xff, 0],
    ["sh", 2, 0xeeff, 0],
    ["sw", 4, 0xccddeeff, 0],
    ["sd", 8, 0xccddeeff, 0x8899aabb],
  ];
  for (const [name, width, low, high] of stores) {
    const made = world(mode, engine, [asm(name, { rs2: 6, rs1: 5, imm: -8 })]);
    const exit = made.run();
    isWrite(exit);
    assert.deepEqual([exit.addr, exit.width, exit.low, exit.high], [DEVICE - 8, width, low, high], name);
    assert.equal(made.cpu.getPc(), BigInt(RAM), name);
    made.cpu.completeMmioWrite();
    assert.equal(made.cpu.getPc(), BigInt(RAM + 4), name);
  }
});

everywhere("RiscvVCpu: compressed loads and stores, relative to sp too, are two bytes long", (mode, engine) => {
  const cases: [string, number, number, boolean, number][] = [
    ["c.lw x9,0(x8)", 0x4004, 4, false, 9],
    ["c.ld x9,0(x8)", 0x6004, 8, false, 9],
    ["c.sw x9,0(x8)", 0xc004, 4, true, 9],
    ["c.sd x9,0(x8)", 0xe004, 8, true, 9],
    ["c.lwsp x9,0", 0x4482, 4, false, 9],
    ["c.ldsp x9,0", 0x6482, 8, false, 9],
    ["c.swsp x9,0", 0xc026, 4, true, 9],
    ["c.sdsp x9,0", 0xe026, 8, true, 9],
  ];
  for (const [name, half, width, write, register] of cases) {
    const made = world(mode, engine, { halves: [half, 0x0001] });
    const exit = made.run();
    if (write) {
      isWrite(exit);
      assert.deepEqual([exit.addr, exit.width, exit.low], [DEVICE, width, 0xccddeeff], name);
      made.cpu.completeMmioWrite();
    } else {
      isRead(exit);
      assert.deepEqual([exit.addr, exit.width, exit.reg], [DEVICE, width, register], name);
      made.cpu.completeMmioRead(0x80000001, 0);
      assert.equal(made.cpu.getGpr(register), width === 4 ? 0xffff_ffff_8000_0001n : 0x8000_0001n, name);
    }
    assert.equal(made.cpu.getPc(), BigInt(RAM + 2), name);
  }
});

everywhere(
  "RiscvVCpu: float loads from a device box singles and make FS dirty; float stores write raw bits",
  (mode, engine) => {
    const cases: [number[] | { halves: number[] }, number, number][] = [
      [[asm("flw", { rd: 8, rs1: 5, imm: 0 })], 4, 4],
      [[asm("fld", { rd: 8, rs1: 5, imm: 0 })], 8, 4],
      [{ halves: [0x2000, 1] }, 8, 2], // c.fld f8,0(x8)
      [{ halves: [0x2402, 1] }, 8, 2], // c.fldsp f8,0
    ];
    for (const [code, width, length] of cases) {
      const made = world(mode, engine, code);
      const { state } = made.cpu.hart;
      const exit = made.run();
      isRead(exit);
      assert.equal(exit.width, width);
      made.cpu.completeMmioRead(0x3f800000, 0x40000000);
      const expected = width === 4 ? 0xffff_ffff_3f80_0000n : 0x4000_0000_3f80_0000n;
      assert.equal(state.get64(F_REGISTERS + 64), expected);
      assert.equal(made.cpu.getPc(), BigInt(RAM + length));
      assert.equal(state.low(FIELD.mstatus) & 0x6000, 0x6000, "mstatus.FS");
      assert.equal(state.high(FIELD.mstatus) < 0, true, "mstatus.SD");
      if (mode === "guest") assert.equal(state.low(FIELD.vsstatus) & 0x6000, 0x6000, "vsstatus.FS");
    }
    const made = world(mode, engine, [asm("fsw", { rs2: 8, rs1: 5, imm: 0 }), asm("fsd", { rs2: 8, rs1: 5, imm: 0 })]);
    made.cpu.hart.state.set64(F_REGISTERS + 64, 0x1122_3344_5566_7788n);
    const single = made.run();
    isWrite(single);
    assert.deepEqual([single.width, single.low, single.high], [4, 0x55667788, 0]);
    made.cpu.completeMmioWrite();
    const double = made.run();
    isWrite(double);
    assert.deepEqual([double.width, double.low, double.high], [8, 0x55667788, 0x11223344]);
  },
);

everywhere("RiscvVCpu: an AMO on a device reads, then writes, then moves on", (mode, engine) => {
  const made = world(mode, engine, [asm("amoadd.w", { rd: 7, rs1: 5, rs2: 6 })]);
  isRead(made.run());
  made.cpu.completeMmioRead(0x80000000, 0);
  assert.equal(made.cpu.getGpr(7), 0n, "rd is written at the end");
  const exit = made.run();
  isWrite(exit);
  assert.deepEqual([exit.addr, exit.width, exit.low, exit.high], [DEVICE, 4, (0x80000000 + 0xccddeeff) % 2 ** 32, 0]);
  assert.equal(made.cpu.getPc(), BigInt(RAM));
  made.cpu.completeMmioWrite();
  assert.equal(made.cpu.getGpr(7), 0xffff_ffff_8000_0000n);
  assert.equal(made.cpu.getPc(), BigInt(RAM + 4));
});

everywhere("RiscvVCpu: AMOs on a device compute as on memory", (mode, engine) => {
  const old = 0x8000_0000_0000_0001n;
  const operand = 0x8899_aabb_ccdd_eeffn;
  const cases: [string, bigint][] = [
    ["amoswap.d", operand],
    ["amoadd.d", BigInt.asUintN(64, old + operand)],
    ["amoxor.d", old ^ operand],
    ["amoand.d", old & operand],
    ["amoor.d", old | operand],
    ["amomin.d", old],
    ["amomax.d", operand],
    ["amominu.d", old],
    ["amomaxu.d", operand],
  ];
  for (const [name, value] of cases) {
    const made = world(mode, engine, [asm(name, { rd: 6, rs1: 5, rs2: 6 })]);
    isRead(made.run());
    made.cpu.completeMmioRead(Number(old & 0xffffffffn), Number(old >> 32n));
    const exit = made.run();
    isWrite(exit);
    assert.equal((BigInt(exit.high) << 32n) | BigInt(exit.low), value, name);
    made.cpu.completeMmioWrite();
    assert.equal(made.cpu.getGpr(6), old, name);
  }
});

everywhere("RiscvVCpu: LR and SC on a device are access faults of the guest", (mode, engine) => {
  const lr = world(mode, engine, [asm("lr.w", { rd: 7, rs1: 5 })]);
  lr.run(3);
  assert.deepEqual(guestTrap(lr, mode), [LOAD_ACCESS, BigInt(DEVICE)]);
  const sc = world(mode, engine, [asm("sc.w", { rd: 7, rs1: 5, rs2: 6 })]);
  sc.run(3);
  assert.deepEqual(guestTrap(sc, mode), [STORE_ACCESS, BigInt(DEVICE)]);
});

everywhere("RiscvVCpu: misaligned accesses to devices, crossing into them too, are access faults", (mode, engine) => {
  const cases: [number, bigint, bigint, bigint][] = [
    [asm("lw", { rd: 7, rs1: 5, imm: 0 }), BigInt(DEVICE + 2), LOAD_ACCESS, BigInt(DEVICE + 2)],
    [asm("sd", { rs2: 6, rs1: 5, imm: 0 }), BigInt(DEVICE + 4), STORE_ACCESS, BigInt(DEVICE + 4)],
    // The last bytes of the page below RAM, and of RAM itself: the other page is RAM, or is not.
    [asm("ld", { rd: 7, rs1: 5, imm: 0 }), BigInt(RAM - 4), LOAD_ACCESS, BigInt(RAM - 4)],
    [asm("sd", { rs2: 6, rs1: 5, imm: 0 }), BigInt(RAM + 0x80000 - 4), STORE_ACCESS, BigInt(RAM + 0x80000)],
    [asm("lw", { rd: 7, rs1: 5, imm: 0 }), BigInt(RAM + 0x80000 - 2), LOAD_ACCESS, BigInt(RAM + 0x80000)],
  ];
  for (const [word, address, cause, value] of cases) {
    const made = world(mode, engine, [word]);
    made.cpu.setGpr(5, address);
    assert.equal(made.run(3).kind, "Nothing");
    assert.deepEqual(guestTrap(made, mode), [cause, value], `0x${address.toString(16)}`);
  }
});

everywhere(
  "RiscvVCpu.injectFault: the guest takes an access fault at the instruction, of the instruction's kind",
  (mode, engine) => {
    const cases: [number, bigint, "read" | "write"][] = [
      [asm("lw", { rd: 7, rs1: 5, imm: 4 }), LOAD_ACCESS, "read"],
      [asm("sw", { rs2: 6, rs1: 5, imm: 4 }), STORE_ACCESS, "write"],
      // The bus refuses an AMO's read: the AMO is a store all the same.
      [asm("amoadd.w", { rd: 7, rs1: 8, rs2: 6 }), STORE_ACCESS, "read"],
    ];
    for (const [word, cause, access] of cases) {
      const made = world(mode, engine, [word]);
      made.cpu.setGpr(8, BigInt(DEVICE + 4));
      made.run();
      made.cpu.injectFault("access", access);
      assert.deepEqual(guestTrap(made, mode), [cause, BigInt(DEVICE + 4)]);
      const { state } = made.cpu.hart;
      assert.equal(state.get64(mode === "machine" ? FIELD.mepc : FIELD.vsepc), BigInt(RAM));
      assert.equal(made.run(5).kind, "Nothing", "the guest goes on in its handler");
    }
  },
);

everywhere(
  "RiscvVCpu: an access to a device is one step and one retired instruction; a faulting one retires nothing",
  (mode, engine) => {
    const made = world(mode, engine, [
      asm("addi", { rd: 1, rs1: 0, imm: 1 }),
      asm("lw", { rd: 7, rs1: 5, imm: 0 }),
      asm("sw", { rs2: 6, rs1: 5, imm: 0 }),
      asm("amoadd.w", { rd: 7, rs1: 5, rs2: 6 }),
      csrr(10, 0xc02),
      csrr(11, 0xc00),
    ]);
    made.cpu.hart.state.set(FIELD.mcounteren, -1, 0);
    let steps = 0;
    for (let i = 0; i < 10; i++) {
      const exit = made.cpu.run(6 - steps);
      steps += made.cpu.steps;
      if (exit.kind === "MmioRead") made.cpu.completeMmioRead(1, 0);
      if (exit.kind === "MmioWrite") made.cpu.completeMmioWrite();
      if (steps === 6) break;
    }
    assert.equal(steps, 6);
    assert.equal(made.cpu.getGpr(10), 4n, "instret");
    assert.equal(made.cpu.getGpr(11), 5n, "cycle");

    const faulting = world(mode, engine, [asm("lw", { rd: 7, rs1: 5, imm: 0 })]);
    faulting.cpu.hart.state.set(FIELD.mcounteren, -1, 0);
    faulting.write(HANDLER, csrr(10, 0xc02));
    faulting.run();
    faulting.cpu.injectFault("access", "read");
    faulting.cpu.run(1);
    assert.equal(faulting.cpu.getGpr(10), 0n);
  },
);

everywhere("RiscvVCpu: WFI leaves as Halt behind itself, and an interrupt wakes it", (mode, engine) => {
  const made = world(mode, engine, [asm("wfi"), asm("addi", { rd: 7, rs1: 0, imm: 7 })]);
  const line = made.guest.interruptLine("cpu0/supervisor-external")!;
  made.cpu.hart.state.set64(FIELD.mie, 0xfffn);
  assert.equal(made.run().kind, "Halt");
  assert.equal(made.cpu.steps, 1);
  assert.equal(made.cpu.getPc(), BigInt(RAM + 4));
  assert.equal(made.cpu.hasPendingInterrupt(), false);
  line.set(true);
  assert.equal(made.cpu.hasPendingInterrupt(), true);
  made.cpu.hart.state.set64(FIELD.mie, 0n);
  made.cpu.run(1);
  assert.equal(made.cpu.getGpr(7), 7n);
});

everywhere("RiscvVCpu.kick ends the next run before it begins, once", (mode, engine) => {
  const made = world(mode, engine, [asm("addi", { rd: 7, rs1: 7, imm: 1 }), asm("jal", { rd: 0, imm: -4 })]);
  made.cpu.kick();
  assert.deepEqual([made.cpu.run(100).kind, made.cpu.steps], ["Nothing", 0]);
  assert.deepEqual([made.cpu.run(100).kind, made.cpu.steps], ["Nothing", 100]);
});

everywhere(
  "RiscvVCpu.save and restore carry a CPU in the middle of an AMO on a device into another VM",
  (mode, engine) => {
    const code = [asm("amoadd.w", { rd: 7, rs1: 5, rs2: 6 }), asm("addi", { rd: 10, rs1: 7, imm: 1 })];
    const first = world(mode, engine, code);
    isRead(first.run());
    first.cpu.completeMmioRead(41, 0);
    const saved = structuredClone(first.cpu.save());

    const second = world(mode, engine, code);
    for (let i = 1; i < 32; i++) second.cpu.setGpr(i, 99n);
    second.cpu.restore(saved);
    const exit = second.run();
    isWrite(exit);
    assert.equal(exit.low, (41 + 0xccddeeff) % 2 ** 32);
    second.cpu.completeMmioWrite();
    second.cpu.run(1);
    assert.equal(second.cpu.getGpr(10), 42n);
  },
);

everywhere(
  "RiscvVCpu.restore keeps a reservation, so that SC succeeds in the restored VM as in the saved one",
  (mode, engine) => {
    const code = [asm("lr.d", { rd: 7, rs1: 12 }), asm("sc.d", { rd: 10, rs1: 12, rs2: 6 })];
    const run = (made: World): World => {
      made.cpu.setGpr(12, BigInt(RAM + 0x1000));
      made.cpu.run(1);
      return made;
    };
    const first = run(world(mode, engine, code));
    const second = world(mode, engine, code);
    // Other frames than the first VM's hold the same guest memory.
    if (mode === "guest") second.space.unmap(RAM + 0x1000, 0x1000);
    if (mode === "guest") second.space.mapAlloc(RAM + 0x1000, 0x1000, 31, true);
    second.cpu.restore(structuredClone(first.cpu.save()));
    second.cpu.bind();
    second.cpu.run(1);
    assert.equal(second.cpu.getGpr(10), 0n);
    assert.equal(second.read64(RAM + 0x1000), 0x8899_aabb_ccdd_eeffn);
  },
);

everywhere("RiscvVCpu.bind ends the reservation of the CPU that was there before", (mode, engine) => {
  const made = new World({ mode, cpus: 2, arch: { engine } });
  made.write(RAM, asm("lr.w", { rd: 7, rs1: 12 }), asm("sc.w", { rd: 10, rs1: 12, rs2: 0 }));
  made.cpu.setGpr(12, BigInt(RAM + 0x1000));
  made.cpu.run(1);
  made.cpu.unbind();
  made.cpus[1].bind();
  made.cpus[1].unbind();
  made.cpu.bind();
  made.cpu.run(1);
  assert.equal(made.cpu.getGpr(10), 1n);
});

everywhere("RiscvVCpu: two CPUs on one window keep registers, floats, CSRs and timers of their own", (mode, engine) => {
  const made = new World({ mode, cpus: 2, arch: { engine } });
  const scratch = mode === "machine" ? 0x340 : 0x140;
  made.write(RAM, csrw(scratch, 10), asm("fmv.d.x", { rd: 3, rs1: 10 }), asm("jal", { rd: 0, imm: 0 }));
  for (const [index, cpu] of made.cpus.entries()) {
    const { state } = cpu.hart;
    state.set(FIELD.mstatus, state.low(FIELD.mstatus) | 0x2000, state.high(FIELD.mstatus));
    state.set(FIELD.vsstatus, state.low(FIELD.vsstatus) | 0x2000, state.high(FIELD.vsstatus));
    state.setWord(FIELD.fpAccess, 1);
    state.set64(FIELD.vstimecmp, BigInt(1000 + index));
    cpu.setGpr(10, BigInt(index + 7));
  }
  made.cpus[0].injectInterrupt(2);
  for (let turn = 0; turn < 4; turn++) {
    const cpu = made.cpus[turn % 2];
    cpu.bind();
    cpu.run(5);
    cpu.unbind();
  }
  for (const [index, cpu] of made.cpus.entries()) {
    const { state } = cpu.hart;
    assert.equal(state.get64(mode === "machine" ? FIELD.mscratch : FIELD.vsscratch), BigInt(index + 7));
    assert.equal(state.get64(F_REGISTERS + 24), BigInt(index + 7));
    assert.equal(state.get64(FIELD.vstimecmp), BigInt(1000 + index));
    assert.equal(state.low(FIELD.hvip), index === 0 ? 4 : 0);
  }
});
