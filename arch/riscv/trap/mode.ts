/**
 * Privilege and virtualisation mode, what follows from them, and the returns from traps (Privileged ISA, "Privilege and Global
 * Interrupt-Enable Stack", "Trap Return").
 *
 * @module
 */
import { HStatus, MPP_SHIFT, Status, StatusHigh } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";

/** Values of the `privilege` field. */
export const Privilege = {
  /** User. */
  U: 0,
  /** Supervisor: HS-mode or VS-mode. */
  S: 1,
  /** Machine. */
  M: 3,
} as const;

/** Goes to another mode. A reservation does not outlive that: its SC could belong to another program. */
export function setMode(hart: Hart, privilege: number, virtual: number): void {
  const { state } = hart;
  const wasVirtual = state.word(FIELD.virtual);
  state.setWord(FIELD.privilege, privilege);
  state.setWord(FIELD.virtual, virtual);
  state.setWord(FIELD.reservation, -1);
  if (wasVirtual !== virtual) updateFpAccess(hart);
  hart.mmu.modeChanged();
}

/** Derives `fpAccess` from FS of mstatus and, with V=1, of vsstatus. */
export function updateFpAccess(hart: Hart): void {
  const { state } = hart;
  const own = state.low(FIELD.mstatus) & Status.FS;
  const guest = state.word(FIELD.virtual) === 0 ? Status.FS : state.low(FIELD.vsstatus) & Status.FS;
  const dirty = own === Status.FS && guest === Status.FS;
  state.setWord(FIELD.fpAccess, own === 0 || guest === 0 ? 0 : dirty ? 2 : 1);
}

/**
 * Makes FS dirty: in mstatus and, with V=1, in vsstatus too. Floating point must be on.
 *
 * @param virtual Whether the instruction ran with V=1; left out: as the hart is now
 */
export function markFloatDirty(hart: Hart, virtual: boolean = hart.state.word(FIELD.virtual) !== 0): void {
  makeDirty(hart, FIELD.mstatus);
  if (virtual) makeDirty(hart, FIELD.vsstatus);
  hart.state.setWord(FIELD.fpAccess, 2);
}

function makeDirty(hart: Hart, field: number): void {
  hart.state.set(field, hart.state.low(field) | Status.FS, hart.state.high(field) | StatusHigh.SD);
}

/** Moves xPIE to xIE, sets xPIE, and clears other bits. */
function popInterruptEnable(status: number, enable: number, previous: number, cleared: number): number {
  const popped = (status & previous) === 0 ? status & ~enable : status | enable;
  return (popped | previous) & ~cleared;
}

/** What MRET does once it is legal. Sets `pc`. */
export function returnFromMachine(hart: Hart): void {
  const { state } = hart;
  const status = state.low(FIELD.mstatus);
  const high = state.high(FIELD.mstatus);
  const privilege = (status & Status.MPP) >> MPP_SHIFT;
  const virtual = privilege !== Privilege.M && (high & StatusHigh.MPV) !== 0 ? 1 : 0;
  const leaves = privilege === Privilege.M ? 0 : Status.MPRV;
  const popped = popInterruptEnable(status, Status.MIE, Status.MPIE, Status.MPP | leaves);
  state.set(FIELD.mstatus, popped, high & ~StatusHigh.MPV);
  state.set(FIELD.pc, state.low(FIELD.mepc), state.high(FIELD.mepc));
  setMode(hart, privilege, virtual);
}

/** What SRET does once it is legal: in HS-mode or M-mode with the HS registers, with V=1 with the VS registers. Sets `pc`. */
export function returnFromSupervisor(hart: Hart): void {
  if (hart.state.word(FIELD.virtual) === 0) returnFromHypervisor(hart);
  else returnFromVirtualSupervisor(hart);
}

function returnFromHypervisor(hart: Hart): void {
  const { state } = hart;
  const status = state.low(FIELD.mstatus);
  const hstatus = state.low(FIELD.hstatus);
  const popped = popInterruptEnable(status, Status.SIE, Status.SPIE, Status.SPP | Status.MPRV);
  state.set(FIELD.mstatus, popped, state.high(FIELD.mstatus));
  state.set(FIELD.hstatus, hstatus & ~HStatus.SPV, state.high(FIELD.hstatus));
  state.set(FIELD.pc, state.low(FIELD.sepc), state.high(FIELD.sepc));
  setMode(hart, (status & Status.SPP) === 0 ? Privilege.U : Privilege.S, (hstatus & HStatus.SPV) === 0 ? 0 : 1);
}

function returnFromVirtualSupervisor(hart: Hart): void {
  const { state } = hart;
  const status = state.low(FIELD.vsstatus);
  const popped = popInterruptEnable(status, Status.SIE, Status.SPIE, Status.SPP);
  state.set(FIELD.vsstatus, popped, state.high(FIELD.vsstatus));
  state.set(FIELD.mstatus, state.low(FIELD.mstatus) & ~Status.MPRV, state.high(FIELD.mstatus));
  state.set(FIELD.pc, state.low(FIELD.vsepc), state.high(FIELD.vsepc));
  setMode(hart, (status & Status.SPP) === 0 ? Privilege.U : Privilege.S, 1);
}
