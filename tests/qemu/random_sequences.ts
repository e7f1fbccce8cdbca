/**
 * Random sequences for QEMU and us: integer, floating-point and privileged instructions.
 *
 * @module
 */
import {
  COMPRESSED,
  decode,
  encode,
  hasRoundingMode,
  type Instruction,
  INSTRUCTIONS,
} from "../../arch/riscv/isa/mod.ts";
import { asm, li } from "../arch/riscv/assemble.ts";
import type { Random } from "../arch/riscv/random.ts";
import { MODES, PAGES_ADDRESS, type Sequence } from "./sequence_image.ts";
import { BODY_HALVES, PAGES, SLOT_SIZE, slotAddress } from "./sequence_runtime.ts";

/** What a sequence is made of. */
export type Family = "integer" | "float" | "privileged" | "paging";

/** Extensions that QEMU 7.2 does not know: Zicond came with 8.1, Zicbom and Zicboz with 8.0, Zicbop later. */
const UNKNOWN_TO_QEMU = ["zicond", "zicbom", "zicboz", "zicbop"];

/** Registers that point into the sequence's memory: sp and both of those that compressed accesses reach, one misaligned. */
const POINTERS = [2, 8, 9] as const;

/**
 * CTZW is wrong in QEMU 7.2 where the low word is 0 and the high one is not (fixed in 8.0). SC fails there if memory changed since LR,
 * and pairs with an LR of another size, both of which the specification leaves open: they come as pairs with nothing between.
 */
const LEFT_OUT = /^(jalr|ctzw|lr\.[wd]|sc\.[wd])$/;

const INTEGER = INSTRUCTIONS.filter(({ run, extension, format }) =>
  run && !["f", "d", ...UNKNOWN_TO_QEMU].includes(extension) && format !== "J"
).filter(({ name }) => !LEFT_OUT.test(name));

const FLOAT = INSTRUCTIONS.filter(({ extension }) => ["f", "d"].includes(extension));

/**
 * WFI waits, and SRET and MRET go where the sequence cannot be followed. SFENCE.W.INVAL and SFENCE.INVAL.IR do not trap in U-mode on
 * QEMU 7.2.
 */
const PRIVILEGED = INSTRUCTIONS.filter(({ call, name, extension }) =>
  call && !["zicsr", ...UNKNOWN_TO_QEMU].includes(extension) && !/^(wfi|[ms]ret|sfence\..*inval.*)$/.test(name)
);

/** CSRs whose values are compared: cleared before each sequence, written by it, read after it. */
export const COMPARED_CSRS: readonly string[] = [
  ...["mstatus", "medeleg", "mideleg", "mie", "mcounteren"],
  ...["sstatus", "sie", "stvec", "scounteren", "sscratch", "sepc", "scause", "stval", "satp"],
  ...["hstatus", "hedeleg", "hideleg", "hie", "hcounteren", "hvip", "htval", "hgatp", "htimedelta"],
  ...["vsie", "vstvec", "vsscratch", "vsepc", "vscause", "vstval", "vsatp"],
];

const ALL = -1n;

/**
 * CSRs that programs access, with the bits that they write: those which QEMU 7.2 and we both implement and which do not end the
 * sequence. QEMU keeps bits that the specification calls read-only zero in hstatus, vsstatus, vstvec, sepc, vsepc and the counter
 * enables, ignores a write of stvec with a reserved mode where we take the base, and has no SD in vsstatus.
 */
const WRITABLE: ReadonlyMap<number, bigint> = new Map([
  ...[0x001, 0x002, 0x003].map((number) => [number, ALL] as const), // fflags, frm, fcsr
  [0x300, 0x7c_61a2n], // mstatus: SIE, SPIE, MPIE, SPP, FS, SUM, MXR, TVM, TW, TSR
  [0x100, 0x0c_6122n], // sstatus: SIE, SPIE, SPP, FS, SUM, MXR
  [0x302, 0xb0_b000n], // medeleg: page faults, which do not happen here
  [0x602, 0xb000n], // hedeleg
  [0x303, 0x222n], // mideleg
  [0x304, 0x1666n], // mie, without interrupts of M-mode
  [0x104, 0x222n], // sie
  [0x604, 0x1444n], // hie
  [0x204, 0x222n], // vsie
  [0x603, 0x444n], // hideleg
  [0x645, 0x44n], // hvip without VSEIP: QEMU 7.2 takes the lowest number first, also where VSEI has priority
  ...[0x306, 0x106, 0x606].map((number) => [number, 7n] as const), // counter enables
  [0x600, 0x70_0380n], // hstatus: SPV, SPVP, HU, VTVM, VTW, VTSR
  [0x105, 0x7fdn], // stvec, where nothing is, also 4 times a cause further: QEMU has a ROM at 0x1000
  [0x205, 0x7fdn], // vstvec
  [0x141, ~1n], // sepc
  [0x241, ~1n], // vsepc
  ...[0x140, 0x142, 0x143, 0x240, 0x242, 0x243, 0x605, 0x643].map((number) => [number, ALL] as const),
  ...[0x180, 0x280, 0x680, 0x301, 0xf11, 0xf14].map((number) => [number, 0n] as const), // read only, or not written here
  ...[0x5c0, 0x7ff, 0x9ff, 0xcff].map((number) => [number, ALL] as const), // do not exist
]);

const CSR_NUMBERS: readonly number[] = [...WRITABLE.keys()];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)];
}

function isAccess({ pattern, extension }: Instruction): boolean {
  return extension === "a" || /(0000011|0100011|0000111|0100111)$/.test(pattern);
}

function destination(random: Random): number {
  const register = random.below(32);
  return POINTERS.some((pointer) => pointer === register) ? 0 : register;
}

function wide(random: Random, row: Instruction): number {
  const access = isAccess(row) || row.extension === "h";
  // Atomics are aligned: QEMU 7.2 calls a misaligned AMO's fault one of a load, and an SC without reservation has none.
  const rs1 = row.extension === "a" ? pick(random, [8, 2]) : access ? pick(random, [8, 8, 8, 2, 9]) : random.below(32);
  const imm = access ? random.below(64) - 16 : row.format === "U" ? random.word() & 0xfffff000 : random.word() >> 20;
  const bits = encode(row, { rd: destination(random), rs1, rs2: random.below(32), rs3: random.below(32), imm });
  return hasRoundingMode(row) && row.syntax?.endsWith("rm") ? bits & ~0x7000 | random.below(8) << 12 : bits;
}

function compressed(random: Random): number | undefined {
  const row = pick(random, COMPRESSED);
  const bits = parseInt(row.pattern.replaceAll(".", () => String(random.below(2))), 2);
  const decoded = decode(bits);
  if (decoded === undefined || /^(jal|jalr|beq|bne|ebreak)$/.test(decoded.instruction.name)) return undefined;
  const { instruction, rd, rs1 } = decoded;
  const isStore = instruction.format === "S";
  if (!isStore && !instruction.name.startsWith("f") && POINTERS.some((pointer) => pointer === rd)) return undefined;
  if (isAccess(instruction) && !POINTERS.some((pointer) => pointer === rs1)) return undefined;
  return isAccess(instruction) && decoded.imm > 64 ? undefined : bits;
}

/** Operand of CSR accesses, set before each. */
const OPERAND = 31;

/** A CSR access with an operand of bits that the CSR has. */
function csrAccess(random: Random): number[] {
  const imm = pick(random, CSR_NUMBERS);
  const bits = WRITABLE.get(imm)!;
  const rd = destination(random);
  // A write of fcsr that changes nothing makes FS dirty here; on QEMU, setting and clearing no bits is no write.
  const name = imm <= 3 ? "csrrw" : pick(random, ["csrrw", "csrrs", "csrrc"]);
  if (bits === 0n) return [asm("csrrs", { rd, rs1: 0, imm })];
  if (bits === ALL) return [asm(name + pick(random, ["", "i"]), { rd, rs1: random.below(32), imm })];
  const value = Number(BigInt.asIntN(32, random.value() & bits));
  if (value >= 0 && value < 32) return [asm(`${name}i`, { rd, rs1: value, imm })];
  return [...li(OPERAND, value), asm(name, { rd, rs1: OPERAND, imm })];
}

function instructions(random: Random, family: Family): number[] {
  switch (family) {
    case "integer":
      return [wide(random, pick(random, INTEGER))];
    case "float":
      return random.below(8) === 0
        ? [asm(pick(random, ["csrrw", "csrrwi", "csrrs"]), {
          rd: destination(random),
          rs1: random.below(32),
          imm: 1 + random.below(3),
        })]
        : [wide(random, pick(random, FLOAT))];
    case "paging":
      return pageAccess(random);
    case "privileged":
      return random.below(4) === 0 ? [wide(random, pick(random, PRIVILEGED))] : csrAccess(random);
  }
}

/** QEMU 7.2 calls faults of AMOs those of loads, and an SC without reservation does not fault there. */
const ACCESSES = INSTRUCTIONS.filter((row) => isAccess(row) && row.extension !== "a");

/** sstatus.SUM and sstatus.MXR. */
const SUM_AND_MXR = 0x000c_0000;

/**
 * An access to one of the pages, aligned: a misaligned one that crosses pages has the address of a part of it in mtval on QEMU. Or a
 * change of what supervisors may access, or a fence.
 */
function pageAccess(random: Random): number[] {
  const kind = random.below(12);
  if (kind === 0) {
    return [...li(OPERAND, SUM_AND_MXR & random.word()), asm("csrrw", { rd: 0, rs1: OPERAND, imm: 0x100 })];
  }
  if (kind === 1) return [asm("sfence.vma", { rs1: pick(random, [0, 8]), rs2: 0 })];
  const operands = { rd: destination(random), rs1: pick(random, POINTERS), rs2: random.below(32) };
  return [encode(pick(random, ACCESSES), { ...operands, imm: 8 * (random.below(8) - 4) })];
}

function body(random: Random, family: Family): number[] {
  const halves: number[] = [];
  const length = 8 + random.below(BODY_HALVES - 16); // at most 6 halfwords are added beyond
  while (halves.length < length) {
    if ((family === "integer" || family === "float") && random.below(4) === 0) {
      const short = compressed(random);
      if (short !== undefined) halves.push(short);
      continue;
    }
    if (family === "integer" && random.below(20) === 0) {
      pair(random).forEach((word) => halves.push(word & 0xffff, word >>> 16));
      continue;
    }
    const some = instructions(random, family);
    const isBranch = (some[0] & 0x7f) === 0x63;
    // A branch skips the two 4-byte instructions behind it, or one.
    const words = isBranch ? [skipping(some[0], 4 * (2 + random.below(2))), anyAlu(random), anyAlu(random)] : some;
    words.forEach((word) => halves.push(word & 0xffff, word >>> 16));
  }
  return halves;
}

/** LR and SC with an instruction between that accesses no memory. */
function pair(random: Random): number[] {
  const size = pick(random, ["w", "d"]);
  const rs1 = pick(random, [2, 8]);
  return [
    asm(`lr.${size}`, { rd: destination(random), rs1 }),
    anyAlu(random),
    asm(`sc.${size}`, { rd: destination(random), rs1: random.below(4) === 0 ? 10 - rs1 : rs1, rs2: random.below(32) }),
  ];
}

function skipping(bits: number, distance: number): number {
  return bits & ~0xfe000f80 | (distance & 0x1e) << 7;
}

function anyAlu(random: Random): number {
  return asm("addi", { rd: destination(random), rs1: random.below(32), imm: random.below(2048) });
}

/** Doubles and boxed singles whose exponents meet, corner values, and bits that are badly boxed. */
function float(random: Random): bigint {
  const bits = (BigInt(random.word()) << 32n) | BigInt(random.word());
  const sign = bits & 1n << 63n;
  switch (random.below(8)) {
    case 0:
      return bits;
    case 1:
      return sign | pick(random, DOUBLES);
    case 2:
      return 0xffffffff_00000000n | sign >> 32n | pick(random, SINGLES);
    case 3:
    case 4:
      return (bits & ~(0x7ffn << 52n)) |
        (BigInt(pick(random, [1020, 1023, 1050, 1054, 1086, 1, 970])) + BigInt(random.below(6))) << 52n;
    default:
      return 0xffffffff_00000000n | (bits & 0x807fffffn) |
        (BigInt(pick(random, [122, 127, 150, 158, 190, 1])) + BigInt(random.below(6))) << 23n;
  }
}

const DOUBLES: readonly bigint[] = [
  0n,
  1n,
  0xf_ffff_ffff_ffffn,
  0x10_0000_0000_0000n,
  0x3ff0_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x7ff0_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  0x7ff8_0000_0000_0000n,
  0x43e0_0000_0000_0000n,
  0x41df_ffff_ffc0_0000n,
  0x3810_0000_0000_0000n,
  0x3690_0000_0000_0000n,
];

const SINGLES: readonly bigint[] = [
  0n,
  1n,
  0x7f_ffffn,
  0x80_0000n,
  0x3f80_0000n,
  0x7f7f_ffffn,
  0x7f80_0000n,
  0x7f80_0001n,
  0x7fc0_0000n,
  0x4f00_0000n,
  0x4eff_ffffn,
  0x5f00_0000n,
];

/** Makes sequence `index` of `count`. */
export function randomSequence(random: Random, family: Family, count: number, index: number): Sequence {
  const slot = BigInt(slotAddress(count, index));
  const x = Array.from({ length: 31 }, () => random.value());
  x[1] = slot;
  x[7] = slot + 32n;
  x[8] = slot + BigInt(32 + random.below(16));
  const modes = Object.keys(MODES) as (keyof typeof MODES)[];
  const paging = family === "paging";
  if (paging) {
    for (const pointer of POINTERS) x[pointer - 1] = BigInt(PAGES_ADDRESS + 4096 * random.below(PAGES) + 1024);
  }
  return {
    halves: body(random, family),
    x,
    f: Array.from({ length: 32 }, () => float(random)),
    fcsr: random.below(32) | pick(random, [0, 0, 1, 2, 3, 4, 5, 7]) << 5,
    mode: paging ? pick(random, modes.slice(1)) : family === "privileged" ? pick(random, modes) : "M",
    slot: Array.from({ length: SLOT_SIZE / 8 }, () => random.value()),
    flags: paging ? Array.from({ length: PAGES * 2 }, (_, i) => entryFlags(random, i >= PAGES)) : undefined,
  };
}

/** Flags of a page-table entry: everything allowed half of the time, else anything, A and D often clear. */
function entryFlags(random: Random, nested: boolean): number {
  const always = random.below(8) === 0 ? 0 : 1;
  const user = nested ? (random.below(8) === 0 ? 0 : 16) : random.word() & 16;
  const rights = random.below(2) === 0 ? 14 : random.word() & 14;
  // On QEMU 7.2 the guest's MXR makes execute-only pages of the second stage readable too: those get R.
  const readable = nested && (rights & 8) !== 0 ? 2 : 0;
  return always | user | rights | readable | random.word() & 0xe0;
}
