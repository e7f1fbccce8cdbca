/** GuestVCpu: page faults of the second stage, faults and interrupts that the guest gets, what it starts with. @module */
import assert from "node:assert/strict";
import { MappingFlags } from "../../../core/addrspace/nested_page_table.ts";
import { ENGINE_NAMES } from "../../../arch/riscv/hart.ts";
import { FIELD } from "../../../arch/riscv/layout.ts";
import type { RiscvVCpu } from "../../../arch/riscv/vcpu.ts";
import { asm, csrr, csrw, liu } from "./assemble.ts";
import { DEVICE, RAM, RAM_SIZE, World, type WorldOptions } from "./guest_world.ts";

const HANDLER = RAM + 0x400;
const SPIN = asm("jal", { rd: 0, imm: 0 });

function everyEngine(name: string, test: (make: (code: number[], options?: WorldOptions) => World) => void): void {
  for (const engine of ENGINE_NAMES) {
    Deno.test(`${name} (${engine})`, () => {
      test((code, options = {}) => {
        const world = new World({ ...options, arch: { engine, ...options.arch } });
        world.write(RAM, ...code);
        world.write(HANDLER, SPIN);
        world.cpu.hart.state.set64(FIELD.vstvec, BigInt(HANDLER));
        return world;
      });
    });
  }
}

/** Cause, value and pc that the guest's handler finds. */
function trapOf(world: World): [cause: bigint, value: bigint, pc: bigint] {
  const { state } = world.cpu.hart;
  assert.equal(world.cpu.getPc(), BigInt(HANDLER), "the guest is in its handler");
  return [state.get64(FIELD.vscause), state.get64(FIELD.vstval), state.get64(FIELD.vsepc)];
}

everyEngine("GuestVCpu: RAM without frames exits with NestedPageFault and costs the guest nothing", (make) => {
  const world = make([
    asm("ld", { rd: 7, rs1: 5, imm: 0 }),
    asm("sd", { rs2: 6, rs1: 12, imm: 0 }),
    csrr(10, 0xc02),
    csrr(11, 0xc00),
  ], { populate: false });
  world.cpu.setGpr(5, BigInt(RAM + 0x20_000));
  world.cpu.setGpr(12, BigInt(RAM + 0x40_000));
  world.cpu.setGpr(6, 77n);
  const seen: unknown[] = [];
  let steps = 0;
  for (let i = 0; i < 20 && steps < 4; i++) {
    const exit = world.cpu.run(4 - steps);
    steps += world.cpu.steps;
    if (exit.kind !== "NestedPageFault") continue;
    seen.push([exit.addr, exit.access, world.cpu.steps]);
    assert.equal(world.space.handlePageFault(exit.addr, exit.access), true);
  }
  // The first page has frames: the test wrote code there.
  assert.deepEqual(seen, [[RAM + 0x20_000, "read", 0], [RAM + 0x40_000, "write", 1]]);
  assert.equal(steps, 4);
  assert.deepEqual([world.cpu.getGpr(10), world.cpu.getGpr(11)], [2n, 3n], "instret and cycle");
  assert.equal(world.read64(RAM + 0x40_000), 77n);
});

everyEngine("GuestVCpu: a fetch from RAM without frames is a NestedPageFault to execute", (make) => {
  const world = make([asm("jalr", { rd: 0, rs1: 5, imm: 0 })], { populate: false });
  world.cpu.setGpr(5, BigInt(RAM + 0x30_000));
  const exit = world.cpu.run(10);
  assert.deepEqual(exit, { kind: "NestedPageFault", addr: RAM + 0x30_000, access: "execute" });
  assert.equal(world.cpu.steps, 1);
});

everyEngine("GuestVCpu: a page that is protected, unmapped or remapped takes effect at the next access", (make) => {
  const load = asm("ld", { rd: 7, rs1: 5, imm: 0 });
  const store = asm("sd", { rs2: 0, rs1: 5, imm: 0 });
  const world = make([load, store, load, store, SPIN]);
  const page = RAM + 0x2000;
  world.write64(page, 1n);
  world.cpu.setGpr(5, BigInt(page));
  world.cpu.run(2);
  assert.equal(world.read64(page), 0n);
  world.space.protect(page, 0x1000, MappingFlags.READ | MappingFlags.USER);
  world.write64(page, 2n);
  assert.deepEqual(world.run(2).kind, "NestedPageFault");
  assert.equal(world.cpu.getGpr(7), 2n);
  assert.equal(world.cpu.getPc(), BigInt(RAM + 12));
  world.cpu.injectFault("access", "write");
  assert.deepEqual(trapOf(world), [7n, BigInt(page), BigInt(RAM + 12)]);

  const other = make([load, load, load, SPIN]);
  other.cpu.setGpr(5, BigInt(page));
  other.write64(page, 3n);
  other.cpu.run(1);
  other.space.unmap(page, 0x1000);
  const exit = other.run(1);
  assert.equal(exit.kind, "MmioRead", "where no RAM is, a device may be");
  other.cpu.injectFault("access", "read");
  assert.deepEqual(trapOf(other), [5n, BigInt(page), BigInt(RAM + 4)]);
  other.space.mapAlloc(page, 0x1000, 31, true);
  other.write64(page, 4n);
  other.cpu.hart.state.set64(FIELD.pc, BigInt(RAM + 8));
  other.run(1);
  assert.equal(other.cpu.getGpr(7), 4n);
});

everyEngine("GuestVCpu: the dirty log holds exactly the pages that the guest wrote", (make) => {
  const world = make([
    asm("sb", { rs2: 0, rs1: 5, imm: 0 }),
    asm("ld", { rd: 7, rs1: 12, imm: 0 }),
    asm("sd", { rs2: 0, rs1: 13, imm: -4 }),
    SPIN,
  ]);
  world.cpu.setGpr(5, BigInt(RAM + 0x5000));
  world.cpu.setGpr(12, BigInt(RAM + 0x6000));
  world.cpu.setGpr(13, BigInt(RAM + 0x9000));
  for (let round = 0; round < 2; round++) {
    if (round === 0) world.space.startDirtyLog();
    world.cpu.hart.state.set64(FIELD[world.cpu.hart.state.word(FIELD.virtual) ? "pc" : "sepc"], BigInt(RAM));
    world.run(10);
    assert.deepEqual(world.space.takeDirtyLog(), [RAM + 0x5000, RAM + 0x8000, RAM + 0x9000]);
  }
});

everyEngine(
  "GuestVCpu: what nobody answers is an access fault, with cause and vstval of the guest's access",
  (make) => {
    const nowhere = 0x4000_0000;
    const world = make([asm("jalr", { rd: 0, rs1: 5, imm: 0 })]);
    world.cpu.setGpr(5, BigInt(nowhere));
    assert.equal(world.run(4).kind, "Nothing");
    assert.deepEqual(trapOf(world), [1n, BigInt(nowhere), BigInt(nowhere)]);
  },
);

everyEngine("GuestVCpu: a page table outside RAM gives the fault of the access that walked", (make) => {
  const cases: [number, bigint, bigint][] = [
    [asm("ld", { rd: 7, rs1: 5, imm: 0 }), 5n, 0x123n],
    [asm("sd", { rs2: 7, rs1: 5, imm: 0 }), 7n, 0x123n],
    [asm("amoadd.d", { rd: 7, rs1: 12, rs2: 7 }), 7n, 0x128n],
  ];
  for (const [word, cause, value] of cases) {
    // Root in RAM whose entry for the handler and code is a leaf; entry 0 points to a table where a device is.
    const world = make([word]);
    const root = RAM + 0x10_000;
    world.write64(root, (BigInt(DEVICE) >> 2n) | 1n);
    world.write64(root + 16, (BigInt(RAM) >> 2n) | 0xcfn);
    const { state } = world.cpu.hart;
    state.set64(FIELD.vsatp, 8n << 60n | BigInt(root) >> 12n);
    world.cpu.hart.mmu.translationChanged();
    world.cpu.setGpr(5, 0x123n);
    world.cpu.setGpr(12, 0x128n);
    assert.equal(world.run(2).kind, "Nothing");
    assert.deepEqual(trapOf(world), [cause, value, BigInt(RAM)]);
  }
  const world = make([asm("jalr", { rd: 0, rs1: 5, imm: 0 })]);
  const root = RAM + 0x10_000;
  world.write64(root, (BigInt(DEVICE) >> 2n) | 1n);
  world.write64(root + 16, (BigInt(RAM) >> 2n) | 0xcfn);
  world.cpu.hart.state.set64(FIELD.vsatp, 8n << 60n | BigInt(root) >> 12n);
  world.cpu.hart.mmu.translationChanged();
  world.cpu.setGpr(5, 0x124n);
  assert.equal(world.run(3).kind, "Nothing");
  assert.deepEqual(trapOf(world), [1n, 0x124n, 0x124n], "a fetch");
});

everyEngine("GuestVCpu: hypervisor CSRs and instructions are illegal instructions to the guest", (make) => {
  const words = [
    csrr(7, 0x680),
    asm("hfence.gvma", { rs1: 0, rs2: 0 }),
    asm("hlv.w", { rd: 7, rs1: 5 }),
    csrr(7, 0x300),
  ];
  for (const word of words) {
    const world = make([word]);
    assert.equal(world.run(3).kind, "Nothing");
    assert.deepEqual(trapOf(world), [2n, BigInt(word >>> 0), BigInt(RAM)], (word >>> 0).toString(16));
  }
});

everyEngine("GuestVCpu: a reflected or delegated exception retires nothing and costs one step", (make) => {
  const world = make([csrr(7, 0x680)]);
  world.write(HANDLER, csrr(10, 0xc02), csrr(11, 0xc00));
  world.cpu.run(3);
  assert.equal(world.cpu.steps, 3);
  assert.deepEqual([world.cpu.getGpr(10), world.cpu.getGpr(11)], [0n, 2n], "instret and cycle");
});

everyEngine("GuestVCpu.setup: registers as a supervisor finds them", (make) => {
  const world = make([SPIN]);
  const { state } = world.cpu.hart;
  world.cpu.run(1);
  assert.equal(world.cpu.getPc(), BigInt(RAM));
  assert.deepEqual([state.word(FIELD.privilege), state.word(FIELD.virtual)], [1, 1]);
  assert.equal(state.get64(FIELD.vsatp), 0n);
  assert.equal(state.low(FIELD.hgatp) & 3, 0, "the root is 16 KiB-aligned");
  assert.equal(state.get64(FIELD.hgatp) >> 60n, 8n);
  assert.equal(state.low(FIELD.vsstatus) & 2, 0, "interrupts are off");
});

everyEngine("GuestVCpu.setup keeps wires that somebody drives", (make) => {
  const world = make([SPIN]);
  world.guest.interruptLine("cpu0/supervisor-external")!.set(true);
  world.cpu.setup();
  world.cpu.hart.state.set64(FIELD.mie, 1n << 10n);
  assert.equal(world.cpu.hasPendingInterrupt(), true);
});

everyEngine(
  "GuestVCpu: external, timer and software interrupts arrive as S-mode's, at the next instruction",
  (make) => {
    const enable = [asm("csrrsi", { rd: 0, rs1: 2, imm: 0x100 }), asm("addi", { rd: 8, rs1: 8, imm: 1 }), SPIN];
    const cases: [string, bigint, (cpu: RiscvVCpu, world: World) => void][] = [
      ["wire", 9n, (_, world) => world.guest.interruptLine("cpu0/supervisor-external")!.set(true)],
      ["software", 1n, (cpu) => cpu.injectInterrupt(2)],
      ["timer", 5n, (cpu, world) => {
        cpu.hart.state.set64(FIELD.vstimecmp, 100n);
        assert.equal(cpu.timerDeadline(), 100);
        world.time = 100;
      }],
    ];
    for (const [name, code, raise] of cases) {
      const world = make(enable);
      world.cpu.hart.state.set64(FIELD.mie, 0xfffn);
      world.cpu.run(3);
      assert.equal(world.cpu.getGpr(8), 1n);
      raise(world.cpu, world);
      world.cpu.run(1);
      assert.deepEqual(trapOf(world), [1n << 63n | code, 0n, BigInt(RAM + 8)], name);
    }
  },
);

everyEngine(
  "GuestVCpu: a pending interrupt is taken by the instruction that enables it, and by nothing before",
  (make) => {
    const world = make([
      asm("addi", { rd: 7, rs1: 0, imm: 1 }),
      asm("csrrsi", { rd: 0, rs1: 2, imm: 0x100 }),
      asm("addi", { rd: 7, rs1: 0, imm: 2 }),
    ]);
    world.cpu.hart.state.set64(FIELD.mie, 1n << 2n);
    world.cpu.injectInterrupt(2);
    world.cpu.run(10);
    assert.equal(trapOf(world)[2], BigInt(RAM + 8));
    assert.equal(world.cpu.getGpr(7), 1n);
  },
);

everyEngine("GuestVCpu.timerDeadline moves when the guest writes stimecmp, which ends its slice", (make) => {
  const world = make([csrw(0x14d, 5), asm("addi", { rd: 7, rs1: 0, imm: 1 }), SPIN]);
  world.cpu.setGpr(5, 5000n);
  assert.equal(world.cpu.timerDeadline(), Infinity);
  assert.equal(world.cpu.run(100).kind, "Nothing");
  assert.equal(world.cpu.steps, 1, "the slice ends behind the write");
  assert.equal(world.cpu.timerDeadline(), 5000);
});

everyEngine("GuestVCpu: the whole RAM is the guest's, and not a byte more", (make) => {
  const world = make([
    ...liu(5, RAM + RAM_SIZE),
    asm("lb", { rd: 7, rs1: 5, imm: -1 }),
    asm("lb", { rd: 7, rs1: 5, imm: 0 }),
  ]);
  const exit = world.run(20);
  assert.equal(exit.kind === "MmioRead" && exit.addr, RAM + RAM_SIZE);
});

everyEngine("GuestVCpu: SBI calls answer in a0 and a1 and go on behind the call", (make) => {
  const world = make([asm("ecall"), asm("addi", { rd: 7, rs1: 0, imm: 1 }), SPIN]);
  world.cpu.setGpr(17, 0x10n); // base
  world.cpu.setGpr(16, 0n); // get_spec_version
  world.cpu.run(3);
  assert.deepEqual([world.cpu.getGpr(10), world.cpu.getGpr(7)], [0n, 1n]);
  assert.equal(world.cpu.getGpr(11), 0x300_0000n);
});

everyEngine("GuestVCpu: an address that no number holds exactly is nowhere", (make) => {
  for (
    const [word, cause] of [[asm("lb", { rd: 7, rs1: 5, imm: -1 }), 5n], [
      asm("sd", { rs1: 5, rs2: 0, imm: -8 }),
      7n,
    ]] as const
  ) {
    const world = make([word]);
    world.cpu.setGpr(5, 0n);
    assert.deepEqual([world.cpu.run(3).kind, world.cpu.steps], ["Nothing", 3]);
    assert.equal(trapOf(world)[0], cause);
  }
});
