/** Translation tables as generated code looks into them: an address never gets what was entered for another one. @module */
import assert from "node:assert/strict";
import { FIELD } from "../../../../arch/riscv/layout.ts";
import { asm } from "../assemble.ts";
import { Machine, RAM, RAM_SIZE } from "./machine.ts";

const [RESULT, ADDRESS, VALUE] = [5, 6, 7];

/** A page of data whose number is neither all zeros nor all ones at the low end, and one of code. */
const [DATA, CODE] = [RAM + 0x15000, RAM + 0x2a000];

const MARK = 0x1234_5678_9abc_def0n;

/** In M-mode addresses are physical ones, so that all 64 bits of them can be tried: what lies outside of RAM traps, or leaves. */
class Prober {
  readonly machine: Machine;

  constructor(engine: "interpreter" | "jit-always") {
    this.machine = new Machine(engine);
    const stay = asm("jal", { rd: 0, imm: 0 });
    this.machine.write(RAM, asm("ld", { rd: RESULT, rs1: ADDRESS, imm: 0 }), stay);
    this.machine.write(RAM + 0x100, asm("sd", { rs1: ADDRESS, rs2: VALUE, imm: 0 }), stay);
    this.machine.write(RAM + 0x200, asm("jalr", { rd: 0, rs1: ADDRESS, imm: 0 }), stay);
    this.machine.write(RAM + 0x300, stay);
    this.machine.hart.state.set64(FIELD.mtvec, BigInt(RAM + 0x300));
    this.machine.write(CODE, asm("addi", { rd: RESULT, rs1: RESULT, imm: 1 }), stay);
    for (let page = RAM + 0x10000; page < RAM + 0x20000; page += 4096) this.machine.write64(page, BigInt(page));
    this.machine.write64(DATA, MARK);
  }

  /** Runs the code at a place with an address; gives the result, 0 before. */
  probe(at: number, address: bigint, value = 0n): bigint {
    const { machine } = this;
    machine.hart.state.set64(FIELD.pc, BigInt(at));
    machine.setX(RESULT, 0n);
    machine.setX(ADDRESS, address);
    machine.setX(VALUE, value);
    machine.run(4);
    return machine.x(RESULT);
  }
}

/** Whether an address is that of RAM. */
function inRam(address: bigint): boolean {
  return address >= BigInt(RAM) && address < BigInt(RAM + RAM_SIZE);
}

for (const engine of ["interpreter", "jit-always"] as const) {
  Deno.test(`a load, store or jump to an address one bit away, from 12 to 63, never reaches the page itself (${engine})`, () => {
    const prober = new Prober(engine);
    const { machine } = prober;
    for (let k = 12n; k < 64n; k++) {
      const [data, code] = [BigInt(DATA) ^ 1n << k, BigInt(CODE) ^ 1n << k];
      // Twice: the second time by the tables alone, as far as they have anything.
      for (let time = 0; time < 2; time++) {
        assert.equal(prober.probe(RAM, BigInt(DATA)), MARK);
        assert.notEqual(prober.probe(RAM, data), MARK, `load, bit ${k}`);
        prober.probe(RAM + 0x100, BigInt(DATA), MARK);
        prober.probe(RAM + 0x100, data, 7n);
        assert.equal(machine.read64(DATA), MARK, `store, bit ${k}`);
        if (inRam(data)) assert.equal(machine.read64(Number(data)), 7n);
        assert.equal(prober.probe(RAM + 0x200, BigInt(CODE)), 1n);
        assert.equal(prober.probe(RAM + 0x200, code), 0n, `jump, bit ${k}`);
      }
    }
  });
}
