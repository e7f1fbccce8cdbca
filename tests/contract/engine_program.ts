/**
 * Random programs for the contract suite of engines: every instruction of the table, every mode's system instructions, stores over
 * code and page tables, branches into the middle of instructions.
 *
 * @module
 */
import { listCsrs } from "../../arch/riscv/csr/csr_file.ts";
import { COMPRESSED, decode, encode, type Instruction, INSTRUCTIONS } from "../../arch/riscv/isa/mod.ts";
import { asm, csrw } from "../arch/riscv/assemble.ts";
import { RAM } from "../arch/riscv/guest_world.ts";
import type { Random } from "../arch/riscv/random.ts";

/** Bytes of a block: a trap goes on at the next block. */
const BLOCK = 64;

/** Blocks of a program: it crosses a page in the middle. */
const BLOCKS = 32;

/** Address of a program. */
export const PROGRAM = RAM + 0x2000 - (BLOCK * BLOCKS) / 2;

/** First address above a program. */
const PROGRAM_END = PROGRAM + BLOCK * BLOCKS;

/** Trap handlers of M-mode, HS-mode and VS-mode. */
export const HANDLERS = { machine: RAM + 0x8000, supervisor: RAM + 0x8080, virtual: RAM + 0x8100 };

/** Pages of data, whose permissions are random. */
export const DATA = RAM + 0x10000;

/** How many pages of data there are. */
export const DATA_PAGES = 8;

/** Where program and data appear a second time: virtual address minus address. */
export const ALIAS = 0x4000_0000;

/** Last-level table of the regime that a program runs in: its entries for the pages of data are toggled. */
export const LEAVES = RAM + 0x42000;

/** Registers with a meaning, which programs do not write, and their values. */
export const FIXED: readonly (readonly [register: number, value: number])[] = [
  [5, DATA + 0x100],
  [6, DATA + 0xff8],
  [7, 0x1000_0000], // a device
  [8, PROGRAM_END - 512],
  [9, DATA + ALIAS + 0x1080],
  [18, PROGRAM_END - 256 + ALIAS],
  [19, DATA + 0x3000],
  [20, (LEAVES + (DATA - RAM) / 4096 * 8) * 256], // shifted, so that no copy of it leads there
  [21, 0x000c_6000], // SUM, MXR, FS
  [22, 0x0002_1822], // MPRV, MPP, SIE, SPIE
  [23, 0x0000_0aaa], // interrupts
  [24, 0x0000_0007], // counters
  [25, DATA + 0x5ffd],
  [29, PROGRAM],
];

const BLOCK_POINTER = 29;
const KEPT = FIXED.map(([register]) => register);

/** Pointers for accesses, likely ones more often. */
const POINTERS = [5, 5, 5, 6, 6, 7, 8, 9, 9, 18, 19, 25];

/** CSRs whose value programs may set to anything, by number. */
const FREE_CSRS = [
  ...[0x001, 0x002, 0x003],
  ...[0x140, 0x240, 0x340], // scratch
  ...[0x142, 0x143, 0x242, 0x243, 0x342, 0x343, 0x34a, 0x34b, 0x643, 0x64a], // causes and values
  ...[0xb00, 0xb02, 0xc00, 0xc01, 0xc02, 0xc03, 0xb03, 0x323],
  ...[0x302, 0x303, 0x602, 0x603, 0x605, 0x10a, 0x60a, 0x14d, 0x24d, 0x607, 0x645],
  ...[0x301, 0xf11, 0xf14, 0x7c0, 0xfff], // fixed, and such as do not exist
];

/** CSRs that are only changed by the masks in registers, so that programs stay where they can be watched. */
const MASKED_CSRS: readonly (readonly [csr: number, mask: number])[] = [
  [0x100, 21],
  [0x100, 22],
  [0x200, 21],
  [0x300, 21],
  [0x300, 22],
  [0x104, 23],
  [0x204, 23],
  [0x304, 23],
  [0x344, 23],
  [0x144, 23],
  [0x106, 24],
  [0x306, 24],
  [0x606, 24],
  [0x320, 24],
];

/** All that exist, for reads. */
const EVERY_CSR = listCsrs().map(({ number }) => number);

const STATUS_CSRS = [0x100, 0x100, 0x200, 0x300];

const GROUPS: readonly (readonly Instruction[])[] = [
  INSTRUCTIONS.filter(({ extension, run }) => run && !["a", "f", "d"].includes(extension)),
  INSTRUCTIONS.filter(({ extension }) => ["f", "d"].includes(extension)),
  INSTRUCTIONS.filter(({ extension }) => extension === "a"),
  INSTRUCTIONS.filter(({ call, extension }) => call && extension !== "zicsr"),
];

/** How often each group is drawn. */
const GROUP_WEIGHTS = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3];

/** The same in programs that are about floating point. */
const FLOAT_WEIGHTS = [0, 1, 1, 1, 1, 1, 1];

function isMemoryAccess({ pattern, extension }: Instruction): boolean {
  return extension === "a" || extension.startsWith("zicbo") || /(0000011|0100011|0000111|0100111)$/.test(pattern);
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)];
}

function destination(random: Random): number {
  const register = random.below(32);
  return KEPT.includes(register) ? 0 : register;
}

/** Near addresses mostly; branches stay around the program, often in the middle of instructions. */
function immediate(random: Random, row: Instruction): number {
  switch (row.format) {
    case "B":
    case "J":
      return 2 * random.below(96) - 32;
    case "U":
      return random.word() & 0xfffff000;
    default:
      return isMemoryAccess(row) ? random.below(64) - 24 : random.word() >> 20;
  }
}

function wide(random: Random, weights: readonly number[] = GROUP_WEIGHTS): number[] {
  const row = pick(random, GROUPS[pick(random, weights)]);
  if (row.name === "jalr") return [encode(row, { rd: 1, rs1: BLOCK_POINTER, imm: 2 * random.below(64) })];
  const pointer = isMemoryAccess(row) || row.extension === "h";
  const rs1 = pointer ? pick(random, POINTERS) : random.below(32);
  const operands = { rd: destination(random), rs1, rs2: random.below(32), rs3: random.below(32) };
  const bits = encode(row, { ...operands, imm: immediate(random, row) });
  // Rows without a format have their registers in the usual places.
  const placed = row.format === "none" && row.extension.startsWith("zicbo") ? bits | rs1 << 15 : bits;
  const rounds = row.syntax?.endsWith("rm") && random.below(4) === 0;
  return [rounds ? (placed & ~0x7000) | (random.below(8) << 12) : placed];
}

/** A compressed encoding that is legal and leaves the registers with a meaning alone. */
function compressed(random: Random): number {
  for (;;) {
    const row = pick(random, COMPRESSED);
    const bits = parseInt(row.pattern.replaceAll(".", () => String(random.below(2))), 2);
    const decoded = decode(bits);
    if (decoded === undefined || KEPT.includes(decoded.rd) || /c\.jal?r|c\.j$/.test(row.name)) continue;
    return bits;
  }
}

function csrAccess(random: Random): number[] {
  const rd = destination(random);
  const kind = random.below(8);
  if (kind === 0) return [asm("csrrs", { rd, rs1: 0, imm: pick(random, EVERY_CSR) })];
  if (kind === 1) {
    const rs1 = pick(random, [0, 2, 2, 2, 8, 10]); // SIE, MIE
    return [asm(pick(random, ["csrrsi", "csrrci"]), { rd, rs1, imm: pick(random, STATUS_CSRS) })];
  }
  if (kind < 5) {
    const name = pick(random, ["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"]);
    return [asm(name, { rd, rs1: pick(random, [0, 0, 10, 11, 12, 31]), imm: pick(random, FREE_CSRS) })];
  }
  const [imm, rs1] = pick(random, MASKED_CSRS);
  return [asm(pick(random, ["csrrs", "csrrc", "csrrc"]), { rd, rs1, imm })];
}

/** Sets flags and rounding mode, most often so that the host's arithmetic can be used. */
function floatControl(random: Random): number[] {
  const [csr, value] = pick(random, [[1, random.below(32)], [2, random.below(8)], [3, random.below(32)], [3, 1], [
    3,
    17,
  ]]);
  return [asm("csrrwi", { rd: 0, rs1: value, imm: csr })];
}

/** Halfwords of a program that no store reaches: a change of the page table must not lose its fence. */
const KEPT_HALVES = (BLOCK * BLOCKS - 768) / 2;

/** Pointers into pages of data, with the number of the page. */
const PAGE_POINTERS: readonly (readonly [register: number, page: number])[] = [[5, 0], [9, 1], [19, 3], [25, 5]];

/** Uses a page of data, flips V, R, W, X, U, G, A or D in its entry, fences, and uses it again. */
function toggleEntry(random: Random, fences: readonly string[]): number[] {
  const [pointer, page] = pick(random, PAGE_POINTERS);
  const use = () =>
    random.below(2) === 0 ? asm("ld", { rd: 11, rs1: pointer, imm: 8 }) : asm("sd", { rs1: pointer, rs2: 11, imm: 8 });
  return [
    use(),
    asm("srli", { rd: 10, rs1: 20, imm: 8 }),
    asm("ld", { rd: 11, rs1: 10, imm: 8 * page }),
    asm("xori", { rd: 11, rs1: 11, imm: 1 << random.below(8) }),
    asm("sd", { rs1: 10, rs2: 11, imm: 8 * page }),
    asm("addi", { rd: 10, rs1: 0, imm: 0 }),
    ...fences.map((name) => asm(name, { rs1: 0, rs2: 0 })),
    use(),
  ];
}

/** Copies an instruction over another, fences, and goes there. */
function modifyCode(random: Random): number[] {
  const pointer = pick(random, [8, 18]);
  return [
    asm("lwu", { rd: 10, rs1: 8, imm: -4 * random.below(100) }),
    asm(pick(random, ["sw", "sh", "sd"]), { rs1: pointer, rs2: 10, imm: -2 * random.below(100) }),
    ...(random.below(2) === 0 ? [asm("fence.i")] : []),
  ];
}

/** A reservation, with or without something in between. */
function reservation(random: Random): number[] {
  const [first, second] = random.below(4) === 0 ? [5, 9] : [5, 5];
  const size = pick(random, ["w", "d"]);
  return [
    asm(`lr.${size}`, { rd: 10, rs1: first }),
    ...(random.below(4) === 0 ? [asm("sd", { rs1: first, rs2: 11, imm: 0 })] : []),
    asm(`sc.${random.below(5) === 0 ? "w" : size}`, { rd: 11, rs1: second, rs2: 12 }),
  ];
}

/**
 * The halfwords of a program.
 *
 * @param fences Fences that follow a change of the page table; none: the program does not change it
 */
export function randomProgram(random: Random, fences: readonly string[]): number[] {
  const halves: number[] = [];
  const isFloat = random.below(4) === 0;
  const emit = (words: number[]) => words.forEach((word) => halves.push(word & 0xffff, word >>> 16));
  while (halves.length < (BLOCK * BLOCKS) / 2) {
    const kind = random.below(80);
    if (kind === 0) halves.push(random.below(65536));
    else if (kind < 3) emit([random.word()]);
    else if (isFloat && kind < 66) emit(kind < 12 ? floatControl(random) : wide(random, FLOAT_WEIGHTS));
    else if (kind < 25) halves.push(compressed(random));
    else if (kind < 33) emit(csrAccess(random));
    else if (kind < 36) {
      emit(fences.length > 0 && halves.length < KEPT_HALVES ? toggleEntry(random, fences) : wide(random));
    } else if (kind < 38) emit(modifyCode(random));
    else if (kind < 40) emit(reservation(random));
    else emit(wide(random));
  }
  return halves.slice(0, (BLOCK * BLOCKS) / 2);
}

/**
 * A trap handler: interrupts off, on to the next block, the first again after the last.
 *
 * @param at Where it lies
 */
export function trapHandler(at: number, level: "machine" | "supervisor"): number[] {
  const [enables, epc, leave] = level === "machine" ? [0x304, 0x341, "mret"] : [0x104, 0x141, "sret"];
  const wrap = at + 8;
  const from = (target: number) => target - wrap;
  return [
    csrw(enables, 0),
    asm("addi", { rd: BLOCK_POINTER, rs1: BLOCK_POINTER, imm: BLOCK }),
    asm("auipc", { rd: 31, imm: (from(PROGRAM_END) + 0x800) & 0xfffff000 }),
    asm("addi", { rd: 31, rs1: 31, imm: from(PROGRAM_END) << 20 >> 20 }),
    asm("bltu", { rs1: BLOCK_POINTER, rs2: 31, imm: 8 }),
    asm("addi", { rd: BLOCK_POINTER, rs1: 31, imm: -BLOCK * BLOCKS / 2 }),
    csrw(epc, BLOCK_POINTER),
    asm("addi", { rd: 10, rs1: 0, imm: 0 }), // it may lead to the page table
    asm(leave),
  ];
}
