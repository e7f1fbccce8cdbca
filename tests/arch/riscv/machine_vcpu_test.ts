/** MachineVCpu: RAM that the VM watches, devices behind every mode, and what the guest finds at reset. @module */
import assert from "node:assert/strict";
import { MappingFlags } from "../../../core/addrspace/nested_page_table.ts";
import { ENGINE_NAMES } from "../../../arch/riscv/hart.ts";
import { FIELD, PMP_ADDRESSES } from "../../../arch/riscv/layout.ts";
import { setMode, updateFpAccess } from "../../../arch/riscv/trap/mode.ts";
import { asm, csrr, csrw } from "./assemble.ts";
import { DEVICE, RAM, World } from "./guest_world.ts";

const HANDLER = RAM + 0x400;
const SPIN = asm("jal", { rd: 0, imm: 0 });

function everyEngine(name: string, test: (make: (code: number[]) => World) => void): void {
  for (const engine of ENGINE_NAMES) {
    Deno.test(`${name} (${engine})`, () => {
      test((code) => {
        const world = new World({ mode: "machine", arch: { engine } });
        world.write(RAM, ...code);
        world.write(HANDLER, SPIN);
        world.cpu.hart.state.set64(FIELD.mtvec, BigInt(HANDLER));
        return world;
      });
    });
  }
}

/** Cause and value that the machine's handler finds. */
function trapOf(world: World): [cause: bigint, value: bigint] {
  const { state } = world.cpu.hart;
  assert.equal(world.cpu.getPc(), BigInt(HANDLER), "the guest is in its handler");
  return [state.get64(FIELD.mcause), state.get64(FIELD.mtval)];
}

/** Opens all memory to lower modes. */
function openPmp(world: World): void {
  world.cpu.hart.state.set64(FIELD.pmpcfg0, 0x1fn);
  world.write64(RAM + 0x7ff8, 0n);
  world.cpu.hart.state.set64(FIELD.pc, BigInt(RAM + 0x300));
  world.write(RAM + 0x300, csrw(0x3b0, 30), SPIN);
  world.cpu.setGpr(30, -1n);
  world.cpu.run(1);
  world.cpu.hart.state.set64(FIELD.pc, BigInt(RAM));
  world.cpu.hart.mmu.protectionChanged();
}

everyEngine(
  "MachineVCpu: the dirty log holds exactly the pages that the guest wrote, misaligned stores, AMOs and SCs included",
  (make) => {
    const world = make([
      asm("sb", { rs2: 0, rs1: 5, imm: 0 }),
      asm("ld", { rd: 7, rs1: 12, imm: 0 }),
      asm("sd", { rs2: 0, rs1: 13, imm: -4 }),
      asm("amoadd.w", { rd: 7, rs1: 14, rs2: 7 }),
      asm("sd", { rs2: 0, rs1: 15, imm: 3 }),
      asm("lr.w", { rd: 7, rs1: 16 }),
      asm("sc.w", { rd: 7, rs1: 16, rs2: 0 }),
      csrr(10, 0xb02),
      csrr(11, 0xb00),
      SPIN,
    ]);
    const pages = [0x5000, 0x6000, 0x9000, 0xa000, 0xb000, 0xc000];
    pages.forEach((page, index) => world.cpu.setGpr(index === 0 ? 5 : 11 + index, BigInt(RAM + page)));
    const written = [0x5000, 0x8000, 0x9000, 0xa000, 0xb000, 0xc000].map((page) => RAM + page);
    world.space.startDirtyLog();
    for (let round = 0; round < 3; round++) {
      const counts = [10, 11].map((index) => world.cpu.getGpr(index));
      world.cpu.hart.state.set64(FIELD.pc, BigInt(RAM));
      world.run(10);
      assert.deepEqual(world.space.takeDirtyLog(), written);
      const [retired, cycles] = [10, 11].map((index, i) => world.cpu.getGpr(index) - counts[i]);
      if (round > 0) assert.deepEqual([retired, cycles], [10n, 10n], "watching costs the guest nothing");
      assert.equal(world.cpu.getGpr(7), 0n, "SC succeeds although its page faulted in between");
    }
  },
);

everyEngine("MachineVCpu: A and D updates of a page table are in the dirty log", (make) => {
  const world = make([asm("sd", { rs2: 0, rs1: 5, imm: 0 }), SPIN]);
  openPmp(world);
  const root = RAM + 0x10_000;
  world.write64(root + 16, (BigInt(RAM) >> 2n) | 0x0fn);
  const { hart } = world.cpu;
  hart.state.set(FIELD.menvcfg, 0, 1 << 29);
  hart.state.set64(FIELD.satp, 8n << 60n | BigInt(root) >> 12n);
  hart.mmu.translationChanged();
  setMode(hart, 1, 0);
  world.cpu.setGpr(5, BigInt(RAM + 0x5000));
  world.space.startDirtyLog();
  world.run(2);
  assert.equal(world.cpu.getPc(), BigInt(RAM + 4));
  assert.equal(world.read64(root + 16) & 0xffn, 0xcfn);
  assert.deepEqual(world.space.takeDirtyLog(), [RAM + 0x5000, root]);
});

everyEngine("MachineVCpu: pages that are protected, unmapped or remapped take effect at the next access", (make) => {
  const page = RAM + 0x2000;
  const store = asm("sd", { rs2: 0, rs1: 5, imm: 0 });
  const world = make([store, store, SPIN]);
  world.cpu.setGpr(5, BigInt(page));
  world.cpu.run(1);
  world.space.protect(page, 0x1000, MappingFlags.READ | MappingFlags.EXECUTE);
  assert.deepEqual(world.run(1), { kind: "NestedPageFault", addr: page, access: "write" });
  assert.equal(world.cpu.steps, 0);
  world.cpu.injectFault("access", "write");
  assert.deepEqual(trapOf(world), [7n, BigInt(page)]);

  const other = make([asm("jalr", { rd: 1, rs1: 5, imm: 0 })]);
  other.write(page, asm("jalr", { rd: 0, rs1: 1, imm: -4 }));
  other.cpu.setGpr(5, BigInt(page));
  other.cpu.run(4);
  other.space.protect(page, 0x1000, MappingFlags.READ | MappingFlags.WRITE);
  assert.deepEqual(other.run(4), { kind: "NestedPageFault", addr: page, access: "execute" });
  other.cpu.injectFault("access", "execute");
  assert.deepEqual(trapOf(other), [1n, BigInt(page)]);

  const third = make([asm("ld", { rd: 7, rs1: 5, imm: 0 })]);
  third.cpu.setGpr(5, BigInt(page));
  third.space.unmap(page, 0x1000);
  assert.equal(third.run(1).kind, "MmioRead", "where no RAM is, a device may be");
});

everyEngine("MachineVCpu: a float load from a device makes FS dirty", (make) => {
  const world = make([asm("flw", { rd: 1, rs1: 5, imm: 0 })]);
  const { state } = world.cpu.hart;
  state.set(FIELD.mstatus, 0x2000, state.high(FIELD.mstatus));
  updateFpAccess(world.cpu.hart);
  world.cpu.setGpr(5, BigInt(DEVICE));
  world.run();
  assert.equal(state.low(FIELD.mstatus) & 0x6000, 0x2000);
  world.cpu.completeMmioRead(0, 0);
  assert.equal(state.low(FIELD.mstatus) & 0x6000, 0x6000);
});

everyEngine("MachineVCpu: HLV and HSV reach a device, and no interrupt comes in between", (make) => {
  for (
    const [word, kind] of [[asm("hlv.w", { rd: 7, rs1: 5 }), "MmioRead"], [
      asm("hsv.w", { rs1: 5, rs2: 6 }),
      "MmioWrite",
    ]] as const
  ) {
    const world = make([asm("csrrsi", { rd: 0, rs1: 8, imm: 0x300 }), word, SPIN]);
    openPmp(world);
    const { state, mmu } = world.cpu.hart;
    state.set64(FIELD.mie, 1n << 7n);
    world.cpu.setGpr(5, BigInt(DEVICE));
    world.cpu.setGpr(6, 0x8765_4321n);
    world.cpu.run(1);
    // The wire rises in the middle of a slice, as a clock's that runs with the host does.
    const load = mmu.guestLoad.bind(mmu), store = mmu.guestStore.bind(mmu);
    mmu.guestLoad = (...args) => (state.setWord(FIELD.lines, 1 << 7), load(...args));
    mmu.guestStore = (...args) => (state.setWord(FIELD.lines, 1 << 7), store(...args));
    const exit = world.cpu.run(1);
    assert(exit.kind === kind && (exit.kind === "MmioRead" || exit.kind === "MmioWrite"));
    assert.deepEqual([exit.addr, exit.width], [DEVICE, 4]);
    if (exit.kind === "MmioWrite") assert.equal(exit.low, 0x8765_4321);
    if (exit.kind === "MmioRead") world.cpu.completeMmioRead(0x8000_0001, 0);
    else world.cpu.completeMmioWrite();
    assert.equal(world.cpu.getPc(), BigInt(RAM + 8));
    if (kind === "MmioRead") assert.equal(world.cpu.getGpr(7), 0xffff_ffff_8000_0001n);
    world.cpu.run(1);
    assert.deepEqual([state.get64(FIELD.mcause), state.get64(FIELD.mepc)], [1n << 63n | 7n, BigInt(RAM + 8)]);
  }
});

everyEngine(
  "MachineVCpu: in a page that PMP splits every instruction is fetched anew, and both halves of it",
  (make) => {
    const code = RAM + 0x2000;
    const hole = code + 0x20;
    const nop = 1;
    const start = (pc: number, ...halves: number[]) => {
      const world = make([]);
      openPmp(world);
      const { state, mmu } = world.cpu.hart;
      for (let at = code; at < code + 0x100; at += 2) world.writeHalves(at, nop);
      world.writeHalves(pc, ...halves);
      // Entry 0 takes four bytes away, entry 1 gives everything.
      state.set64(PMP_ADDRESSES, BigInt(hole) >> 2n);
      state.set64(PMP_ADDRESSES + 8, -1n);
      state.set64(FIELD.pmpcfg0, 0x1f10n);
      mmu.protectionChanged();
      setMode(world.cpu.hart, 1, 0);
      state.set64(FIELD.pc, BigInt(pc));
      return world;
    };
    const rows = [
      { what: "runs into it", pc: hole - 6, halves: [nop], steps: 4, mepc: hole },
      { what: "reaches into it", pc: hole - 2, halves: [0x0013, 0], steps: 1, mepc: hole - 2 },
      { what: "jumps there", pc: hole - 10, halves: [0xa029], steps: 2, mepc: hole }, // c.j +10
    ];
    for (const { what, pc, halves, steps, mepc } of rows) {
      const world = start(pc, ...halves);
      world.cpu.run(steps);
      assert.deepEqual(trapOf(world), [1n, BigInt(hole)], what);
      assert.equal(world.cpu.hart.state.get64(FIELD.mepc), BigInt(mepc), what);
    }
    const beyond = start(hole - 10, 0xa829); // c.j +26
    beyond.cpu.run(3);
    assert.equal(beyond.cpu.getPc(), BigInt(hole - 10 + 26 + 4), "what lies behind the hole runs");
  },
);

everyEngine("MachineVCpu.setup: M-mode, at the entry, mhartid and misa as the hart has them", (make) => {
  const world = make([csrr(5, 0xf14), csrr(6, 0x301), SPIN]);
  const { state } = world.cpu.hart;
  assert.deepEqual([state.word(FIELD.privilege), state.word(FIELD.virtual)], [3, 0]);
  world.cpu.run(2);
  assert.equal(world.cpu.getGpr(5), 0n);
  const letters = [..."ACDFHIMSU"].reduce((bits, letter) => bits | 1n << BigInt(letter.charCodeAt(0) - 65), 0n);
  assert.equal(world.cpu.getGpr(6), 2n << 62n | letters);
});
