/**
 * The devices of the engine contract: their answers tell the step at which they were asked, and they interrupt, kick the CPU, write code
 * and take rights away, so that an engine must stop right behind the access.
 *
 * @module
 */
import type { AccessWidth } from "../../core/address.ts";
import { MappingFlags } from "../../core/addrspace/nested_page_table.ts";
import type { DeviceAccess } from "../../core/arch_vcpu.ts";
import { asm } from "../arch/riscv/assemble.ts";
import type { World } from "../arch/riscv/guest_world.ts";

/** Registers by the low bits of their address; all others only answer. */
const Place = { NOBODY: 8, WIRES: 16, KICK: 24, CODE: 32, RIGHTS: 56 } as const;

/** Machine-level software and external, supervisor-level external: the wires that the device drives. */
const WIRES = [3, 9, 11];

const FULL = MappingFlags.READ | MappingFlags.WRITE | MappingFlags.EXECUTE | MappingFlags.USER;

/** What a device of the contract may do to the machine. */
export interface DeviceReach {
  /** The machine. */
  readonly world: World;
  /** Steps so far, the access included. */
  steps(): number;
  /** Whether it may drive wires. */
  readonly interrupts: boolean;
  /** Code that it overwrites: first address and words. */
  readonly code: readonly [start: number, words: number];
  /** A page whose rights it changes. */
  readonly page: number;
}

/** The devices. */
export class ContractDevices implements DeviceAccess {
  high = 0;
  /** What they reach; set before the first access. */
  reach!: DeviceReach;

  read(_cpu: number, address: number, width: AccessWidth): number {
    if (address % 64 === Place.NOBODY) return -1;
    const steps = this.reach.steps();
    this.#act(address, steps);
    this.high = width === 8 ? address ^ steps : 0;
    return Math.imul(address, 0x9e3779b1) + steps >>> 0;
  }

  write(_cpu: number, address: number, width: AccessWidth, low: number, high: number): boolean {
    if (address % 64 === Place.NOBODY) return false;
    const value = width === 8 ? low ^ high : width === 4 ? low : low & (1 << width * 8) - 1;
    this.#act(address, this.reach.steps() ^ value);
    return true;
  }

  #act(address: number, value: number): void {
    const { world, interrupts, code: [start, words], page } = this.reach;
    switch (address % 64) {
      case Place.WIRES:
        WIRES.forEach((wire, i) => interrupts && world.cpu.setInterrupt(wire, (value >>> i & 1) !== 0));
        break;
      case Place.KICK:
        world.cpu.kick();
        break;
      case Place.CODE: {
        const at = start + Math.abs(value) % words * 4;
        world.memory.i32[world.host(at) / 4] = asm("addi", { rd: 31, rs1: 31, imm: value & 1023 });
        world.space.written(at, world.host(at), 4);
        break;
      }
      case Place.RIGHTS:
        world.space.protect(page, 4096, (value & 1) === 0 ? FULL : FULL & ~MappingFlags.WRITE);
        break;
    }
  }
}
