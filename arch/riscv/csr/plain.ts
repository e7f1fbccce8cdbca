/**
 * CSR accesses that come down to reading and writing a field of the hart's state, so that generated code can do them by itself
 * (Unprivileged ISA, "Zicsr"). What they are follows from the rows.
 *
 * @module
 */
import { FIELD } from "../layout.ts";
import { Privilege } from "../trap/mode.ts";
import { findCsr, isReached, isWrite, reachedRow } from "./csr_file.ts";
import type { Csr } from "./row.ts";
import { join, type Word64 } from "./word64.ts";

/** Privilege and V: what a mode is. */
export interface Mode {
  /** The `privilege` field. */
  readonly privilege: number;
  /** The `virtual` field. */
  readonly virtual: number;
}

/** A plain access. */
export interface PlainCsr {
  /** Offset of its 64-bit field; undefined: it reads as 0 and ignores writes. */
  readonly storage: number | undefined;
  /** Bits that are seen. */
  readonly readMask: bigint;
  /** Bits that a write changes. */
  readonly writeMask: bigint;
  /** Bits of `writeMask` that may not change without the row's own functions. */
  readonly guarded: bigint;
  /** Bits that may not become set while an interrupt is pending. */
  readonly unmasks: bigint;
  /** Whether it is allowed only while floating point is on. */
  readonly needsFloat: boolean;
  /** Whether a write is plain only while FS is dirty. */
  readonly dirtiesFloat: boolean;
  /** 64-bit fields of which each must have this bit, else the access is not allowed. */
  readonly gates: Readonly<{ fields: readonly number[]; bit: number }>;
  /** Of a counter that runs while its bit in mcountinhibit is clear: the field that the retired steps are added to. */
  readonly counts: Readonly<{ offset: number; bit: number }> | undefined;
  /** Whether it shows the host's ticks, to which the mode may add a field. */
  readonly ticks: boolean;
  /** That field. */
  readonly delta: number | undefined;
}

const NOTHING: Readonly<Word64> = { low: 0, high: 0 };

/** mcounteren and those of its kind that a counter's bit must be set in. */
function counterGates({ privilege, virtual }: Mode): number[] {
  const gates = privilege === Privilege.M ? [] : [FIELD.mcounteren];
  if (virtual !== 0) gates.push(FIELD.hcounteren);
  if (privilege === Privilege.U) gates.push(FIELD.scounteren);
  return gates;
}

function isPlainWrite(row: Csr): boolean {
  if (row.write !== undefined || row.readForUpdate !== undefined) return false;
  if (row.quiet !== undefined) return true;
  return row.legalize === undefined && row.onWrite === undefined && row.unmasks === undefined;
}

/** What the CSR instruction does in a mode if it is plain there, conditions included that only its execution can tell. */
export function plainCsr(bits: number, mode: Mode): PlainCsr | undefined {
  const number = bits >>> 20;
  const csr = findCsr(number);
  if (csr === undefined || !isReached(number, mode.privilege, mode.virtual)) return undefined;
  const { needs } = csr;
  if (needs === "sstc" || needs === "translation") return undefined;
  const row = reachedRow(csr, mode.virtual);
  if (row.read !== undefined && row.counts === undefined && row.ticks !== true) return undefined;
  if (isWrite(bits) && (number >>> 10 === 3 || !isPlainWrite(row))) return undefined;
  const guarded = row.quiet === undefined ? 0n : join(row.writeMask) & ~join(row.quiet);
  return {
    storage: row.storage,
    readMask: join(row.readMask),
    writeMask: join(row.writeMask),
    guarded,
    unmasks: join(row.unmasks ?? NOTHING),
    needsFloat: needs === "float",
    dirtiesFloat: row.dirtiesFloat === true,
    gates: { fields: needs === "counter" ? counterGates(mode) : [], bit: 1 << (number & 31) },
    counts: row.counts,
    ticks: row.ticks === true,
    delta: mode.virtual === 0 ? undefined : FIELD.htimedelta,
  };
}
