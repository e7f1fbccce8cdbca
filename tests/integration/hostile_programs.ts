/**
 * Programs that mean harm, made from a seed.
 *
 * @module
 */
import { encode, INSTRUCTIONS } from "../../arch/riscv/isa/mod.ts";
import type { Random } from "../arch/riscv/random.ts";
import { RAM } from "./guest.ts";

/** A number that something may go wrong at: addresses of RAM and devices and their ends, extremes, small numbers, anything. */
export function nastyNumber(random: Random): bigint {
  const places = [
    0n,
    0x10_0000n,
    0x200_0000n,
    0xc00_0000n,
    0x1000_0000n,
    0x1000_1000n,
    BigInt(RAM),
    BigInt(RAM + 0x40_0000),
    BigInt(RAM + 0x3ff_f000),
    BigInt(RAM + 0x400_0000),
    1n << 31n,
    1n << 32n,
    1n << 38n,
    1n << 39n,
    1n << 41n,
    1n << 50n,
    1n << 56n,
    1n << 63n,
    (1n << 64n) - 1n,
    (1n << 53n) - 1n,
  ];
  switch (random.below(4)) {
    case 0:
      return random.value();
    case 1:
      return BigInt(random.below(64));
    default: {
      const place = places[random.below(places.length)];
      const distance = BigInt(random.below(3) === 0 ? random.below(0x2000) - 0x1000 : 8 * random.below(9) - 32);
      return BigInt.asUintN(64, place + (random.below(2) === 0 ? 0n : distance));
    }
  }
}

/** Bytes without any sense. */
export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

/** Instructions that all exist, with random operands: all privileged ones among them. */
export function randomInstructions(random: Random, count: number): Uint8Array {
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const row = INSTRUCTIONS[random.below(INSTRUCTIONS.length)];
    const near = row.format === "B" || row.format === "J";
    const imm = near ? 4 * random.below(64) - 96 : random.word() | 0;
    words[i] = encode(row, {
      rd: random.below(32),
      rs1: random.below(32),
      rs2: random.below(32),
      rs3: random.below(32),
      imm,
    });
    // Operands that no format names: CSR numbers, addresses of cache blocks.
    if (row.format === "none") words[i] |= row.pattern.slice(12, 17) === "....." ? random.below(32) << 15 : 0;
  }
  return new Uint8Array(words.buffer);
}

/** A trap handler that skips the instruction; `x` is s or m. */
export function skippingHandler(x: "s" | "m"): string {
  return `
    .align 2
    trap:
    csrr t6,${x}epc
    addi t6,t6,4
    csrw ${x}epc,t6
    ${x}ret
  `;
}

const ACCESSES = [
  "lb t0,0(s0)",
  "lbu t0,0(s0)",
  "lh t0,0(s0)",
  "lhu t0,0(s0)",
  "lw t0,0(s0)",
  "lwu t0,0(s0)",
  "ld t0,0(s0)",
  "flw fa0,0(s0)",
  "fld fa0,0(s0)",
  "sb t1,0(s0)",
  "sh t1,0(s0)",
  "sw t1,0(s0)",
  "sd t1,0(s0)",
  "fsw fa0,0(s0)",
  "fsd fa0,0(s0)",
  "amoadd.w t0,t1,(s0)",
  "amomaxu.d t0,t1,(s0)",
  "amoswap.w t0,t1,(s0)",
  "lr.w t0,(s0)",
  "sc.w t0,t1,(s0)",
  "cbo.zero (s0)",
  "cbo.flush (s0)",
];

/** Accesses of every kind to addresses that `address` gives, with nasty data. */
export function hammer(random: Random, count: number, address: () => number | bigint): string {
  return Array.from({ length: count }, () => `
    li s0,${address()}
    li t1,${nastyNumber(random)}
    ${ACCESSES[random.below(ACCESSES.length)]}
  `).join("");
}

/** Writes of words to the registers of a virtio slot, most of them plausible ones. */
export function virtioProbes(random: Random, count: number, slot: number, rings: number): string {
  const registers = [
    0x14,
    0x20,
    0x24,
    0x30,
    0x38,
    0x44,
    0x50,
    0x50,
    0x50,
    0x64,
    0x70,
    0x80,
    0x84,
    0x90,
    0x94,
    0xa0,
    0xa4,
  ];
  const values = (): bigint => {
    switch (random.below(5)) {
      case 0:
        return BigInt([0, 1, 3, 11, 15, 15, 15, 128][random.below(8)]);
      case 1:
        return BigInt(rings + 0x100 * random.below(16));
      case 2:
        return BigInt(2 ** random.below(9));
      default:
        return nastyNumber(random) & 0xffff_ffffn;
    }
  };
  return Array.from({ length: count }, () => `
    li s0,${slot + registers[random.below(registers.length)]}
    li t1,${values()}
    sw t1,0(s0)
    lw t0,0(s0)
  `).join("");
}

/** Rings whose every field is nonsense of the plausible kind: chains that loop, lengths without end, buffers over the rings. */
export function hostileRings(random: Random, bytes: number, rings: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  for (let at = 0; at < bytes; at += 16) {
    const inside = BigInt(rings + random.below(bytes));
    view.setBigUint64(at, random.below(3) === 0 ? nastyNumber(random) : inside, true);
    view.setUint32(at + 8, [0, 1, 16, 512, 4096, 0xffff_ffff, random.word()][random.below(7)], true);
    view.setUint16(at + 12, random.below(8), true);
    view.setUint16(at + 14, random.below(2) === 0 ? random.below(8) : random.word(), true);
  }
  return new Uint8Array(view.buffer);
}

/** SBI calls with nasty arguments. */
export function sbiCalls(random: Random, eids: readonly number[], count: number): string {
  return Array.from({ length: count }, () => {
    const fid = random.below(10) === 0 ? nastyNumber(random) : BigInt(random.below(12));
    const args = Array.from({ length: 6 }, (_, i) => `li a${i},${nastyNumber(random)}`);
    return `${args.join("\n")}\nli a6,${fid}\nli a7,${eids[random.below(eids.length)]}\necall\n`;
  }).join("");
}

/** Page tables full of entries that point at each other, at RAM, at devices, nowhere. */
export function randomTables(random: Random, place: number, pages: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(pages * 4096));
  for (let at = 0; at < pages * 4096; at += 8) {
    const targets = [
      BigInt(place / 4096 + random.below(pages)),
      BigInt(RAM / 4096 + random.below(0x4000)),
      nastyNumber(random) >> 12n,
      0n,
    ];
    const flags = [1, 1, 0xcf, 0xdf, 0xc7, 0x0f, random.below(1024)][random.below(7)];
    const high = random.below(16) === 0 ? BigInt(random.below(1024)) << 54n : 0n;
    const frame = targets[random.below(4)] & (1n << 44n) - 1n;
    view.setBigUint64(at, frame << 10n | BigInt(flags) | high, true);
  }
  return new Uint8Array(view.buffer);
}
