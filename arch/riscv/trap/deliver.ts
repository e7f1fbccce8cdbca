/**
 * Raises traps: chooses M, HS or VS-mode by the delegation registers, fills that mode's trap registers and goes to its handler
 * (Privileged ISA, "Machine Trap Delegation Registers", "Trap Entry" of the Hypervisor Extension).
 *
 * @module
 */
import { Counter, HStatus, MPP_SHIFT, Status, StatusHigh } from "../csr/fields.ts";
import type { Hart, TrapInfo } from "../hart.ts";
import { ExitRequest, FIELD } from "../layout.ts";
import { TLB_ENTRIES, TLB_ENTRY_SIZE, tlbTag } from "../mmu/area.ts";
import { ADDRESS_EXCEPTIONS, Cause } from "./causes.ts";
import { Privilege, setMode } from "./mode.ts";

/** Interrupt bit of xcause, in its high half. */
const INTERRUPT_FLAG = 1 << 31;

/** Raises an exception that tells no guest-physical address, and delivers it. Returns false, as `call` rows do then. */
export function raiseException(hart: Hart, cause: number, tvalLow: number, tvalHigh: number): false {
  const gva = hart.state.word(FIELD.virtual) !== 0 && ((ADDRESS_EXCEPTIONS >>> cause) & 1) !== 0;
  return raiseMemoryFault(hart, cause, tvalLow, tvalHigh, gva);
}

/**
 * Raises an illegal-instruction exception.
 *
 * @param bits The instruction; xtval takes the 16 bits in memory if it was compressed, whether or not `bits` is the expansion
 */
export function raiseIllegal(hart: Hart, bits: number): false {
  return raiseException(hart, Cause.ILLEGAL_INSTRUCTION, bitsInMemory(hart, bits), 0);
}

/** Raises a virtual-instruction exception; see {@link raiseIllegal}. */
export function raiseVirtualInstruction(hart: Hart, bits: number): false {
  return raiseException(hart, Cause.VIRTUAL_INSTRUCTION, bitsInMemory(hart, bits), 0);
}

/**
 * Raises an access fault, page fault or misaligned exception of a memory access.
 *
 * @param gva Whether the address is a guest-virtual one
 */
export function raiseMemoryFault(hart: Hart, cause: number, vaLow: number, vaHigh: number, gva: boolean): false {
  clearGuestAccess(hart.trap);
  hart.trap.gva = gva;
  return raise(hart, cause, vaLow, vaHigh);
}

/**
 * Raises a guest-page fault of the access to a guest-virtual address.
 *
 * @param guestLow Low half of the guest-physical address, not shifted
 * @param guestHigh High half of it
 * @param tinst What mtinst or htinst takes
 */
export function raiseGuestPageFault(
  hart: Hart,
  cause: number,
  vaLow: number,
  vaHigh: number,
  guestLow: number,
  guestHigh: number,
  tinst: number,
): false {
  const { trap } = hart;
  trap.tinst = tinst;
  trap.guestLow = guestLow;
  trap.guestHigh = guestHigh;
  trap.gva = true;
  return raise(hart, cause, vaLow, vaHigh);
}

/** Most traps tell nothing in xtinst and xtval2. */
function clearGuestAccess(trap: TrapInfo): void {
  trap.tinst = 0;
  trap.guestLow = 0;
  trap.guestHigh = 0;
}

/** Delivers an interrupt to the mode that the delegation registers choose. */
export function deliverInterrupt(hart: Hart, cause: number): void {
  const { state, trap } = hart;
  trap.cause = cause;
  trap.interrupt = true;
  trap.tvalLow = 0;
  trap.tvalHigh = 0;
  clearGuestAccess(trap);
  trap.gva = false;
  if (((state.low(FIELD.mideleg) >>> cause) & 1) === 0) enterMachine(hart);
  else if (((state.low(FIELD.hideleg) >>> cause) & 1) === 0) enterHypervisor(hart);
  else enterVirtualSupervisor(hart);
}

function raise(hart: Hart, cause: number, tvalLow: number, tvalHigh: number): false {
  const { trap } = hart;
  trap.cause = cause;
  trap.interrupt = false;
  trap.tvalLow = tvalLow;
  trap.tvalHigh = tvalHigh;
  countTrappedAttempt(hart);
  deliverException(hart);
  return false;
}

/** An attempt that traps takes a step but does not retire: minstret must not see it. */
function countTrappedAttempt(hart: Hart): void {
  const { state } = hart;
  state.setWord(FIELD.trapped, state.word(FIELD.trapped) + 1);
  if ((state.low(FIELD.mcountinhibit) & Counter.IR) !== 0) return;
  const low = state.low(FIELD.instretOffset);
  state.set(
    FIELD.instretOffset,
    (low - 1) | 0,
    low === 0 ? (state.high(FIELD.instretOffset) - 1) | 0 : state.high(FIELD.instretOffset),
  );
}

/** Delivers the exception in `hart.trap` from the current mode. */
function deliverException(hart: Hart): void {
  const { state } = hart;
  const { cause } = hart.trap;
  if (state.word(FIELD.privilege) === Privilege.M || ((state.low(FIELD.medeleg) >>> cause) & 1) === 0) {
    enterMachine(hart);
  } else if (state.word(FIELD.virtual) === 0 || ((state.low(FIELD.hedeleg) >>> cause) & 1) === 0) {
    enterHypervisor(hart);
  } else {
    enterVirtualSupervisor(hart);
  }
}

/** Moves xIE to xPIE and clears xIE. */
function pushInterruptEnable(status: number, enable: number, previous: number): number {
  return ((status & enable) === 0 ? status & ~previous : status | previous) & ~enable;
}

/** Goes to a handler: `base + 4 * cause` for interrupts in vectored mode, else `base`. */
function jumpToHandler(hart: Hart, field: number, code: number): void {
  const { state, trap } = hart;
  const vector = state.low(field);
  const base = vector & ~3;
  const low = trap.interrupt && (vector & 1) !== 0 ? base + 4 * code : base;
  const high = state.high(field) + (low >>> 0 < base >>> 0 ? 1 : 0);
  state.set(FIELD.pc, low | 0, high | 0);
}

/** Sets a register to the guest-physical address shifted right by 2. */
function setGuestAddress(hart: Hart, field: number): void {
  const { guestLow, guestHigh } = hart.trap;
  hart.state.set(field, (guestLow >>> 2) | (guestHigh << 30), guestHigh >>> 2);
}

function enterMachine(hart: Hart): void {
  const { state, trap } = hart;
  const privilege = state.word(FIELD.privilege);
  const status = pushInterruptEnable(state.low(FIELD.mstatus), Status.MIE, Status.MPIE);
  let high = state.high(FIELD.mstatus) & ~(StatusHigh.GVA | StatusHigh.MPV);
  if (trap.gva) high |= StatusHigh.GVA;
  if (state.word(FIELD.virtual) !== 0) high |= StatusHigh.MPV;
  state.set(FIELD.mstatus, (status & ~Status.MPP) | (privilege << MPP_SHIFT), high);
  state.set(FIELD.mepc, state.low(FIELD.pc), state.high(FIELD.pc));
  state.set(FIELD.mcause, trap.cause, trap.interrupt ? INTERRUPT_FLAG : 0);
  state.set(FIELD.mtval, trap.tvalLow, trap.tvalHigh);
  setGuestAddress(hart, FIELD.mtval2);
  state.set(FIELD.mtinst, trap.tinst, 0);
  jumpToHandler(hart, FIELD.mtvec, trap.cause);
  setMode(hart, Privilege.M, 0);
  leaveToHypervisor(hart);
}

function enterHypervisor(hart: Hart): void {
  const { state, trap } = hart;
  const privilege = state.word(FIELD.privilege);
  const virtual = state.word(FIELD.virtual) !== 0;
  const status = pushInterruptEnable(state.low(FIELD.mstatus), Status.SIE, Status.SPIE);
  state.set(FIELD.mstatus, privilege === 0 ? status & ~Status.SPP : status | Status.SPP, state.high(FIELD.mstatus));
  let hstatus = state.low(FIELD.hstatus) & ~(HStatus.GVA | HStatus.SPV);
  if (trap.gva) hstatus |= HStatus.GVA;
  if (virtual) hstatus = (hstatus & ~HStatus.SPVP) | HStatus.SPV | (privilege === 0 ? 0 : HStatus.SPVP);
  state.set(FIELD.hstatus, hstatus, state.high(FIELD.hstatus));
  state.set(FIELD.sepc, state.low(FIELD.pc), state.high(FIELD.pc));
  state.set(FIELD.scause, trap.cause, trap.interrupt ? INTERRUPT_FLAG : 0);
  state.set(FIELD.stval, trap.tvalLow, trap.tvalHigh);
  setGuestAddress(hart, FIELD.htval);
  state.set(FIELD.htinst, trap.tinst, 0);
  jumpToHandler(hart, FIELD.stvec, trap.cause);
  setMode(hart, Privilege.S, 0);
  leaveToHypervisor(hart);
}

/**
 * Delivers `hart.trap` to VS-mode whatever the delegation registers say: also how a hypervisor makes its guest take a trap. V becomes
 * 1; `pc` and `privilege` must be the guest's. Interrupts are renumbered: VSEI arrives as SEI.
 */
export function enterVirtualSupervisor(hart: Hart): void {
  const { state, trap } = hart;
  const status = pushInterruptEnable(state.low(FIELD.vsstatus), Status.SIE, Status.SPIE);
  const user = state.word(FIELD.privilege) === Privilege.U;
  state.set(FIELD.vsstatus, user ? status & ~Status.SPP : status | Status.SPP, state.high(FIELD.vsstatus));
  const code = trap.interrupt ? trap.cause - 1 : trap.cause;
  state.set(FIELD.vsepc, state.low(FIELD.pc), state.high(FIELD.pc));
  state.set(FIELD.vscause, code, trap.interrupt ? INTERRUPT_FLAG : 0);
  state.set(FIELD.vstval, trap.tvalLow, trap.tvalHigh);
  jumpToHandler(hart, FIELD.vstvec, code);
  setMode(hart, Privilege.S, 1);
}

/** In guest mode HS-mode and M-mode are TypeScript: the engine has to return to it. */
function leaveToHypervisor(hart: Hart): void {
  if (hart.options.mode === "guest") hart.requestExit(ExitRequest.HYPERVISOR_TRAP);
}

/**
 * The instruction at `pc` as it lies in memory. Engines hand the 32-bit expansion of a compressed instruction to `call` rows; its 16
 * bits are found through the fetch table, which has the page while an instruction of it executes.
 */
function bitsInMemory(hart: Hart, bits: number): number {
  const { state, memory } = hart;
  const low = state.low(FIELD.pc);
  const entry = state.word(FIELD.fetchTable) + ((low >>> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  const words = memory.i32;
  if (words[entry >>> 2] !== tlbTag(low) || words[(entry >>> 2) + 1] !== state.high(FIELD.pc)) return bits;
  const half = memory.u16[(words[(entry + 12) >>> 2] + (low & 0xfff)) >>> 1];
  return (half & 3) === 3 ? bits : half;
}
