/**
 * The CSR file: decides who may access which CSR, illegal instruction against virtual instruction, and carries out the access
 * (Unprivileged ISA, "Zicsr"; Privileged ISA, "CSR Address Mapping Conventions", "Virtual-Instruction Exception").
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { Cause } from "../trap/causes.ts";
import { raiseIllegal, raiseVirtualInstruction } from "../trap/deliver.ts";
import { markFloatDirty, Privilege } from "../trap/mode.ts";
import { COUNTER_CSRS } from "./counters.ts";
import { Counter, EnvConfigHigh, HStatus, Status } from "./fields.ts";
import { FLOATING_POINT_CSRS } from "./floating_point.ts";
import { HYPERVISOR_CSRS } from "./hypervisor.ts";
import { MACHINE_CSRS } from "./machine.ts";
import { PMP_CSRS } from "./pmp.ts";
import { ALL_BITS, type Csr, type CsrRow } from "./row.ts";
import { statusChanged } from "./status.ts";
import { SUPERVISOR_CSRS } from "./supervisor.ts";
import { TIMER_CSRS } from "./timer.ts";
import { join, split, type Word64 } from "./word64.ts";

const ROWS: readonly CsrRow[] = [
  ...FLOATING_POINT_CSRS,
  ...SUPERVISOR_CSRS,
  ...HYPERVISOR_CSRS,
  ...MACHINE_CSRS,
  ...PMP_CSRS,
  ...COUNTER_CSRS,
  ...TIMER_CSRS,
];

/** Numbers that an encoding can hold. */
const NUMBERS = 4096;

const TABLE: readonly (Csr | undefined)[] = buildTable();

function buildTable(): (Csr | undefined)[] {
  const table = new Array<Csr | undefined>(NUMBERS).fill(undefined);
  for (const row of ROWS) {
    const target = row.aliasOf === undefined ? undefined : ROWS.find(({ number }) => number === row.aliasOf);
    table[row.number] = {
      number: row.number,
      name: row.name,
      needs: row.needs,
      storage: row.storage ?? target?.storage,
      readMask: split(row.readMask ?? ALL_BITS),
      writeMask: split(row.writeMask ?? ALL_BITS),
      virtualizedBy: row.virtualizedBy,
      legalize: row.legalize ?? target?.legalize,
      read: row.read,
      readForUpdate: row.readForUpdate,
      write: row.write,
      onWrite: row.onWrite ?? target?.onWrite,
      quiet: splitIfGiven(row.quiet ?? target?.quiet),
      unmasks: splitIfGiven(row.unmasks ?? target?.unmasks),
      dirtiesFloat: row.dirtiesFloat,
      counts: row.counts,
      ticks: row.ticks,
    };
  }
  return table;
}

function splitIfGiven(mask: bigint | undefined): Word64 | undefined {
  return mask === undefined ? undefined : split(mask);
}

/** All CSRs, by number. */
export function listCsrs(): readonly Csr[] {
  return TABLE.filter((csr) => csr !== undefined);
}

/** The CSR of that number, undefined if there is none. */
export function findCsr(number: number): Csr | undefined {
  return TABLE[number];
}

/** Where a CSR's bit is in mcounteren, scounteren and hcounteren. */
function counterBit(csr: Csr): number {
  return 1 << (csr.number & 31);
}

/** Whether stimecmp and vstimecmp can be used below M-mode, with V=0. */
function sstcAllowed(hart: Hart): boolean {
  return (hart.state.low(FIELD.mcounteren) & Counter.TM) !== 0 &&
    (hart.state.high(FIELD.menvcfg) & EnvConfigHigh.STCE) !== 0;
}

/** The `needs` column for V=0; mode M passes all but floating point. */
function meetsCondition(hart: Hart, csr: Csr, privilege: number): boolean {
  if (csr.needs === undefined) return true;
  const { state } = hart;
  if (csr.needs === "float") return (state.low(FIELD.mstatus) & Status.FS) !== 0;
  if (privilege === Privilege.M) return true;
  if (csr.needs === "sstc") return sstcAllowed(hart);
  if (csr.needs === "translation") return (state.low(FIELD.mstatus) & Status.TVM) === 0;
  const bit = counterBit(csr);
  if ((state.low(FIELD.mcounteren) & bit) === 0) return false;
  return privilege !== Privilege.U || (state.low(FIELD.scounteren) & bit) !== 0;
}

/** Whether the same access would be legal in HS-mode, supposing that TVM is 0. */
function isHsQualified(hart: Hart, csr: Csr): boolean {
  if (((csr.number >>> 8) & 3) === Privilege.M) return false;
  return csr.needs === "translation" || meetsCondition(hart, csr, Privilege.S);
}

/** The `needs` column for V=1, where HS-mode could do it. */
function meetsVirtualCondition(hart: Hart, csr: Csr, privilege: number): boolean {
  const { state } = hart;
  switch (csr.needs) {
    case "translation":
      return (state.low(FIELD.hstatus) & HStatus.VTVM) === 0;
    case "sstc":
      return (state.low(FIELD.hcounteren) & Counter.TM) !== 0 &&
        (state.high(FIELD.henvcfg) & EnvConfigHigh.STCE) !== 0;
    case "counter": {
      const bit = counterBit(csr);
      if ((state.low(FIELD.hcounteren) & bit) === 0) return false;
      return privilege !== Privilege.U || (state.low(FIELD.scounteren) & bit) !== 0;
    }
    default:
      return true;
  }
}

/** Exception of an access with V=1, or 0. */
function virtualAccessFault(hart: Hart, csr: Csr, privilege: number): number {
  if (!isHsQualified(hart, csr)) return Cause.ILLEGAL_INSTRUCTION;
  if (csr.needs === "float" && (hart.state.low(FIELD.vsstatus) & Status.FS) === 0) return Cause.ILLEGAL_INSTRUCTION;
  const allowed = isReached(csr.number, privilege, 1) && meetsVirtualCondition(hart, csr, privilege);
  return allowed ? 0 : Cause.VIRTUAL_INSTRUCTION;
}

/**
 * Whether a mode has the privilege that is in a CSR's number. Level 2, the hypervisor's own and the VS CSRs under their own names,
 * belongs to HS-mode and is above VS-mode.
 */
export function isReached(number: number, privilege: number, virtual: number): boolean {
  return ((number >>> 8) & 3) <= (privilege === Privilege.S && virtual === 0 ? 2 : privilege);
}

/** Exception that an access from the current mode raises, or 0 if it is allowed. */
export function csrAccessFault(hart: Hart, number: number, write: boolean): number {
  const csr = TABLE[number];
  if (csr === undefined || (write && number >>> 10 === 3)) return Cause.ILLEGAL_INSTRUCTION;
  const privilege = hart.state.word(FIELD.privilege);
  if (hart.state.word(FIELD.virtual) !== 0) return virtualAccessFault(hart, csr, privilege);
  return isReached(number, privilege, 0) && meetsCondition(hart, csr, privilege) ? 0 : Cause.ILLEGAL_INSTRUCTION;
}

function readRow(hart: Hart, csr: Csr, out: Word64, inFlight: number): void {
  if (csr.read !== undefined) {
    csr.read(hart, out, inFlight);
  } else if (csr.storage === undefined) {
    out.low = 0;
    out.high = 0;
  } else {
    out.low = hart.state.low(csr.storage) & csr.readMask.low;
    out.high = hart.state.high(csr.storage) & csr.readMask.high;
  }
}

const stored: Word64 = { low: 0, high: 0 };
const legal: Word64 = { low: 0, high: 0 };

function writeRow(hart: Hart, csr: Csr, low: number, high: number): void {
  if (csr.write !== undefined) {
    csr.write(hart, low, high);
    return;
  }
  if (csr.storage === undefined) return;
  const { state } = hart;
  if (csr.dirtiesFloat === true) markFloatDirty(hart);
  const { writeMask } = csr;
  stored.low = state.low(csr.storage);
  stored.high = state.high(csr.storage);
  legal.low = (stored.low & ~writeMask.low) | (low & writeMask.low);
  legal.high = (stored.high & ~writeMask.high) | (high & writeMask.high);
  if (csr.legalize !== undefined) csr.legalize(hart, legal, stored);
  const changedLow = legal.low ^ stored.low;
  const changedHigh = legal.high ^ stored.high;
  if ((changedLow | changedHigh) === 0) return;
  state.set(csr.storage, legal.low, legal.high);
  if (csr.onWrite !== undefined) csr.onWrite(hart, changedLow, changedHigh);
}

/** The row that an allowed access reaches: with V=1, S-mode CSRs are replaced by those of VS-mode. */
export function reachedRow(csr: Csr, virtual: number): Csr {
  return (virtual === 0 || csr.virtualizedBy === undefined ? undefined : TABLE[csr.virtualizedBy]) ?? csr;
}

/** Field of a CSR instruction that says what it does, in place. */
export const CsrOperation = {
  /** CSRRW. */
  WRITE: 1 << 12,
  /** CSRRS. */
  SET: 2 << 12,
  /** CSRRC. */
  CLEAR: 3 << 12,
  /** The field. */
  MASK: 3 << 12,
  /** The operand is the number in the place of rs1, not the register. */
  IMMEDIATE: 4 << 12,
} as const;

/** Whether a CSR instruction writes: CSRRS and CSRRC with x0 or 0 do not. */
export function isWrite(bits: number): boolean {
  return (bits & CsrOperation.MASK) === CsrOperation.WRITE || ((bits >>> 15) & 31) !== 0;
}

/**
 * Whether a CSR instruction, once it has retired, leaves privilege, V and the translation of code as they were: all but writes of
 * what tells somebody, of whom those of status registers tell only loads, stores and floating point.
 */
export function isSteadyCsr(bits: number): boolean {
  const csr = TABLE[bits >>> 20];
  if (csr === undefined || !isWrite(bits)) return true;
  const reached = [csr, TABLE[csr.virtualizedBy ?? csr.number]];
  return reached.every((row) => row?.onWrite === undefined || row.onWrite === statusChanged);
}

const seen: Word64 = { low: 0, high: 0 };
const base: Word64 = { low: 0, high: 0 };

/**
 * Executes CSRRW, CSRRS, CSRRC or their immediate forms.
 *
 * @returns true if it retired, false if it trapped
 */
export function executeCsr(hart: Hart, bits: number): boolean {
  const { state } = hart;
  const source = (bits >>> 15) & 31;
  const target = (bits >>> 7) & 31;
  const operation = bits & CsrOperation.MASK;
  const writes = isWrite(bits);
  const number = bits >>> 20;
  const fault = csrAccessFault(hart, number, writes);
  if (fault !== 0) {
    return fault === Cause.VIRTUAL_INSTRUCTION ? raiseVirtualInstruction(hart, bits) : raiseIllegal(hart, bits);
  }
  const csr = reachedRow(TABLE[number] as Csr, state.word(FIELD.virtual));
  const reads = operation !== CsrOperation.WRITE || target !== 0;
  if (reads) readRow(hart, csr, seen, 1);
  if (writes) {
    const immediate = (bits & CsrOperation.IMMEDIATE) !== 0;
    update(hart, csr, operation, immediate ? source : state.xLow(source), immediate ? 0 : state.xHigh(source));
  }
  if (reads) state.setX(target, seen.low, seen.high);
  return true;
}

/** Writes what the operation makes of the operand and, unless it is a plain write, of the value in {@link seen}. */
function update(hart: Hart, csr: Csr, operation: number, low: number, high: number): void {
  if (operation === CsrOperation.WRITE) return writeRow(hart, csr, low, high);
  base.low = seen.low;
  base.high = seen.high;
  if (csr.readForUpdate !== undefined) csr.readForUpdate(hart, base);
  if (operation === CsrOperation.SET) writeRow(hart, csr, base.low | low, base.high | high);
  else writeRow(hart, csr, base.low & ~low, base.high & ~high);
}

/** Reads a CSR by its own number, without checks, as M-mode would. For people, tests and debuggers; 0 if there is none. */
export function readCsr64(hart: Hart, number: number): bigint {
  const csr = TABLE[number];
  if (csr === undefined) return 0n;
  const value: Word64 = { low: 0, high: 0 };
  readRow(hart, csr, value, 0);
  return join(value);
}

/** Writes a CSR by its own number with all side effects, as M-mode would. For people, tests and debuggers. */
export function writeCsr64(hart: Hart, number: number, value: bigint): void {
  const csr = TABLE[number];
  if (csr === undefined || number >>> 10 === 3) return;
  const { low, high } = split(value);
  writeRow(hart, csr, low, high);
}
