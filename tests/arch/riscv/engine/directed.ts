/** A machine for a few instructions, for tests of what engines get wrong most easily. @module */
import assert from "node:assert/strict";
import { ENGINE_NAMES } from "../../../../arch/riscv/hart.ts";
import { F_REGISTERS, FIELD, type FieldName } from "../../../../arch/riscv/layout.ts";
import { updateFpAccess } from "../../../../arch/riscv/trap/mode.ts";
import { asm, csrw } from "../assemble.ts";
import { RAM, World } from "../guest_world.ts";

/** Where traps go: it stays there. */
export const HANDLER = RAM + 0x400;
/** Where x5 leads. */
export const DATA = RAM + 0x1000;
/** An instruction that stays where it is. */
export const SPIN = asm("jal", { rd: 0, imm: 0 });
/** The smallest signed number, and the interrupt bit of mcause. */
export const MIN = 0x8000_0000_0000_0000n;
/** All bits. */
export const ONES = 0xffff_ffff_ffff_ffffn;

/** A machine about to execute code in M-mode: x5 leads to {@link DATA}, floating point is on and clean. */
export class Directed {
  readonly world: World;

  constructor(engine: string, code: readonly number[]) {
    this.world = new World({ mode: "machine", arch: { engine } });
    this.world.write(RAM, ...code, SPIN);
    this.world.write(HANDLER, SPIN);
    this.world.cpu.setGpr(5, BigInt(DATA));
    this.set("mtvec", BigInt(HANDLER));
    this.set("pmpcfg0", 0x1fn);
    const { state } = this.world.cpu.hart;
    state.set64(FIELD.pmpcfg0, 0x1fn);
    this.run([csrw(0x3b0, 30)], { x30: ONES });
    this.fs = 2;
    state.set64(FIELD.pc, BigInt(RAM));
  }

  /** Executes other code first, at another place. */
  run(code: readonly number[], registers: Record<string, bigint> = {}): void {
    this.world.write(RAM + 0x800, ...code);
    this.registers(registers);
    this.world.cpu.hart.state.set64(FIELD.pc, BigInt(RAM + 0x800));
    this.world.cpu.run(code.length);
  }

  /** Sets x and f registers by name. */
  registers(values: Record<string, bigint>): this {
    const { cpu } = this.world;
    for (const [name, value] of Object.entries(values)) {
      const index = Number(name.slice(1));
      if (name[0] === "x") cpu.setGpr(index, value);
      else cpu.hart.state.set64(F_REGISTERS + index * 8, value);
    }
    return this;
  }

  /** mstatus.FS and vsstatus.FS. */
  set fs(value: number) {
    const { state } = this.world.cpu.hart;
    for (const field of [FIELD.mstatus, FIELD.vsstatus]) {
      const high = value === 3 ? state.high(field) | 1 << 31 : state.high(field) & 0x7fff_ffff;
      state.set(field, state.low(field) & ~0x6000 | value << 13, high);
    }
    updateFpAccess(this.world.cpu.hart);
  }

  get fs(): number {
    return this.world.cpu.hart.state.low(FIELD.mstatus) >> 13 & 3;
  }

  set(field: FieldName, value: bigint): this {
    this.world.cpu.hart.state.set64(FIELD[field], value);
    return this;
  }

  get(field: FieldName): bigint {
    return this.world.cpu.hart.state.get64(FIELD[field]);
  }

  x(index: number): bigint {
    return this.world.cpu.getGpr(index);
  }

  f(index: number): bigint {
    return this.world.cpu.hart.state.get64(F_REGISTERS + index * 8);
  }

  steps(count: number): this {
    this.world.run(count);
    return this;
  }

  /** Cause, value and place of the trap that happened. */
  trap(): [cause: bigint, value: bigint, pc: bigint] {
    assert.equal(this.world.cpu.getPc(), BigInt(HANDLER), "the hart is in its handler");
    return [this.get("mcause"), this.get("mtval"), this.get("mepc")];
  }
}

/** Registers a test for every engine. */
export function everyEngine(name: string, test: (make: (...code: number[]) => Directed) => void): void {
  for (const engine of ENGINE_NAMES) {
    Deno.test(`${name} (${engine})`, () => test((...code) => new Directed(engine, code)));
  }
}
