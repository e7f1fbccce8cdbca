/**
 * Supervisor-level CSRs (Privileged ISA, "Supervisor-Level ISA"), which are those of HS-mode when V=0.
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { pendingInterrupts } from "../trap/interrupts.ts";
import { ENVIRONMENT_COMMON, legalizeEnvironment } from "./environment.ts";
import { Interrupt, S_INTERRUPTS } from "./fields.ts";
import type { CsrRow } from "./row.ts";
import { SUPERVISOR_STATUS_VISIBLE, SUPERVISOR_STATUS_WRITABLE } from "./status.ts";
import type { Word64 } from "./word64.ts";

/** Interrupts of S-mode that M-mode delegated: the others cannot be seen in sie and sip. */
function delegated(hart: Hart): number {
  return hart.state.low(FIELD.mideleg) & S_INTERRUPTS;
}

function readSie(hart: Hart, out: Word64): void {
  out.low = hart.state.low(FIELD.mie) & delegated(hart);
  out.high = 0;
}

function writeSie(hart: Hart, low: number): void {
  const mask = delegated(hart);
  hart.state.set(FIELD.mie, (hart.state.low(FIELD.mie) & ~mask) | (low & mask), 0);
}

function readSip(hart: Hart, out: Word64): void {
  out.low = pendingInterrupts(hart, delegated(hart));
  out.high = 0;
}

/** Only SSIP can be written. */
function writeSip(hart: Hart, low: number): void {
  const mask = delegated(hart) & (1 << Interrupt.SSI);
  hart.state.set(FIELD.mip, (hart.state.low(FIELD.mip) & ~mask) | (low & mask), 0);
}

/** Whether a satp or vsatp value, by its high half, names a translation mode that exists: Bare, Sv39, Sv48, Sv57. */
export function isTranslationMode(high: number): boolean {
  const mode = high >>> 28;
  return mode === 0 || (mode >= 8 && mode <= 10);
}

/** A write of satp or vsatp with an unsupported MODE has no effect at all. */
export function legalizeTranslation(_hart: Hart, value: Word64, old: Readonly<Word64>): void {
  if (isTranslationMode(value.high)) return;
  value.low = old.low;
  value.high = old.high;
}

/** Tells the MMU. */
export function translationChanged(hart: Hart): void {
  hart.mmu.translationChanged();
}

/** Rows by number. */
export const SUPERVISOR_CSRS: readonly CsrRow[] = [
  {
    number: 0x100,
    name: "sstatus",
    aliasOf: 0x300,
    readMask: SUPERVISOR_STATUS_VISIBLE,
    writeMask: SUPERVISOR_STATUS_WRITABLE,
    virtualizedBy: 0x200,
  },
  { number: 0x104, name: "sie", read: readSie, write: writeSie, virtualizedBy: 0x204 },
  { number: 0x105, name: "stvec", storage: FIELD.stvec, writeMask: ~2n, virtualizedBy: 0x205 },
  { number: 0x106, name: "scounteren", storage: FIELD.scounteren, writeMask: 0xffff_ffffn },
  {
    number: 0x10a,
    name: "senvcfg",
    storage: FIELD.senvcfg,
    writeMask: ENVIRONMENT_COMMON,
    legalize: legalizeEnvironment,
  },
  { number: 0x140, name: "sscratch", storage: FIELD.sscratch, virtualizedBy: 0x240 },
  { number: 0x141, name: "sepc", storage: FIELD.sepc, writeMask: ~1n, virtualizedBy: 0x241 },
  { number: 0x142, name: "scause", storage: FIELD.scause, virtualizedBy: 0x242 },
  { number: 0x143, name: "stval", storage: FIELD.stval, virtualizedBy: 0x243 },
  { number: 0x144, name: "sip", read: readSip, write: writeSip, virtualizedBy: 0x244 },
  {
    number: 0x180,
    name: "satp",
    needs: "translation",
    storage: FIELD.satp,
    virtualizedBy: 0x280,
    legalize: legalizeTranslation,
    onWrite: translationChanged,
  },
];
