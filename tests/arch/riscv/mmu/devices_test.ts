/** Devices: loads and stores that reach a device inside a run, in both modes and with every engine. @module */
import assert from "node:assert/strict";
import type { AccessWidth } from "../../../../core/address.ts";
import { MappingFlags } from "../../../../core/addrspace/nested_page_table.ts";
import type { DeviceAccess, VmMode } from "../../../../core/arch_vcpu.ts";
import { ENGINE_NAMES } from "../../../../arch/riscv/hart.ts";
import { F_REGISTERS, FIELD } from "../../../../arch/riscv/layout.ts";
import { updateFpAccess } from "../../../../arch/riscv/trap/mode.ts";
import { asm } from "../assemble.ts";
import { DEVICE, RAM, World } from "../guest_world.ts";

const FULL = MappingFlags.READ | MappingFlags.WRITE | MappingFlags.EXECUTE | MappingFlags.USER;

/** A device that remembers what it was asked, and the steps. */
class Recorder implements DeviceAccess {
  high = 0;
  readonly accesses: unknown[][] = [];
  world!: World;
  /** What happens at an access. */
  act: () => void = () => {};
  /** Whether there is a device. */
  present = true;

  read(cpu: number, address: number, width: AccessWidth): number {
    if (!this.present) return -1;
    this.accesses.push(["read", cpu, address, width, this.world.cpu.steps]);
    this.act();
    this.high = width === 8 ? 0x8899_aabb : 0;
    return 0xccdd_eeff;
  }

  write(cpu: number, address: number, width: AccessWidth, low: number, high: number): boolean {
    if (!this.present) return false;
    this.accesses.push(["write", cpu, address, width, low >>> 0, width === 8 ? high >>> 0 : 0, this.world.cpu.steps]);
    this.act();
    return true;
  }
}

/** A world that is about to execute `code`, with x5 = the device and floating point on. */
function made(mode: VmMode, engine: string, ...code: number[]): { world: World; device: Recorder } {
  const device = new Recorder();
  const world = new World({ mode, arch: { engine }, devices: device });
  device.world = world;
  world.write(RAM, ...code, asm("jal", { rd: 0, imm: 0 }));
  world.cpu.setGpr(5, BigInt(DEVICE));
  world.cpu.setGpr(6, 0x1122_3344_5566_7788n);
  const { state } = world.cpu.hart;
  state.set(FIELD.mstatus, state.low(FIELD.mstatus) & ~0x6000 | 0x2000, state.high(FIELD.mstatus));
  state.set(FIELD.vsstatus, state.low(FIELD.vsstatus) & ~0x6000 | 0x2000, state.high(FIELD.vsstatus));
  updateFpAccess(world.cpu.hart);
  return { world, device };
}

function everywhere(name: string, test: (mode: VmMode, engine: string) => void): void {
  for (const mode of ["guest", "machine"] as const) {
    for (const engine of ENGINE_NAMES) Deno.test(`${name} (${mode} mode, ${engine})`, () => test(mode, engine));
  }
}

const LOADS: readonly [name: string, width: number, value: bigint][] = [
  ["lb", 1, 0xffff_ffff_ffff_ffffn],
  ["lbu", 1, 0xffn],
  ["lh", 2, 0xffff_ffff_ffff_eeffn],
  ["lhu", 2, 0xeeffn],
  ["lw", 4, 0xffff_ffff_ccdd_eeffn],
  ["lwu", 4, 0xccdd_eeffn],
  ["ld", 8, 0x8899_aabb_ccdd_eeffn],
];

const STORES: readonly [name: string, width: number, high: number][] = [
  ["sb", 1, 0],
  ["sh", 2, 0],
  ["sw", 4, 0],
  ["sd", 8, 0x1122_3344],
];

everywhere(
  "Devices: loads and stores of every width are done without an exit, at the step that they are",
  (mode, engine) => {
    // The second time the page is known.
    const once = [
      ...LOADS.map(([name], i) => asm(name, { rd: 10 + i, rs1: 5, imm: 8 })),
      ...STORES.map(([name]) => asm(name, { rs1: 5, rs2: 6, imm: 16 })),
      asm("fld", { rd: 3, rs1: 5, imm: 0 }),
      asm("flw", { rd: 4, rs1: 5, imm: 0 }),
      asm("fsw", { rs1: 5, rs2: 4, imm: 0 }),
    ];
    const { world, device } = made(mode, engine, ...once, ...once);
    const steps = once.length * 2;
    assert.equal(world.cpu.run(steps).kind, "Nothing");
    assert.equal(world.cpu.steps, steps);
    assert.equal(world.cpu.getPc(), BigInt(RAM + steps * 4));
    LOADS.forEach(([name, , value], i) => assert.equal(world.cpu.getGpr(10 + i), value, name));
    const { state } = world.cpu.hart;
    assert.equal(state.get64(F_REGISTERS + 24), 0x8899_aabb_ccdd_eeffn);
    assert.equal(state.get64(F_REGISTERS + 32), 0xffff_ffff_ccdd_eeffn);
    const expected = (first: number): unknown[][] => [
      ...LOADS.map(([, width], i) => ["read", 0, DEVICE + 8, width, first + i]),
      ...STORES.map(([, width, high], i) => ["write", 0, DEVICE + 16, width, 0x5566_7788, high, first + 7 + i]),
      ["read", 0, DEVICE, 8, first + 11],
      ["read", 0, DEVICE, 4, first + 12],
      ["write", 0, DEVICE, 4, 0xccdd_eeff, 0, first + 13],
    ];
    assert.deepEqual(device.accesses, [...expected(1), ...expected(1 + once.length)]);
  },
);

everywhere(
  "Devices: what a device asks for ends the run right behind the access, which is complete",
  (mode, engine) => {
    for (const [name, compressed] of [["ld", false], ["sd", false], ["fld", false], ["c.lw", true]] as const) {
      const access = compressed ? 0x4288_0001 : asm(name, { rd: 10, rs1: 5, rs2: 6, imm: 0 }); // c.nop, c.lw a0,0(a3)
      const { world, device } = made(mode, engine, access, asm("addi", { rd: 11, rs1: 11, imm: 1 }));
      world.cpu.setGpr(13, BigInt(DEVICE));
      device.act = () => world.cpu.kick();
      const before = compressed ? 1 : 0;
      assert.equal(world.cpu.run(100).kind, "Nothing");
      assert.equal(world.cpu.steps, before + 1, name);
      assert.equal(world.cpu.getPc(), BigInt(RAM + 4), name);
      assert.equal(world.cpu.getGpr(11), 0n);
      if (name === "ld") assert.equal(world.cpu.getGpr(10), 0x8899_aabb_ccdd_eeffn);
      if (name === "fld") assert.equal(world.cpu.hart.state.get64(F_REGISTERS + 80), 0x8899_aabb_ccdd_eeffn);
      if (compressed) assert.equal(world.cpu.getGpr(10), 0xffff_ffff_ccdd_eeffn);
      assert.equal(device.accesses.length, 1);
      device.act = () => {};
      world.cpu.run(2);
      assert.equal(world.cpu.getGpr(11), 1n, "it goes on behind the access");
    }
  },
);

everywhere("Devices: code that a device changes is what runs next, even in the place of the access", (mode, engine) => {
  const nop = asm("addi", { rd: 0, rs1: 0, imm: 0 });
  const { world, device } = made(mode, engine, asm("ld", { rd: 10, rs1: 5, imm: 0 }), nop, nop);
  const change = asm("addi", { rd: 12, rs1: 0, imm: 5 });
  world.cpu.run(1);
  world.cpu.hart.state.set64(FIELD[mode === "guest" ? "sepc" : "pc"], BigInt(RAM));
  world.cpu.hart.state.set64(FIELD.pc, BigInt(RAM));
  device.act = () => world.write(RAM, change, change);
  world.cpu.run(2);
  assert.equal(world.cpu.getGpr(10), 0x8899_aabb_ccdd_eeffn);
  assert.equal(world.cpu.getGpr(12), 5n);
});

everywhere("Devices: memory that is mapped in a device's place is what the next access finds", (mode, engine) => {
  const load = asm("ld", { rd: 10, rs1: 5, imm: 0 });
  const { world, device } = made(mode, engine, load, load, load);
  world.cpu.run(2);
  assert.equal(device.accesses.length, 2);
  world.space.mapLinear(DEVICE, world.host(RAM), 4096, FULL);
  assert.equal(world.cpu.run(1).kind, "Nothing");
  assert.equal(world.cpu.getGpr(10), world.read64(RAM));
  assert.equal(device.accesses.length, 2);
});

everywhere(
  "Devices: what no device takes, and what is no plain load or store, is an exit or a fault as ever",
  (mode, engine) => {
    const load = asm("lw", { rd: 10, rs1: 5, imm: 0 });
    const absent = made(mode, engine, load, load);
    absent.world.cpu.run(1);
    absent.device.present = false;
    assert.equal(absent.world.cpu.run(1).kind, "MmioRead", "the page is known, the device went away");
    absent.world.cpu.completeMmioRead(9, 0);
    assert.equal(absent.world.cpu.getGpr(10), 9n);

    const amo = made(mode, engine, asm("amoadd.w", { rd: 10, rs1: 5, rs2: 6 }));
    assert.equal(amo.world.cpu.run(1).kind, "MmioRead");
    const misaligned = made(mode, engine, load, asm("lw", { rd: 11, rs1: 5, imm: 2 }));
    misaligned.world.cpu.hart.state.set64(FIELD[mode === "guest" ? "vstvec" : "mtvec"], BigInt(RAM + 0x100));
    misaligned.world.cpu.run(2);
    assert.equal(misaligned.world.cpu.getPc(), BigInt(RAM + 0x100));
    assert.equal(misaligned.device.accesses.length, 1);

    const ram = made(mode, engine, asm("lw", { rd: 10, rs1: 6, imm: 0 }));
    ram.world.cpu.setGpr(6, BigInt(DEVICE + 0x1000));
    ram.world.space.mapAlloc(DEVICE + 0x1000, 4096, FULL, false);
    assert.equal(ram.world.cpu.run(1).kind, "NestedPageFault", "RAM without a frame is no device");
    assert.deepEqual(ram.device.accesses, []);
  },
);
