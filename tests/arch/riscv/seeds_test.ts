/**
 * What the systems that this project re-implements get wrong (axvisor, riscv_vcpu, axaddrspace), as regressions by name. Accesses to
 * devices have theirs in `vcpu_test.ts`, life cycles in core's tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FIELD } from "../../../arch/riscv/layout.ts";
import { asm, csrr, csrw, li } from "./assemble.ts";
import { DEVICE, RAM, World } from "./guest_world.ts";

const HANDLER = RAM + 0x400;
const SPIN = asm("jal", { rd: 0, imm: 0 });
const BASE = 0x10;
const HSM = 0x48534d;
const SRST = 0x53525354;

/** A guest that is about to execute code, and stays in its handler after a trap. */
function guest(code: readonly number[], levels = 3): World {
  const world = new World({ arch: { nested_levels: levels } });
  world.write(RAM, ...code, SPIN);
  world.write(HANDLER, SPIN);
  world.cpu.hart.state.set64(FIELD.vstvec, BigInt(HANDLER));
  return world;
}

/** An SBI call with up to two arguments. */
function call(eid: number, fid: number, first = 0, second = 0): number[] {
  return [...li(17, eid), ...li(16, fid), ...li(10, first), ...li(11, second), asm("ecall")];
}

/** Leaves of a G-stage table. */
function leaves(world: World, table: number, entries: number): bigint[] {
  const found: bigint[] = [];
  for (let i = 0; i < entries; i++) {
    const entry = world.memory.u64[table / 8 + i];
    if ((entry & 1n) === 0n) continue;
    if ((entry & 14n) !== 0n) found.push(entry);
    else found.push(...leaves(world, Number(entry >> 10n) * 4096, 512));
  }
  return found;
}

Deno.test("seeds: the G-stage root is 16 KiB and aligned to that, with hgatp.MODE for its levels", () => {
  for (const [levels, mode] of [[3, 8n], [4, 9n], [5, 10n]] as const) {
    const world = guest([SPIN], levels);
    assert.equal(world.space.root % 16384, 0);
    assert.equal(world.cpu.hart.state.get64(FIELD.hgatp), mode << 60n | BigInt(world.space.root / 4096));
  }
});

Deno.test("seeds: every G-stage leaf has U=1, whether its mapping asked for USER or not", () => {
  const world = guest([SPIN]);
  const frame = world.memory.allocFrame()!;
  world.space.mapLinear(0x9000_0000, frame, 4096, 3, { name: "channel" });
  const found = leaves(world, world.space.root, 2048);
  assert.ok(found.length > 1);
  for (const leaf of found) assert.equal(leaf & 16n, 16n);
});

Deno.test("seeds: a guest reads and writes memory that was mapped without USER", () => {
  const world = guest([asm("sd", { rs1: 5, rs2: 6, imm: 0 }), asm("ld", { rd: 7, rs1: 5, imm: 0 })]);
  world.space.mapLinear(0x9000_0000, world.memory.allocFrame()!, 4096, 3, { name: "channel" });
  world.cpu.setGpr(5, 0x9000_0000n);
  world.cpu.setGpr(6, 42n);
  assert.equal(world.run(3).kind, "Nothing");
  assert.equal(world.cpu.getGpr(7), 42n);
});

Deno.test("seeds: TIME, sPI, RFNC, HSM, SRST, DBCN, PMU, SUSP and FWFT are there when the guest probes", () => {
  for (const eid of [0x54494d45, 0x735049, 0x52464e43, HSM, SRST, 0x4442434e, 0x504d55, 0x53555350, 0x46574654]) {
    const world = guest(call(BASE, 3, eid));
    world.run(12);
    assert.deepEqual([world.cpu.getGpr(10), world.cpu.getGpr(11)], [0n, 1n], eid.toString(16));
  }
});

Deno.test("seeds: HSM status answers, a retentive suspend goes on behind the call", () => {
  const status = guest(call(HSM, 2, 0));
  status.run(12);
  assert.deepEqual([status.cpu.getGpr(10), status.cpu.getGpr(11)], [0n, 0n]);
  const suspend = guest([...call(HSM, 3, 0), asm("addi", { rd: 7, rs1: 0, imm: 1 })]);
  assert.equal(suspend.run(12).kind, "Halt");
  assert.equal(suspend.cpu.getPc(), BigInt(RAM + 9 * 4), "behind the call");
  suspend.run(2);
  assert.deepEqual([suspend.cpu.getGpr(7), suspend.cpu.getGpr(10)], [1n, 0n]);
});

Deno.test("seeds: SRST reboots, cold and warm, and refuses other types instead of dying", () => {
  for (const [type, action] of [[0, "shutdown"], [1, "reboot"], [2, "reboot"]] as const) {
    const exit = guest(call(SRST, 0, type)).run(12);
    assert.equal(exit.kind === "SystemDown" && exit.action, action);
  }
  const world = guest(call(SRST, 0, 77));
  world.run(12);
  assert.ok(BigInt.asIntN(64, world.cpu.getGpr(10)) < 0n);
});

Deno.test("seeds: no trap of the guest is unknown: it gets every one that is its own", () => {
  const cases: [number, bigint][] = [
    [csrr(7, 0x680), 2n],
    [asm("mret"), 2n],
    [0, 2n],
    [asm("ebreak"), 3n],
    [asm("lr.d", { rd: 7, rs1: 5 }), 4n],
    [asm("amoadd.d", { rd: 7, rs1: 5, rs2: 6 }), 6n],
    [asm("jalr", { rd: 0, rs1: 6, imm: 0 }), 1n],
  ];
  for (const [word, cause] of cases) {
    const world = guest([word]);
    world.cpu.setGpr(5, BigInt(RAM + 0x1001));
    world.cpu.setGpr(6, BigInt(DEVICE));
    assert.equal(world.run(3).kind, "Nothing");
    assert.equal(world.cpu.getPc(), BigInt(HANDLER));
    assert.equal(world.cpu.hart.state.get64(FIELD.vscause), cause, (word >>> 0).toString(16));
  }
});

Deno.test("seeds: an access that nobody answers is an access fault of the guest, not the end of the host", () => {
  const world = guest([asm("lw", { rd: 7, rs1: 5, imm: 0 })]);
  world.cpu.setGpr(5, 0x4000_0000n);
  assert.equal(world.run(1).kind, "MmioRead");
  world.cpu.injectFault("access", "read");
  assert.equal(world.run(1).kind, "Nothing");
  assert.equal(world.cpu.hart.state.get64(FIELD.vscause), 5n);
});

Deno.test("seeds: RAM that is populated lazily faults in, and is no device", () => {
  const world = new World({ populate: false });
  world.write(RAM, asm("lw", { rd: 7, rs1: 5, imm: 0 }), asm("sw", { rs1: 5, rs2: 7, imm: 4 }), SPIN);
  world.cpu.setGpr(5, BigInt(RAM + 0x40_000));
  assert.equal(world.cpu.run(5).kind, "NestedPageFault");
  assert.equal(world.run(5).kind, "Nothing");
});

Deno.test("seeds: an interrupt is kept for a CPU that is not bound", () => {
  const world = new World({ cpus: 2 });
  const [first, second] = world.cpus;
  world.write(RAM, SPIN);
  world.write(HANDLER, SPIN);
  second.hart.state.set64(FIELD.vstvec, BigInt(HANDLER));
  second.hart.state.set64(FIELD.mie, 0xfffn);
  second.hart.state.set(
    FIELD.vsstatus,
    second.hart.state.low(FIELD.vsstatus) | 2,
    second.hart.state.high(FIELD.vsstatus),
  );
  second.injectInterrupt(10);
  first.run(2);
  first.unbind();
  second.bind();
  second.run(1);
  assert.equal(second.hart.state.get64(FIELD.vscause), 1n << 63n | 9n);
});

Deno.test("seeds: the timer is the CPU's own, in time that htimedelta shifts", () => {
  const world = guest([csrw(0x14d, 5), asm("csrrs", { rd: 7, rs1: 0, imm: 0xc01 })]);
  world.time = 1000;
  world.cpu.hart.state.set64(FIELD.htimedelta, 500n);
  world.cpu.setGpr(5, 2000n);
  world.run(3);
  assert.equal(world.cpu.getGpr(7), 1500n);
  assert.equal(world.cpu.timerDeadline(), 1500);
});

Deno.test("seeds: the guest may not have more memory than it was given, whatever its page table says", () => {
  const world = guest([asm("ld", { rd: 7, rs1: 0, imm: 0 })]);
  const root = RAM + 0x10_000;
  // Its table maps address 0 to where the hypervisor's own state would be if host addresses were guest addresses.
  world.write64(root, 0xcfn | 0n);
  world.write64(root + 16, BigInt(RAM) >> 2n | 0xcfn);
  world.cpu.hart.state.set64(FIELD.vsatp, 8n << 60n | BigInt(root) >> 12n);
  world.cpu.hart.mmu.translationChanged();
  const exit = world.run(1);
  assert.equal(exit.kind === "MmioRead" && exit.addr, 0, "no memory is there");
});
