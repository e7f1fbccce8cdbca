/**
 * Page-table entries and the few facts that both translation stages share (Privileged ISA, "Sv39: Page-Based 39-bit
 * Virtual-Memory System", "Svnapot", "Svpbmt"; Hypervisor extension, "Two-Stage Address Translation").
 *
 * Entries are (low, high) pairs of signed 32-bit numbers.
 *
 * @module
 */

/** Bits in the low half of an entry. */
export const Pte = { V: 1, R: 2, W: 4, X: 8, U: 16, G: 32, A: 64, D: 128 } as const;

/** All three permissions. */
export const PTE_RWX: number = Pte.R | Pte.W | Pte.X;

/** Kinds of access, in the order of the page-fault codes. */
export const Access = { READ: 0, WRITE: 1, EXECUTE: 2 } as const;

/** Permission bit that each kind of access needs, by {@link Access}. */
export const NEEDED: readonly number[] = [Pte.R, Pte.W, Pte.X];

/** Width of physical addresses that the hart implements, in bits. */
export const PHYSICAL_BITS = 50;

/** First page number above the implemented physical address space. */
export const PHYSICAL_FRAMES: number = 2 ** (PHYSICAL_BITS - 12);

/** MODE value of satp, vsatp and hgatp that means no translation. */
export const MODE_BARE = 0;

/** MODE minus this is the number of levels: Sv39 is 8, Sv48 9, Sv57 10. */
export const MODE_LEVELS = 5;

/** The last memory type of Svpbmt: 3 is reserved. */
const LAST_MEMORY_TYPE = 2;

/** Bits 60:54 in the high half. */
const RESERVED_HIGH = 0x1fc00000;

/** The only region size of Svnapot: 64 KiB, ppn[3:0] = 1000. */
const NAPOT_64K = 8;

/** Mask of the low half of a page number (bits 21:0) that must be zero in a leaf, by level. */
const ALIGN_LOW = [0, 0x1ff, 0x3ffff, 0x3fffff, 0x3fffff];

/** The same for bits 43:22. */
const ALIGN_HIGH = [0, 0, 0, 0x1f, 0x3fff];

/** Page number that an entry names. */
export function pteFrame(low: number, high: number): number {
  return (low >>> 10) + (high & 0x3fffff) * 0x400000;
}

/** Whether an entry points to the next level. Only of entries that are not malformed. */
export function isPointer(low: number): boolean {
  return (low & PTE_RWX) === 0;
}

/** Whether bit 63 is set: a leaf stands for a 64 KiB region (Svnapot). Only of level-0 leaves that are not malformed. */
export function isNapot(high: number): boolean {
  return high < 0;
}

/**
 * Whether an entry at `level` (0 is the last) must raise a page fault whatever the access: invalid, a reserved bit or combination,
 * or a misaligned superpage.
 *
 * @param pbmt Whether Svpbmt is enabled for this stage
 */
export function isMalformed(low: number, high: number, level: number, pbmt: boolean): boolean {
  if ((low & Pte.V) === 0 || (low & (Pte.R | Pte.W)) === Pte.W || (high & RESERVED_HIGH) !== 0) return true;
  if (isPointer(low)) return level === 0 || (low & (Pte.U | Pte.A | Pte.D)) !== 0 || high >>> 29 !== 0;
  if (((high >>> 29) & 3) > (pbmt ? LAST_MEMORY_TYPE : 0)) return true;
  if (isNapot(high) && (level !== 0 || ((low >>> 10) & 15) !== NAPOT_64K)) return true;
  return level !== 0 && (((low >>> 10) & ALIGN_LOW[level]) !== 0 || (high & ALIGN_HIGH[level]) !== 0);
}

/**
 * Nine bits (eleven at the G-stage root) of an address that index the table at `level`.
 *
 * @param mask 511, or 2047 for a G-stage root
 */
export function tableIndex(low: number, high: number, level: number, mask: number): number {
  switch (level) {
    case 0:
      return (low >>> 12) & mask;
    case 1:
      return (low >>> 21) & mask;
    case 2:
      return ((low >>> 30) | (high << 2)) & mask;
    case 3:
      return (high >>> 7) & mask;
    default:
      return (high >>> 16) & mask;
  }
}

/** Frame number that a leaf at `level` gives an address. */
export function leafFrame(pteLow: number, pteHigh: number, level: number, low: number, high: number): number {
  const frame = pteFrame(pteLow, pteHigh);
  switch (level) {
    case 0:
      return isNapot(pteHigh) ? frame - NAPOT_64K + ((low >>> 12) & 15) : frame;
    case 1:
      return frame + ((low >>> 12) & 0x1ff);
    case 2:
      return frame + ((low >>> 12) & 0x3ffff);
    default:
      return frame + ((low >>> 12) + (high >>> 0) * 0x100000) % 2 ** (9 * level);
  }
}

/** log2 of the bytes that a leaf at `level` maps. */
export function leafShift(pteHigh: number, level: number): number {
  if (level === 0) return isNapot(pteHigh) ? 16 : 12;
  return 12 + 9 * level;
}
