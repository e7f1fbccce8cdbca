/**
 * Bits inside CSRs (Privileged ISA, "Machine-Level ISA", "Supervisor-Level ISA", "Hypervisor Extension"), as masks of the half that
 * they lie in.
 *
 * @module
 */

/** mstatus, sstatus and vsstatus, bits 31:0. */
export const Status = {
  /** Supervisor interrupts enabled. */
  SIE: 1 << 1,
  /** Machine interrupts enabled. */
  MIE: 1 << 3,
  /** SIE before the trap. */
  SPIE: 1 << 5,
  /** MIE before the trap. */
  MPIE: 1 << 7,
  /** Privilege before a trap to S-mode. */
  SPP: 1 << 8,
  /** Privilege before a trap to M-mode, two bits. */
  MPP: 3 << 11,
  /** State of the floating-point unit, two bits: off, initial, clean, dirty. */
  FS: 3 << 13,
  /** Loads and stores as if in mode MPP, MPV. */
  MPRV: 1 << 17,
  /** S-mode may access pages of U-mode. */
  SUM: 1 << 18,
  /** Loads may read executable pages. */
  MXR: 1 << 19,
  /** satp and SFENCE.VMA trap in HS-mode. */
  TVM: 1 << 20,
  /** WFI traps below M-mode. */
  TW: 1 << 21,
  /** SRET traps in HS-mode. */
  TSR: 1 << 22,
} as const;

/** Position of mstatus.MPP. */
export const MPP_SHIFT = 11;

/** mstatus, sstatus and vsstatus, bits 63:32. */
export const StatusHigh = {
  /** UXL = 2: U-mode has 64 bits. */
  UXL_64: 2 << 0,
  /** SXL = 2: S-mode has 64 bits. */
  SXL_64: 2 << 2,
  /** mtval holds a guest-virtual address. */
  GVA: 1 << 6,
  /** V before a trap to M-mode. */
  MPV: 1 << 7,
  /** Summary of dirty state. */
  SD: 1 << 31,
} as const;

/** hstatus, bits 31:0. */
export const HStatus = {
  /** stval holds a guest-virtual address. */
  GVA: 1 << 6,
  /** V before a trap to HS-mode. */
  SPV: 1 << 7,
  /** Privilege before a trap from V=1; the privilege of HLV and HSV. */
  SPVP: 1 << 8,
  /** U-mode may use HLV and HSV. */
  HU: 1 << 9,
  /** Guest external interrupt source, six bits. */
  VGEIN: 0x3f << 12,
  /** satp and SFENCE.VMA trap in VS-mode. */
  VTVM: 1 << 20,
  /** WFI traps in VS-mode. */
  VTW: 1 << 21,
  /** SRET traps in VS-mode. */
  VTSR: 1 << 22,
} as const;

/** Position of hstatus.VGEIN. */
export const VGEIN_SHIFT = 12;

/** hstatus, bits 63:32: VSXL = 2, VS-mode has 64 bits. */
export const VSXL_64 = 2;

/** menvcfg, senvcfg and henvcfg, bits 31:0. */
export const EnvConfig = {
  /** Fences of I/O imply memory. */
  FIOM: 1 << 0,
  /** CBO.INVAL: 0 traps, 1 flushes, 3 invalidates; two bits. */
  CBIE: 3 << 4,
  /** CBO.CLEAN and CBO.FLUSH are allowed. */
  CBCFE: 1 << 6,
  /** CBO.ZERO is allowed. */
  CBZE: 1 << 7,
} as const;

/** menvcfg and henvcfg, bits 63:32. */
export const EnvConfigHigh = {
  /** Hardware updates A and D bits (Svadu). */
  ADUE: 1 << 29,
  /** Page-based memory types (Svpbmt). */
  PBMTE: 1 << 30,
  /** stimecmp or vstimecmp (Sstc). */
  STCE: 1 << 31,
} as const;

/** Interrupts by their bit in mip and mie. */
export const Interrupt = {
  /** Supervisor software. */
  SSI: 1,
  /** Virtual supervisor software. */
  VSSI: 2,
  /** Machine software. */
  MSI: 3,
  /** Supervisor timer. */
  STI: 5,
  /** Virtual supervisor timer. */
  VSTI: 6,
  /** Machine timer. */
  MTI: 7,
  /** Supervisor external. */
  SEI: 9,
  /** Virtual supervisor external. */
  VSEI: 10,
  /** Machine external. */
  MEI: 11,
  /** Supervisor guest external. */
  SGEI: 12,
} as const;

/** Interrupts of S-mode as a mask. */
export const S_INTERRUPTS = 0x222;

/** Interrupts of VS-mode as a mask. */
export const VS_INTERRUPTS = 0x444;

/** Interrupts that the hypervisor extension adds, as a mask; mideleg has these bits read-only one. */
export const H_INTERRUPTS = 0x1444;

/** All interrupts of this hart as a mask. */
export const ALL_INTERRUPTS = 0x1eee;

/** Guest external interrupts that hgeip and hgeie have: GEILEN. */
export const GUEST_EXTERNAL_INTERRUPTS = 7;

/** The configuration byte of a PMP entry. */
export const PmpConfig = {
  /** Reads are allowed. */
  R: 1 << 0,
  /** Writes are allowed. */
  W: 1 << 1,
  /** Fetches are allowed. */
  X: 1 << 2,
  /** What the entry matches, two bits: a {@link PmpMatch}. */
  A: 3 << 3,
  /** Locked, and binding for M-mode. */
  L: 1 << 7,
} as const;

/** Values of the A field of {@link PmpConfig}, in place. */
export const PmpMatch = {
  /** Nothing. */
  OFF: 0 << 3,
  /** From the address of the entry below up to its own: top of range. */
  TOR: 1 << 3,
  /** Four bytes. */
  NA4: 2 << 3,
  /** A naturally aligned power of two of bytes. */
  NAPOT: 3 << 3,
} as const;

/** mcounteren, scounteren, hcounteren and mcountinhibit. */
export const Counter = {
  /** cycle. */
  CY: 1 << 0,
  /** time. */
  TM: 1 << 1,
  /** instret. */
  IR: 1 << 2,
} as const;
