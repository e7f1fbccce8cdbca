/** Traps, counters, FS, interrupts and code that changes, on every engine (Privileged ISA, "Machine-Level ISA"). @module */
import assert from "node:assert/strict";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { setLine } from "../../../../arch/riscv/trap/interrupts.ts";
import { setMode, updateFpAccess } from "../../../../arch/riscv/trap/mode.ts";
import { asm, csrr, csrw } from "../assemble.ts";
import { RAM } from "../guest_world.ts";
import { everyEngine, HANDLER, MIN, ONES, SPIN } from "./directed.ts";

everyEngine("FS off: every use of floating point is an illegal instruction, never a virtual one", (make) => {
  const words = [
    asm("fadd.s", { rd: 3, rs1: 1, rs2: 2 }),
    asm("fld", { rd: 1, rs1: 5, imm: 0 }),
    asm("fsw", { rs1: 5, rs2: 1, imm: 0 }),
    asm("fmv.x.d", { rd: 7, rs1: 1 }),
    csrr(7, 1),
    csrw(2, 0),
  ];
  for (const word of words) {
    for (const [privilege, virtual] of [[3, 0], [1, 0], [0, 0], [1, 1], [0, 1]]) {
      const machine = make(word);
      machine.fs = 0;
      setMode(machine.world.cpu.hart, privilege, virtual);
      assert.deepEqual(machine.steps(1).trap(), [2n, BigInt(word >>> 0), BigInt(RAM)]);
    }
    for (const off of ["mstatus", "vsstatus"] as const) {
      const machine = make(word);
      const { state } = machine.world.cpu.hart;
      state.set(FIELD[off], state.low(FIELD[off]) & ~0x6000, state.high(FIELD[off]));
      setMode(machine.world.cpu.hart, 1, 1);
      updateFpAccess(machine.world.cpu.hart);
      assert.equal(machine.steps(1).trap()[0], 2n, `${off}.FS`);
    }
  }
});

everyEngine("FS becomes dirty with what changes floating-point state, and with nothing else", (make) => {
  const dirty = [
    asm("flw", { rd: 1, rs1: 5, imm: 0 }),
    asm("fadd.d", { rd: 3, rs1: 1, rs2: 2 }),
    asm("fmv.d.x", { rd: 1, rs1: 0 }),
    asm("fcvt.w.d", { rd: 7, rs1: 4 }), // raises NX
    csrw(1, 10),
    asm("csrrwi", { rd: 0, rs1: 1, imm: 2 }),
  ];
  for (const word of dirty) {
    const machine = make(word).registers({ f4: 0x3ff8_0000_0000_0000n, x10: 1n }).steps(1);
    assert.equal(machine.fs, 3, (word >>> 0).toString(16));
    assert.equal(machine.get("mstatus") >> 63n, 1n, "SD");
  }
  const clean = [
    asm("fsd", { rs1: 5, rs2: 1, imm: 0 }),
    asm("fmv.x.d", { rd: 7, rs1: 1 }),
    asm("feq.d", { rd: 7, rs1: 1, rs2: 1 }),
    asm("fcvt.w.d", { rd: 7, rs1: 1 }),
    csrr(7, 3),
    asm("addi", { rd: 7, rs1: 0, imm: 1 }),
  ];
  for (const word of clean) assert.equal(make(word).steps(1).fs, 2, (word >>> 0).toString(16));
});

everyEngine(
  "instret and cycle are exact inside a run, and what is written to minstret is what the next instruction reads",
  (make) => {
    const read = make(csrr(7, 0xb02), asm("addi", { rd: 0, rs1: 0, imm: 0 }), csrr(8, 0xb02), csrr(9, 0xb00));
    const before = read.get("steps");
    read.set("instretOffset", -before).set("cycleOffset", -before).steps(10);
    assert.deepEqual([read.x(7), read.x(8), read.x(9)], [0n, 2n, 3n]);
    const written = make(csrw(0xb02, 10), csrr(7, 0xb02), csrr(8, 0xb02)).registers({ x10: ONES }).steps(3);
    assert.deepEqual([written.x(7), written.x(8)], [ONES, 0n]);
    const swapped = make(asm("csrrw", { rd: 7, rs1: 10, imm: 0xb02 }), csrr(8, 0xb02)).registers({ x10: 100n }).steps(
      2,
    );
    assert.equal(swapped.x(8), 100n);
    const stopped = make(asm("csrrwi", { rd: 0, rs1: 5, imm: 0x320 }), csrr(7, 0xb02), csrr(8, 0xb02)).steps(3);
    assert.equal(stopped.x(7), stopped.x(8), "an inhibited counter stands");
  },
);

everyEngine("a trapped instruction does not retire, one that takes an interrupt behind itself does", (make) => {
  const machine = make(asm("ecall"));
  machine.world.write(HANDLER, csrr(7, 0xb02), csrr(8, 0xb00));
  machine.set("instretOffset", -machine.get("steps")).set("cycleOffset", -machine.get("steps")).steps(3);
  assert.deepEqual([machine.x(7), machine.x(8)], [0n, 2n]);
});

everyEngine("ecall and ebreak: causes by mode, and what mtval holds", (make) => {
  for (const [privilege, virtual, cause] of [[0, 0, 8n], [1, 0, 9n], [3, 0, 11n], [0, 1, 8n], [1, 1, 10n]] as const) {
    const machine = make(asm("ecall"));
    setMode(machine.world.cpu.hart, privilege, virtual);
    assert.deepEqual(machine.steps(1).trap(), [cause, 0n, BigInt(RAM)]);
  }
  assert.deepEqual(make(asm("ebreak")).steps(1).trap(), [3n, BigInt(RAM), BigInt(RAM)]);
  const compressed = make();
  compressed.world.writeHalves(RAM, 0x0001, 0x9002);
  assert.deepEqual(compressed.steps(2).trap(), [3n, BigInt(RAM + 2), BigInt(RAM + 2)]);
});

everyEngine("mtval of an illegal instruction is its bits, as many as it has", (make) => {
  const machine = make();
  machine.world.writeHalves(RAM, 0x0001, 0x0000);
  assert.deepEqual(machine.steps(2).trap(), [2n, 0n, BigInt(RAM + 2)]);
  const short = make();
  short.world.writeHalves(RAM, 0x8000, 0x1234); // a reserved compressed encoding
  assert.deepEqual(short.steps(1).trap(), [2n, 0x8000n, BigInt(RAM)]);
  assert.deepEqual(make(0xffff_ffff).steps(1).trap(), [2n, 0xffff_ffffn, BigInt(RAM)]);
  const crossing = make();
  crossing.world.writeHalves(RAM + 0xffe, 0xffff, 0xfedc);
  crossing.set("pc", BigInt(RAM + 0xffe)).steps(1);
  assert.deepEqual(crossing.trap(), [2n, 0xfedc_ffffn, BigInt(RAM + 0xffe)]);
  const csr = csrr(7, 0x5c0);
  assert.deepEqual(make(csr).steps(1).trap(), [2n, BigInt(csr >>> 0), BigInt(RAM)]);
});

everyEngine(
  "a fetch that fails behind a page border has the second page's address in mtval, the instruction's in mepc",
  (make) => {
    const machine = make();
    const last = RAM + 0x8_0000 - 2;
    machine.world.writeHalves(last, 0x0013);
    machine.set("pc", BigInt(last)).steps(1);
    assert.deepEqual(machine.trap(), [1n, BigInt(last + 2), BigInt(last)]);
  },
);

everyEngine("vectored mode: interrupts go to base + 4 * cause, exceptions to base", (make) => {
  const machine = make(asm("ecall"));
  machine.set("mtvec", BigInt(HANDLER | 1) & 0xffff_ffffn).steps(1);
  assert.deepEqual(machine.trap()[0], 11n);
  const interrupted = make(asm("csrrsi", { rd: 0, rs1: 8, imm: 0x300 }));
  interrupted.set("mtvec", BigInt(HANDLER + 1)).set("mie", 1n << 7n);
  setLine(interrupted.world.cpu.hart, 7, true);
  interrupted.steps(1);
  assert.equal(interrupted.world.cpu.getPc(), BigInt(HANDLER + 28));
  assert.deepEqual([interrupted.get("mcause"), interrupted.get("mepc")], [MIN | 7n, BigInt(RAM + 4)]);
});

everyEngine("interrupts: the highest priority first, at the instruction that lets them through", (make) => {
  for (
    const [lines, cause] of [[0xaaa, 11n], [0x2aa, 3n], [0x2a2, 7n], [0x222, 9n], [0x022, 1n], [0x020, 5n]] as const
  ) {
    const machine = make(
      asm("addi", { rd: 7, rs1: 7, imm: 1 }),
      csrw(0x304, 10),
      asm("addi", { rd: 7, rs1: 7, imm: 1 }),
    );
    machine.registers({ x10: 0xaaan, x7: 0n });
    const { state } = machine.world.cpu.hart;
    state.set(FIELD.mstatus, state.low(FIELD.mstatus) | 8, state.high(FIELD.mstatus));
    for (let bit = 0; bit < 12; bit++) if (lines >> bit & 1) setLine(machine.world.cpu.hart, bit, true);
    machine.steps(10);
    assert.equal(machine.x(7), 1n);
    assert.deepEqual([machine.get("mcause"), machine.get("mepc")], [MIN | cause, BigInt(RAM + 8)]);
  }
});

everyEngine(
  "CSRRS and CSRRC of sstatus read and change SIE of the mode's own register, with every form of operand",
  (make) => {
    const SSTATUS = 0x100;
    const SIE = 2n;
    for (const [virtual, field] of [[0, "mstatus"], [1, "vsstatus"]] as const) {
      for (
        const [name, rd, rs1, before, after] of [
          ["csrrci", 7, 2, SIE, 0n],
          ["csrrci", 0, 2, SIE, 0n],
          ["csrrsi", 7, 2, 0n, SIE],
          ["csrrsi", 7, 0, SIE, SIE],
          ["csrrs", 7, 8, 0n, SIE],
          ["csrrs", 8, 8, 0n, SIE],
          ["csrrs", 7, 0, SIE, SIE],
          ["csrrc", 7, 8, SIE, 0n],
          ["csrrc", 0, 8, SIE, 0n],
        ] as const
      ) {
        const machine = make(asm(name, { rd, rs1, imm: SSTATUS }), asm("addi", { rd: 9, rs1: 0, imm: 1 }));
        const { hart } = machine.world.cpu;
        machine.registers({ x7: 5n, x8: SIE, x9: 0n }).set(field, machine.get(field) & ~SIE | before);
        setMode(hart, 1, virtual);
        machine.steps(2);
        const label = `${name} x${rd}, rs1 ${rs1}, virtual ${virtual}`;
        assert.equal(machine.get(field) & SIE, after, label);
        assert.equal(machine.x(0), 0n, label);
        assert.equal(machine.x(rd === 0 ? 7 : rd) & 7n, rd === 0 ? 5n : before, label);
        assert.equal(machine.x(9), 1n, label);
      }
    }
  },
);

everyEngine("CSRRSI of sstatus takes the interrupt that it lets through, before the next instruction", (make) => {
  const machine = make(asm("csrrsi", { rd: 7, rs1: 2, imm: 0x100 }), asm("addi", { rd: 9, rs1: 0, imm: 1 }));
  machine.registers({ x9: 0n }).set("mideleg", 2n).set("mie", 2n).set("stvec", BigInt(HANDLER));
  setMode(machine.world.cpu.hart, 1, 0);
  setLine(machine.world.cpu.hart, 1, true);
  machine.steps(1);
  assert.deepEqual([machine.get("scause"), machine.get("sepc"), machine.x(9)], [MIN | 1n, BigInt(RAM + 4), 0n]);
});

everyEngine("WFI goes on at once when something is pending, also while interrupts are off", (make) => {
  const machine = make(asm("wfi"), asm("addi", { rd: 7, rs1: 0, imm: 1 })).set("mie", 1n << 7n);
  setLine(machine.world.cpu.hart, 7, true);
  assert.equal(machine.world.cpu.run(2).kind, "Nothing");
  assert.equal(machine.x(7), 1n);
  assert.equal(make(asm("wfi")).set("mie", 1n << 7n).world.cpu.run(2).kind, "Halt");
});

everyEngine("MRET and SRET to a mode below M clear MPRV, MRET to M keeps it", (make) => {
  const MPRV = 1n << 17n;
  for (const [name, mpp, kept] of [["mret", 3n, MPRV], ["mret", 1n, 0n], ["mret", 0n, 0n], ["sret", 3n, 0n]] as const) {
    const machine = make(asm(name));
    machine.set("mstatus", machine.get("mstatus") & ~0x1800n | mpp << 11n | MPRV).set("mepc", BigInt(HANDLER)).set(
      "sepc",
      BigInt(HANDLER),
    );
    machine.world.cpu.hart.mmu.modeChanged();
    machine.steps(1);
    assert.equal(machine.get("mstatus") & MPRV, kept, `${name} to ${mpp}`);
  }
});

everyEngine("a jump to an odd address clears its bit 0; JALR writes its link after reading its base", (make) => {
  const machine = make(asm("jalr", { rd: 5, rs1: 5, imm: 1 })).registers({ x5: BigInt(RAM + 0x100) });
  machine.world.write(RAM + 0x100, SPIN);
  machine.steps(2);
  assert.deepEqual([machine.world.cpu.getPc(), machine.x(5)], [BigInt(RAM + 0x100), BigInt(RAM + 4)]);
});

everyEngine("code that a program writes is executed after FENCE.I, and at the latest then", (make) => {
  const target = RAM + 0x1f00;
  const machine = make(
    asm("jalr", { rd: 1, rs1: 12, imm: 0 }),
    asm("sw", { rs1: 12, rs2: 10, imm: 0 }),
    asm("fence.i"),
    asm("jalr", { rd: 1, rs1: 12, imm: 0 }),
  );
  machine.world.write(target, asm("addi", { rd: 7, rs1: 7, imm: 1 }), asm("jalr", { rd: 0, rs1: 1, imm: 0 }));
  machine.registers({ x7: 0n, x10: BigInt(asm("addi", { rd: 7, rs1: 7, imm: 16 })), x12: BigInt(target) }).steps(8);
  assert.equal(machine.x(7), 17n);
});
