/**
 * What mstatus, sstatus and vsstatus have in common (Privileged ISA, "Machine Status Registers", "Virtual Supervisor Status Register").
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { updateFpAccess } from "../trap/mode.ts";
import { MPP_SHIFT, Status, StatusHigh } from "./fields.ts";
import type { Word64 } from "./word64.ts";

/** Fields of sstatus and vsstatus that can be written: SIE, SPIE, SPP, FS, SUM, MXR. */
export const SUPERVISOR_STATUS_WRITABLE = 0x0c_6122n;

/** Fields of sstatus and vsstatus that can be seen: those, UXL and SD. */
export const SUPERVISOR_STATUS_VISIBLE = 0x8000_0003_000c_6122n;

/** Fields that nothing is derived from, of any status register: SIE, MIE, SPIE, MPIE, SPP. */
export const STATUS_QUIET: bigint = BigInt(Status.SIE | Status.MIE | Status.SPIE | Status.MPIE | Status.SPP);

/** Fields that let interrupts through. */
export const STATUS_UNMASKS: bigint = BigInt(Status.SIE | Status.MIE);

/** Fields that decide how memory is accessed. */
const ACCESS_LOW = Status.MPRV | Status.SUM | Status.MXR | Status.MPP;

/** MPP = 2 is reserved: the old value stays. SD summarises FS. */
export function legalizeStatus(_hart: Hart, value: Word64, old: Readonly<Word64>): void {
  if ((value.low & Status.MPP) === 2 << MPP_SHIFT) value.low = (value.low & ~Status.MPP) | (old.low & Status.MPP);
  const dirty = (value.low & Status.FS) === Status.FS;
  value.high = dirty ? value.high | StatusHigh.SD : value.high & ~StatusHigh.SD;
}

/** Tells those who keep something derived from a status register. */
export function statusChanged(hart: Hart, changedLow: number, changedHigh: number): void {
  if ((changedLow & Status.FS) !== 0) updateFpAccess(hart);
  if ((changedLow & ACCESS_LOW) !== 0 || (changedHigh & StatusHigh.MPV) !== 0) hart.mmu.modeChanged();
}
