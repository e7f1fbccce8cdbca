/**
 * What a CSR is: one row that says where it lies, which bits exist, and what else it does (Privileged ISA, "Control and Status
 * Registers"). Who may access it follows from its number and the `needs` column; only `csr_file.ts` decides.
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import type { Word64 } from "./word64.ts";

/**
 * A condition on access beyond the privilege in the number:
 * - `float`: floating point is on, in mstatus and, with V=1, in vsstatus;
 * - `counter`: mcounteren, scounteren, hcounteren have the bit of the CSR's number modulo 32;
 * - `sstc`: mcounteren.TM and menvcfg.STCE, with V=1 also hcounteren.TM and henvcfg.STCE;
 * - `translation`: mstatus.TVM in HS-mode, hstatus.VTVM in VS-mode do not forbid it.
 */
export type CsrCondition = "float" | "counter" | "sstc" | "translation";

/** What a CSR does, with masks of type `M`. */
export interface CsrShape<M> {
  /** Number in the encoding. */
  readonly number: number;
  /** Name as the specification spells it. */
  readonly name: string;
  /** Condition on access. */
  readonly needs?: CsrCondition;
  /** Offset of the 64-bit field of `layout.ts` that holds it. Without storage and `read` it reads as 0. */
  readonly storage?: number;
  /** Bits that are seen; default all. */
  readonly readMask?: M;
  /** Bits that a write changes; default all of the storage. */
  readonly writeMask?: M;
  /** Number of the CSR that takes its place when V=1. */
  readonly virtualizedBy?: number;
  /** Turns what would be stored into a legal value (WARL). */
  readonly legalize?: (hart: Hart, value: Word64, old: Readonly<Word64>) => void;
  /**
   * Reads a CSR that is not just storage. Without effects.
   *
   * @param inFlight Steps that `hart.steps()` counts but that have not retired: 1 in an instruction, 0 for a debugger
   */
  readonly read?: (hart: Hart, out: Word64, inFlight: number) => void;
  /** What CSRRS and CSRRC modify where that differs from what they read. */
  readonly readForUpdate?: (hart: Hart, out: Word64) => void;
  /** Writes a CSR that is not just storage. */
  readonly write?: (hart: Hart, low: number, high: number) => void;
  /** Called after the storage changed, with the bits that did. */
  readonly onWrite?: (hart: Hart, changedLow: number, changedHigh: number) => void;
  /** Bits that `legalize` and `onWrite` do not care about. */
  readonly quiet?: M;
  /** Bits whose change can let an interrupt through; of `quiet` ones only that they are set. */
  readonly unmasks?: M;
  /** Whether a write makes FS dirty, even if it changes nothing. */
  readonly dirtiesFloat?: boolean;
  /** Of a counter: the field that the steps are added to, and its bit in mcountinhibit. `read` says the same. */
  readonly counts?: Readonly<{ offset: number; bit: number }>;
  /** Whether it shows the host's ticks, with V=1 plus htimedelta. `read` says the same. */
  readonly ticks?: boolean;
}

/** A row as the files of `csr/` write it. */
export interface CsrRow extends CsrShape<bigint> {
  /** Number of the CSR of which this one shows a part: it takes over storage, `legalize` and `onWrite`. */
  readonly aliasOf?: number;
}

/** A row as the CSR file runs it: aliases resolved, masks split, defaults filled in. */
export interface Csr extends CsrShape<Readonly<Word64>> {
  /** Bits that are seen. */
  readonly readMask: Readonly<Word64>;
  /** Bits that a write changes. */
  readonly writeMask: Readonly<Word64>;
}

/** All 64 bits. */
export const ALL_BITS = 0xffff_ffff_ffff_ffffn;
