/** Random programs that engines are compared on: all instructions, self-modifying stores and traps included. @module */
import { COMPRESSED, decode, encode, type Instruction, INSTRUCTIONS } from "../../../../arch/riscv/isa/mod.ts";
import type { Random } from "../random.ts";
import { RAM } from "./machine.ts";

/** Bytes of a block: a trap goes on at the next block. */
const BLOCK = 64;

/** Blocks of a program. */
const BLOCKS = 24;

/** Registers that hold addresses; programs never write them. */
const POINTERS = [5, 6, 7, 8];

/** Register that holds the address of the block that runs. */
const BLOCK_POINTER = 29;

const KEPT = [...POINTERS, BLOCK_POINTER];

/**
 * CSRs that programs access: fflags, frm, fcsr, cycle, instret, sscratch, scause, hvip, vsscratch, mscratch, mcause, mtval, mcycle,
 * minstret.
 */
const CSRS = [0x001, 0x002, 0x003, 0xc00, 0xc02, 0x140, 0x142, 0x645, 0x240, 0x340, 0x342, 0x343, 0xb00, 0xb02];

/** Where the trap handler lies. */
export const HANDLER = RAM + 0x8000;

/** Where the program begins: its blocks cross a page. */
export const PROGRAM = RAM + 0x1000 - BLOCK * (BLOCKS / 2) - 2;

/** Initial values of the pointers: data, data at the end of a page, outside RAM, the program itself. */
export const POINTER_VALUES: readonly [number, bigint][] = [
  [5, BigInt(RAM + 0x10000)],
  [6, BigInt(RAM + 0x12ff8)],
  [7, 0x1000n],
  [8, BigInt(PROGRAM + BLOCK * BLOCKS - 512)],
  [BLOCK_POINTER, BigInt(PROGRAM)],
];

const MEPC = 0x341;

const SYSTEM_EXTENSIONS = ["zicsr", "zicboz", "zicbom", "zicbop", "svinval", "h"];

const GROUPS: readonly (readonly Instruction[])[] = [
  INSTRUCTIONS.filter((row) =>
    ["i", "zifencei", "m", "zba", "zbb", "zbs", "zicond"].includes(row.extension) && row.run
  ),
  INSTRUCTIONS.filter((row) => ["f", "d"].includes(row.extension)),
  INSTRUCTIONS.filter((row) => row.extension === "a"),
  INSTRUCTIONS.filter((row) => SYSTEM_EXTENSIONS.includes(row.extension) || ["ecall", "sfence.vma"].includes(row.name)),
];

function isMemoryAccess({ pattern, extension }: Instruction): boolean {
  return extension === "a" || extension === "h" || extension.startsWith("zicbo") ||
    /(0000011|0100011|0000111|0100111)$/.test(pattern);
}

function destination(random: Random): number {
  const register = random.below(32);
  return KEPT.includes(register) ? 0 : register;
}

/** A random immediate that is small where large ones would only leave RAM or the program. */
function immediate(random: Random, row: Instruction): number {
  const near = random.below(64) - 24;
  switch (row.format) {
    case "B":
    case "J":
      return 2 * random.below(48) - 8;
    case "U":
      return random.word() & 0xfffff000;
    default:
      return isMemoryAccess(row) ? near : random.word() >> 20;
  }
}

/** A pointer to data most of the time; the misaligned accesses come from the offsets. */
function pointer(random: Random): number {
  return [5, 5, 5, 6, 6, 7, 8][random.below(7)];
}

function randomWide(random: Random): number {
  const group = GROUPS[[0, 0, 0, 0, 1, 1, 2, 3][random.below(8)]];
  const row = group[random.below(group.length)];
  if (row.name === "jalr") return encode(row, { rd: 1, rs1: BLOCK_POINTER, imm: 4 * random.below(16) });
  const rs1 = isMemoryAccess(row) ? pointer(random) : random.below(32);
  const operands = { rd: destination(random), rs1, rs2: random.below(32), rs3: random.below(32) };
  const imm = row.extension === "zicsr" ? CSRS[random.below(CSRS.length)] : immediate(random, row);
  const bits = encode(row, { ...operands, imm }) | (row.extension.startsWith("zicbo") ? rs1 << 15 : 0);
  // one in four has a rounding mode of its own, reserved ones among them
  const rounds = row.syntax?.endsWith("rm") && random.below(4) === 0;
  return rounds ? (bits & ~0x7000) | (random.below(8) << 12) : bits;
}

/** A compressed encoding that is legal and leaves the kept registers alone. */
function randomCompressed(random: Random): number {
  for (;;) {
    const row = COMPRESSED[random.below(COMPRESSED.length)];
    const bits = parseInt(row.pattern.replaceAll(".", () => String(random.below(2))), 2);
    const decoded = decode(bits);
    if (decoded === undefined || KEPT.includes(decoded.rd) || /c\.jal?r|c\.j$/.test(row.name)) continue;
    return bits;
  }
}

/** The halfwords of a program. */
export function randomProgram(random: Random): number[] {
  const halves: number[] = [];
  const size = (BLOCK * BLOCKS) / 2;
  while (halves.length < size) {
    const kind = random.below(40);
    if (kind === 0) halves.push(random.below(65536));
    else if (kind < 14) halves.push(randomCompressed(random));
    else {
      const bits = randomWide(random);
      halves.push(bits & 0xffff, bits >>> 16);
    }
  }
  // jal x0, 0: stays here
  halves.push(0x006f, 0x0000, 0x006f, 0x0000);
  return halves;
}

/** The trap handler: goes on at the next block, in the mode that trapped. */
export function trapHandler(): number[] {
  const named = (name: string) => INSTRUCTIONS.find((row) => row.name === name)!;
  return [
    encode(named("addi"), { rd: BLOCK_POINTER, rs1: BLOCK_POINTER, imm: BLOCK }),
    encode(named("csrrw"), { rd: 0, rs1: BLOCK_POINTER, imm: MEPC }),
    encode(named("mret"), {}),
  ];
}
