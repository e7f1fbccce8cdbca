/**
 * Which interrupts are pending, which one is taken, and when the next timer fires (Privileged ISA, "Machine Interrupt Registers",
 * "Hypervisor Interrupt Registers", Sstc).
 *
 * @module
 */
import {
  EnvConfigHigh,
  GUEST_EXTERNAL_INTERRUPTS,
  HStatus,
  Interrupt,
  Status,
  VGEIN_SHIFT,
  VS_INTERRUPTS,
} from "../csr/fields.ts";
import { addHigh, atLeast, highOf, subtractHigh } from "../csr/word64.ts";
import type { Hart } from "../hart.ts";
import { ExitRequest, FIELD } from "../layout.ts";
import { deliverInterrupt } from "./deliver.ts";

const STIP = 1 << Interrupt.STI;
const VSTIP = 1 << Interrupt.VSTI;
const VSEIP = 1 << Interrupt.VSEI;
const SGEIP = 1 << Interrupt.SGEI;

/** Ticks from which a deadline counts as never. */
const NEVER = 2 ** 53;

/** Interrupts by falling priority. */
const PRIORITY: readonly number[] = [
  Interrupt.MEI,
  Interrupt.MSI,
  Interrupt.MTI,
  Interrupt.SEI,
  Interrupt.SSI,
  Interrupt.STI,
  Interrupt.SGEI,
  Interrupt.VSEI,
  Interrupt.VSSI,
  Interrupt.VSTI,
];

/** Whether stimecmp decides about STIP: menvcfg.STCE. */
export function supervisorTimerEnabled(hart: Hart): boolean {
  return (hart.state.high(FIELD.menvcfg) & EnvConfigHigh.STCE) !== 0;
}

/** Whether vstimecmp adds to VSTIP: henvcfg.STCE, which is 0 where menvcfg.STCE is. */
export function virtualTimerEnabled(hart: Hart): boolean {
  return (hart.state.high(FIELD.henvcfg) & EnvConfigHigh.STCE) !== 0;
}

function supervisorTimerFired(hart: Hart, now: number): boolean {
  return atLeast(now | 0, highOf(now), hart.state.low(FIELD.stimecmp), hart.state.high(FIELD.stimecmp));
}

function virtualTimerFired(hart: Hart, now: number): boolean {
  const { state } = hart;
  const deltaLow = state.low(FIELD.htimedelta);
  const low = (now + deltaLow) | 0;
  const high = addHigh(now | 0, highOf(now), deltaLow, state.high(FIELD.htimedelta));
  return atLeast(low, high, state.low(FIELD.vstimecmp), state.high(FIELD.vstimecmp));
}

/** VSEIP and SGEIP as hgeip causes them. */
function guestExternal(hart: Hart): number {
  const { state } = hart;
  const wires = state.low(FIELD.hgeip);
  if (wires === 0) return 0;
  const source = (state.low(FIELD.hstatus) & HStatus.VGEIN) >> VGEIN_SHIFT;
  // Bit 0 of hgeip is never set, so that VGEIN = 0 selects nothing.
  const selected = ((wires >>> source) & 1) !== 0 ? VSEIP : 0;
  return (wires & state.low(FIELD.hgeie)) === 0 ? selected : selected | SGEIP;
}

/**
 * mip as all sources together make it.
 *
 * @param wanted Only these bits are needed: timers that are not among them are not compared
 */
export function pendingInterrupts(hart: Hart, wanted: number = -1): number {
  return (pendingWithoutTimers(hart) | firedTimers(hart, wanted)) & wanted;
}

/** mip without what stimecmp and vstimecmp add to it. */
function pendingWithoutTimers(hart: Hart): number {
  const { state } = hart;
  const stored = supervisorTimerEnabled(hart) ? state.low(FIELD.mip) & ~STIP : state.low(FIELD.mip);
  return stored | (state.low(FIELD.hvip) & VS_INTERRUPTS) | state.word(FIELD.lines) | guestExternal(hart);
}

/** STIP and VSTIP as stimecmp and vstimecmp cause them now. */
function firedTimers(hart: Hart, wanted: number): number {
  const own = (wanted & STIP) !== 0 && supervisorTimerEnabled(hart) && isSet(hart, FIELD.stimecmp);
  const virtual = (wanted & VSTIP) !== 0 && virtualTimerEnabled(hart) && isSet(hart, FIELD.vstimecmp);
  if (!own && !virtual) return 0;
  const now = hart.host.time();
  const fired = own && supervisorTimerFired(hart, now) ? STIP : 0;
  return virtual && virtualTimerFired(hart, now) ? fired | VSTIP : fired;
}

/** Whether a deadline is not the one that never comes. */
function isSet(hart: Hart, field: number): boolean {
  return (hart.state.low(field) & hart.state.high(field)) !== -1;
}

/** Looks which timers have fired: at the start of a run, and when one of them was changed. */
function updateTimers(hart: Hart): void {
  hart.state.setWord(FIELD.timers, firedTimers(hart, -1));
}

/** Interrupts of `candidates` that the current mode lets through; those for M-mode first, then HS-mode, then VS-mode. */
function enabledInterrupts(hart: Hart, candidates: number): number {
  const { state } = hart;
  const privilege = state.word(FIELD.privilege);
  const virtual = state.word(FIELD.virtual) !== 0;
  const delegated = state.low(FIELD.mideleg);
  const machine = candidates & ~delegated;
  const status = state.low(FIELD.mstatus);
  if (machine !== 0 && (privilege < 3 || (status & Status.MIE) !== 0)) return machine;
  if (privilege === 3) return 0;
  const toGuest = state.low(FIELD.hideleg);
  const supervisor = candidates & delegated & ~toGuest;
  if (supervisor !== 0 && (virtual || privilege === 0 || (status & Status.SIE) !== 0)) return supervisor;
  const guest = candidates & delegated & toGuest;
  if (!virtual) return 0;
  return privilege === 0 || (state.low(FIELD.vsstatus) & Status.SIE) !== 0 ? guest : 0;
}

function takeable(hart: Hart): number {
  const enabled = hart.state.low(FIELD.mie);
  if (enabled === 0) return 0;
  const pending = (pendingWithoutTimers(hart) | hart.state.word(FIELD.timers)) & enabled;
  return pending === 0 ? 0 : enabledInterrupts(hart, pending);
}

/**
 * Takes the pending interrupt of the highest priority that the current mode lets through, at the start of a run.
 *
 * @returns Whether one was taken: `pc` and the mode are then those of its handler
 */
export function takePendingInterrupt(hart: Hart): boolean {
  updateTimers(hart);
  return takeUnmaskedInterrupt(hart);
}

/**
 * The same inside a run, at an instruction boundary with `pc` the next instruction, after something that may have let an interrupt
 * through. That time has passed meanwhile is no reason: a run ends where the next timer fires.
 */
export function takeUnmaskedInterrupt(hart: Hart): boolean {
  const candidates = takeable(hart);
  if (candidates === 0) return false;
  for (const cause of PRIORITY) {
    if (((candidates >>> cause) & 1) === 0) continue;
    hart.state.setWord(FIELD.waiting, 0);
    deliverInterrupt(hart, cause);
    return true;
  }
  return false;
}

/**
 * Whether the instruction that an engine just executed waits for the VM: it is neither done nor abandoned, so that no interrupt may
 * come in between.
 */
export function mustCompleteAccess(hart: Hart): boolean {
  const request = hart.state.word(FIELD.exitRequest);
  return request === ExitRequest.MMIO || request === ExitRequest.NESTED_FAULT;
}

/** Whether WFI ends: an interrupt is pending and enabled in mie, whatever the global enables say. */
export function hasWakeup(hart: Hart): boolean {
  const enabled = hart.state.low(FIELD.mie);
  return enabled !== 0 && pendingInterrupts(hart, enabled) !== 0;
}

/** To be called after an input changed from outside the hart: makes the engine look if an interrupt can be taken now. */
export function interruptStateChanged(hart: Hart): void {
  if (takeable(hart) !== 0) hart.requestExit(ExitRequest.RESCHEDULE);
}

/** To be called after {@link timerDeadline} may have changed: the VM's loop has to ask anew. */
export function timerDeadlineMoved(hart: Hart): void {
  updateTimers(hart);
  hart.requestExit(ExitRequest.RESCHEDULE);
}

/** Drives an interrupt input; `bit` is its number in mip. */
export function setLine(hart: Hart, bit: number, asserted: boolean): void {
  const lines = hart.state.word(FIELD.lines);
  const changed = asserted ? lines | (1 << bit) : lines & ~(1 << bit);
  if (changed === lines) return;
  hart.state.setWord(FIELD.lines, changed);
  if (asserted) interruptStateChanged(hart);
}

/** Sets or clears a software bit of mip (SSIP and, unless stimecmp decides, STIP) or of hvip (VSSIP, VSTIP, VSEIP). */
export function setSoftwareInterrupt(hart: Hart, bit: number, pending: boolean): void {
  const { state } = hart;
  const field = ((VS_INTERRUPTS >>> bit) & 1) !== 0 ? FIELD.hvip : FIELD.mip;
  const old = state.low(field);
  state.set(field, pending ? old | (1 << bit) : old & ~(1 << bit), state.high(field));
  if (pending) interruptStateChanged(hart);
}

/** Drives guest external interrupt `index` (1..GEILEN) of hgeip. */
export function setGuestExternal(hart: Hart, index: number, asserted: boolean): void {
  if (index < 1 || index > GUEST_EXTERNAL_INTERRUPTS) return;
  const old = hart.state.low(FIELD.hgeip);
  hart.state.set(FIELD.hgeip, asserted ? old | (1 << index) : old & ~(1 << index), 0);
  if (asserted) interruptStateChanged(hart);
}

/** Tick at which `target` is reached if that is later than now, else Infinity. All 64-bit values unsigned. */
function laterTick(now: number, baseLow: number, baseHigh: number, targetLow: number, targetHigh: number): number {
  if (atLeast(baseLow, baseHigh, targetLow, targetHigh)) return Infinity;
  const low = (targetLow - baseLow) >>> 0;
  const high = subtractHigh(targetLow, targetHigh, baseLow, baseHigh) >>> 0;
  const tick = now + high * 2 ** 32 + low;
  return tick < NEVER ? tick : Infinity;
}

/**
 * Tick of the timebase at which stimecmp or vstimecmp fires next; Infinity if neither will. A timer that has fired already is
 * pending and has no deadline.
 */
export function timerDeadline(hart: Hart): number {
  const { state } = hart;
  if (!supervisorTimerEnabled(hart)) return Infinity;
  const now = hart.host.time();
  const low = now | 0;
  const high = highOf(now);
  const own = laterTick(now, low, high, state.low(FIELD.stimecmp), state.high(FIELD.stimecmp));
  if (!virtualTimerEnabled(hart)) return own;
  const deltaLow = state.low(FIELD.htimedelta);
  const guestHigh = addHigh(low, high, deltaLow, state.high(FIELD.htimedelta));
  const guestLow = (low + deltaLow) | 0;
  return Math.min(own, laterTick(now, guestLow, guestHigh, state.low(FIELD.vstimecmp), state.high(FIELD.vstimecmp)));
}
