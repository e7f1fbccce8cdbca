/**
 * The machine that random programs of the engine contract run on: page tables of one regime, devices that answer, interrupts, and a
 * picture of all state to compare.
 *
 * @module
 */
import type { EngineName } from "../../arch/riscv/hart.ts";
import type { TranslatorOptions } from "../../arch/riscv/engine/translator.ts";
import { F_REGISTERS, FIELD, type FieldName, X_REGISTERS } from "../../arch/riscv/layout.ts";
import { writeCsr64 } from "../../arch/riscv/csr/csr_file.ts";
import { setMode, updateFpAccess } from "../../arch/riscv/trap/mode.ts";
import { disassemble } from "../../arch/riscv/disassemble.ts";
import { RAM, World } from "../arch/riscv/guest_world.ts";
import { Random } from "../arch/riscv/random.ts";
import { ContractDevices } from "./engine_device.ts";
import {
  ALIAS,
  DATA,
  DATA_PAGES,
  FIXED,
  HANDLERS,
  LEAVES,
  PROGRAM,
  randomProgram,
  trapHandler,
} from "./engine_program.ts";

/** How addresses are translated. */
export type Regime = "machine" | "supervisor" | "user" | "virtual supervisor" | "virtual user";

/** All regimes. */
export const REGIMES: readonly Regime[] = ["machine", "supervisor", "user", "virtual supervisor", "virtual user"];

const MODES: Readonly<Record<Regime, readonly [privilege: number, virtual: number]>> = {
  "machine": [3, 0],
  "supervisor": [1, 0],
  "user": [0, 0],
  "virtual supervisor": [1, 1],
  "virtual user": [0, 1],
};

/** What makes a change of the table seen that a program of the regime runs under, in every mode that can reach the table. */
const FENCES: Readonly<Record<Regime, readonly string[]>> = {
  "machine": ["sfence.vma", "hfence.vvma"],
  "supervisor": ["sfence.vma"],
  "user": ["sfence.vma"],
  "virtual supervisor": ["sfence.vma"],
  "virtual user": ["sfence.vma"],
};

/** Code is hot after two samples some steps apart: programs are short, and part of them is to stay cold. */
const EAGER: TranslatorOptions = { hotSamples: 2, stepsBetweenSamples: 5 };

/** MPRV, among the bits of x22. */
const MPRV = 1n << 17n;

/** Tables: the first stage's root, middle and last level, then those of the second stage. */
const ROOT = RAM + 0x40000;
const MIDDLE = RAM + 0x41000;
const NESTED_ROOT = RAM + 0x44000;
const NESTED_MIDDLE = RAM + 0x48000;
const NESTED_LEAVES = RAM + 0x49000;

const Pte = { V: 1, RWX: 14, U: 16, AD: 0xc0 };
const SV39 = 8n << 60n;
const PAGES = 128;

/** State that says how an engine works, not what the guest sees. */
const INTERNAL: readonly string[] = [
  "readTable",
  "writeTable",
  "fetchTable",
  "budget",
  "budgetLeft",
  "exitRequest",
  "leaveRegions",
];

const COMPARED = (Object.keys(FIELD) as FieldName[]).filter((name) => !INTERNAL.includes(name));

/** A machine with a random program, made from a seed: the same for every engine. */
export class EngineWorld {
  readonly world: World;
  /** Whether interrupts come; else the program changes its page table, which must not be interrupted before its fence. */
  readonly isDisturbed: boolean;
  readonly #outside: Random;
  readonly #watched: boolean;
  readonly #devices = new ContractDevices();
  /** Steps before the run in progress. */
  #steps = 0;
  #runs = false;

  /** @param direct Whether accesses to devices go the short way instead of being exits */
  constructor(engine: EngineName, regime: Regime, seed: number, direct: boolean) {
    const random = new Random(seed);
    this.isDisturbed = random.below(2) === 0;
    const devices = direct ? this.#devices : undefined;
    this.world = new World({ mode: "machine", arch: { engine }, translation: engine === "jit" ? EAGER : {}, devices });
    this.#devices.reach = {
      world: this.world,
      steps: () => this.#steps + (this.#runs ? this.world.cpu.steps : 0),
      interrupts: this.isDisturbed,
      code: [PROGRAM, 512],
      page: DATA + 0x3000,
    };
    this.world.writeHalves(PROGRAM, ...randomProgram(random, this.isDisturbed ? [] : FENCES[regime]));
    this.world.write(HANDLERS.machine, ...trapHandler(HANDLERS.machine, "machine"));
    this.world.write(HANDLERS.supervisor, ...trapHandler(HANDLERS.supervisor, "supervisor"));
    this.world.write(HANDLERS.virtual, ...trapHandler(HANDLERS.virtual, "supervisor"));
    for (let at = DATA; at < DATA + DATA_PAGES * 4096; at += 8) this.world.write64(at, random.value());
    this.#makeTables(random, MODES[regime][0] === 0);
    this.#setRegisters(random, MODES[regime][1] !== 0);
    this.#setControl(random, regime);
    this.#outside = new Random(seed);
    this.#watched = random.below(3) === 0;
    if (this.#watched) this.world.space.startDirtyLog();
  }

  /** Runs exactly so many steps, answering every exit. */
  run(steps: number): void {
    const { world } = this;
    const devices = this.#devices;
    for (let left = steps; left > 0;) {
      this.#runs = true;
      const exit = world.cpu.run(left);
      this.#runs = false;
      left -= world.cpu.steps;
      this.#steps += world.cpu.steps;
      switch (exit.kind) {
        case "MmioRead": {
          const low = devices.read(0, exit.addr, exit.width);
          if (low < 0) world.cpu.injectFault("access", "read");
          else world.cpu.completeMmioRead(low, devices.high);
          break;
        }
        case "MmioWrite":
          if (devices.write(0, exit.addr, exit.width, exit.low, exit.high)) world.cpu.completeMmioWrite();
          else world.cpu.injectFault("access", "write");
          break;
        case "NestedPageFault":
          if (!world.space.handlePageFault(exit.addr, exit.access)) world.cpu.injectFault("access", exit.access);
          break;
        case "FailEntry":
          throw new Error(exit.reason);
      }
    }
  }

  /** Something outside changes: wires, interrupt enables, time. */
  disturb(): void {
    if (!this.isDisturbed) return;
    const { state } = this.world.cpu.hart;
    const wires = this.#outside.word() & this.#outside.word() & 0xa08;
    state.setWord(FIELD.lines, wires);
    state.set(FIELD.mie, state.low(FIELD.mie) | this.#outside.word() & 0x1eee, 0);
    this.world.time += this.#outside.below(100);
  }

  /** Everything that the guest can see, by name. */
  picture(): Record<string, string> {
    const { state } = this.world.cpu.hart;
    const seen: Record<string, string> = {};
    for (let i = 0; i < 32; i++) {
      seen[`x${i}`] = state.get64(X_REGISTERS + i * 8).toString(16);
      seen[`f${i}`] = state.get64(F_REGISTERS + i * 8).toString(16);
    }
    for (const name of COMPARED) {
      const isWord = FIELD[name] >= FIELD.privilege;
      seen[name] = isWord ? String(state.word(FIELD[name])) : state.get64(FIELD[name]).toString(16);
    }
    return seen;
  }

  /** All of RAM, as 64-bit words; no copy. */
  memory(): BigUint64Array {
    const start = this.world.host(RAM) / 8;
    return this.world.memory.u64.subarray(start, start + PAGES * 512);
  }

  /** Pages that the guest wrote, if the VM watches. */
  dirtyPages(): number[] {
    return this.#watched ? this.world.space.takeDirtyLog() : [];
  }

  /** The instruction at pc, for messages. */
  instruction(): string {
    const { hart } = this.world.cpu;
    const pc = hart.state.get64(FIELD.pc);
    const half = (at: bigint): number => {
      const host = hart.mmu.debugTranslate(at, 2);
      return host === undefined ? 0 : this.world.memory.u16[host / 2];
    };
    const first = half(pc);
    const bits = (first & 3) === 3 ? first | half(pc + 2n) << 16 : first;
    return `0x${pc.toString(16)}: ${(bits >>> 0).toString(16)} ${disassemble(bits, pc)}`;
  }

  #makeTables(random: Random, user: boolean): void {
    const { world } = this;
    const pointer = (table: number) => (BigInt(table) >> 2n) | 1n;
    const gigabyte = (address: number) => Number(BigInt(address) >> 30n) * 8;
    world.write64(ROOT + gigabyte(RAM), pointer(MIDDLE));
    world.write64(ROOT + gigabyte(RAM + ALIAS), pointer(MIDDLE));
    world.write64(ROOT, (0n << 10n) | BigInt(Pte.V | Pte.RWX | Pte.AD | (user ? Pte.U : 0))); // devices
    world.write64(MIDDLE, pointer(LEAVES));
    world.write64(NESTED_ROOT + gigabyte(RAM), pointer(NESTED_MIDDLE));
    world.write64(NESTED_ROOT, BigInt(Pte.V | Pte.RWX | Pte.AD | Pte.U));
    world.write64(NESTED_MIDDLE, pointer(NESTED_LEAVES));
    for (let page = 0; page < PAGES; page++) {
      const address = RAM + page * 4096;
      const isData = address >= DATA && address < DATA + DATA_PAGES * 4096;
      const leaf = BigInt(address) >> 2n;
      const full = Pte.V | Pte.RWX | Pte.AD;
      const limited = () => random.below(3) === 0 ? Pte.V | random.word() & 0xce : full;
      // Handlers and page tables stay the supervisor's.
      const ownU = user && address !== HANDLERS.machine && address < ROOT ? Pte.U : 0;
      world.write64(LEAVES + page * 8, leaf | BigInt((isData ? limited() : full) | ownU));
      world.write64(NESTED_LEAVES + page * 8, leaf | BigInt((isData ? limited() : full) | Pte.U));
    }
  }

  #setRegisters(random: Random, virtual: boolean): void {
    const { cpu } = this.world;
    for (let i = 1; i < 32; i++) cpu.setGpr(i, random.value());
    for (const [register, value] of FIXED) cpu.setGpr(register, BigInt(value));
    // Only with V=1 is the guest's table there, so that the fence of V=1 is the right one.
    if (virtual) cpu.setGpr(20, cpu.getGpr(20) + BigInt(ALIAS * 256));
    if (virtual) cpu.setGpr(22, cpu.getGpr(22) & ~MPRV);
    for (let i = 0; i < 32; i++) cpu.hart.state.set64(F_REGISTERS + i * 8, randomFloat(random));
  }

  #setControl(random: Random, regime: Regime): void {
    const { hart } = this.world.cpu;
    const all = 0xffff_ffff_ffff_ffffn;
    writeCsr64(hart, 0x3b0, all);
    writeCsr64(hart, 0x3a0, 0x1fn);
    writeCsr64(hart, 0x305, BigInt(HANDLERS.machine + random.below(2)));
    writeCsr64(hart, 0x105, BigInt(HANDLERS.supervisor + random.below(2)));
    writeCsr64(hart, 0x205, BigInt(HANDLERS.virtual + random.below(2)));
    for (const epc of [0x341, 0x141, 0x241]) writeCsr64(hart, epc, BigInt(PROGRAM));
    const some = (bits: bigint): bigint => random.value() & bits | random.value() & bits;
    writeCsr64(hart, 0x30a, some(0xe000_0000_0000_00f1n));
    writeCsr64(hart, 0x10a, some(0xf1n));
    writeCsr64(hart, 0x60a, some(0xe000_0000_0000_00f1n));
    for (const csr of [0x302, 0x303, 0x602, 0x603, 0x306, 0x106, 0x606, 0x304]) writeCsr64(hart, csr, some(0xf0_ffffn));
    const [privilege, virtual] = MODES[regime];
    const root = SV39 | BigInt(ROOT) >> 12n;
    if (privilege < 3 && !virtual) writeCsr64(hart, 0x180, root);
    if (virtual || privilege === 3) writeCsr64(hart, 0x280, random.below(4) === 0 ? 0n : root);
    if (virtual || privilege === 3) writeCsr64(hart, 0x680, SV39 | BigInt(NESTED_ROOT) >> 12n);
    writeCsr64(hart, 0x300, BigInt(random.below(4)) << 13n | BigInt(random.below(4) << 18) | 0x80n);
    writeCsr64(hart, 0x200, BigInt(1 + random.below(3)) << 13n | BigInt(random.below(4) << 18));
    writeCsr64(hart, 0x600, some(0x700n));
    updateFpAccess(hart);
    setMode(hart, privilege, virtual);
    hart.state.set64(FIELD.pc, BigInt(PROGRAM));
  }
}

/** Exponent fields of zeros and subnormals, the smallest and the largest numbers, infinities and NaNs. */
const EDGES = { double: [0, 1, 2, 0x7fd, 0x7fe, 0x7ff], single: [0, 1, 2, 0xfd, 0xfe, 0xff] };

/** A double or a boxed single, seldom a badly boxed one, with exponents that meet each other or the limits. */
function randomFloat(random: Random): bigint {
  const bits = random.value();
  const fraction = random.below(2) === 0 ? bits : bits & ~0xf_ffff_ffff_ffffn;
  switch (random.below(8)) {
    case 0:
      return bits;
    case 1:
      return fraction & ~(0x7ffn << 52n) | BigInt(EDGES.double[random.below(6)]) << 52n;
    case 2:
      return 0xffffffff_00000000n | fraction >> 29n & 0x807fffffn | BigInt(EDGES.single[random.below(6)]) << 23n;
    case 3:
    case 4:
      return (bits & ~(0x7ffn << 52n)) | (BigInt(1020 + random.below(8)) << 52n);
    default:
      return 0xffffffff_00000000n | (bits & 0x807fffffn) | (BigInt(124 + random.below(8)) << 23n);
  }
}
