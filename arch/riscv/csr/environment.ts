/**
 * What menvcfg, senvcfg and henvcfg have in common (Privileged ISA, "Machine Environment Configuration Register"; Zicbom, Zicboz,
 * Svadu, Svpbmt, Sstc).
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { timerDeadlineMoved } from "../trap/interrupts.ts";
import { EnvConfig, EnvConfigHigh } from "./fields.ts";
import type { Word64 } from "./word64.ts";

/** Fields that all three have: FIOM, CBIE, CBCFE, CBZE. */
export const ENVIRONMENT_COMMON = 0xf1n;

/** The common fields and ADUE, PBMTE, STCE. */
export const ENVIRONMENT_FULL = 0xe000_0000_0000_00f1n;

/** Fields of henvcfg that are read-only zero where menvcfg has a zero. */
export const ENVIRONMENT_GATED: number = EnvConfigHigh.ADUE | EnvConfigHigh.PBMTE | EnvConfigHigh.STCE;

/** CBIE = 2 is reserved: the old value stays. */
export function legalizeEnvironment(_hart: Hart, value: Word64, old: Readonly<Word64>): void {
  if ((value.low & EnvConfig.CBIE) === 2 << 4) value.low = (value.low & ~EnvConfig.CBIE) | (old.low & EnvConfig.CBIE);
}

/** Tells translation and timers. */
export function environmentChanged(hart: Hart, _changedLow: number, changedHigh: number): void {
  if ((changedHigh & (EnvConfigHigh.ADUE | EnvConfigHigh.PBMTE)) !== 0) hart.mmu.translationChanged();
  if ((changedHigh & EnvConfigHigh.STCE) !== 0) timerDeadlineMoved(hart);
}
