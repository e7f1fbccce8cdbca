/**
 * Hypervisor and virtual-supervisor CSRs (Privileged ISA, "Hypervisor and Virtual Supervisor CSRs").
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { HYPERVISOR_DELEGABLE } from "../trap/causes.ts";
import { pendingInterrupts } from "../trap/interrupts.ts";
import { ENVIRONMENT_FULL, ENVIRONMENT_GATED, environmentChanged, legalizeEnvironment } from "./environment.ts";
import { GUEST_EXTERNAL_INTERRUPTS, H_INTERRUPTS, HStatus, Interrupt, VGEIN_SHIFT, VS_INTERRUPTS } from "./fields.ts";
import { ALL_BITS, type CsrRow } from "./row.ts";
import {
  legalizeStatus,
  STATUS_QUIET,
  STATUS_UNMASKS,
  statusChanged,
  SUPERVISOR_STATUS_VISIBLE,
  SUPERVISOR_STATUS_WRITABLE,
} from "./status.ts";
import { isTranslationMode, legalizeTranslation, translationChanged } from "./supervisor.ts";
import type { Word64 } from "./word64.ts";

/** GVA, SPV, SPVP, HU, VGEIN, VTVM, VTW, VTSR. */
const HSTATUS_WRITABLE = 0x73_f3c0n;

/** MODE, 14 bits of VMID, PPN without its lowest two bits: the root is 16 KiB. */
const HGATP_WRITABLE = 0xf3ff_ffff_ffff_fffcn;

const VSSIP = 1 << Interrupt.VSSI;

/** An unimplemented guest external interrupt cannot be selected: the old one stays. */
function legalizeHstatus(_hart: Hart, value: Word64, old: Readonly<Word64>): void {
  if ((value.low & HStatus.VGEIN) >> VGEIN_SHIFT <= GUEST_EXTERNAL_INTERRUPTS) return;
  value.low = (value.low & ~HStatus.VGEIN) | (old.low & HStatus.VGEIN);
}

/** hgatp is WARL field by field: an unsupported MODE keeps the old one, the rest is written. */
function legalizeHgatp(_hart: Hart, value: Word64, old: Readonly<Word64>): void {
  if (!isTranslationMode(value.high)) value.high = (value.high & 0x0fff_ffff) | (old.high & 0xf000_0000);
}

function legalizeHenvcfg(hart: Hart, value: Word64, old: Readonly<Word64>): void {
  legalizeEnvironment(hart, value, old);
  value.high &= hart.state.high(FIELD.menvcfg) | ~ENVIRONMENT_GATED;
}

function readHip(hart: Hart, out: Word64): void {
  out.low = pendingInterrupts(hart, H_INTERRUPTS);
  out.high = 0;
}

function setVssip(hart: Hart, pending: boolean): void {
  const hvip = hart.state.low(FIELD.hvip);
  hart.state.set(FIELD.hvip, pending ? hvip | VSSIP : hvip & ~VSSIP, 0);
}

/** Interrupts of VS-mode that are delegated to it. */
function delegated(hart: Hart): number {
  return hart.state.low(FIELD.hideleg) & VS_INTERRUPTS;
}

/** vsie and vsip show bits 2, 6, 10 at 1, 5, 9. */
function readVsie(hart: Hart, out: Word64): void {
  out.low = (hart.state.low(FIELD.mie) & delegated(hart)) >>> 1;
  out.high = 0;
}

function writeVsie(hart: Hart, low: number): void {
  const mask = delegated(hart);
  hart.state.set(FIELD.mie, (hart.state.low(FIELD.mie) & ~mask) | ((low << 1) & mask), 0);
}

function readVsip(hart: Hart, out: Word64): void {
  out.low = pendingInterrupts(hart, delegated(hart)) >>> 1;
  out.high = 0;
}

function writeVsip(hart: Hart, low: number): void {
  if ((delegated(hart) & VSSIP) !== 0) setVssip(hart, ((low << 1) & VSSIP) !== 0);
}

/** CSRs of VS-mode, by number. */
const VIRTUAL_SUPERVISOR_CSRS: readonly CsrRow[] = [
  {
    number: 0x200,
    name: "vsstatus",
    storage: FIELD.vsstatus,
    readMask: SUPERVISOR_STATUS_VISIBLE,
    writeMask: SUPERVISOR_STATUS_WRITABLE,
    legalize: legalizeStatus,
    onWrite: statusChanged,
    quiet: STATUS_QUIET,
    unmasks: STATUS_UNMASKS,
  },
  { number: 0x204, name: "vsie", read: readVsie, write: writeVsie },
  { number: 0x205, name: "vstvec", storage: FIELD.vstvec, writeMask: ~2n },
  { number: 0x240, name: "vsscratch", storage: FIELD.vsscratch },
  { number: 0x241, name: "vsepc", storage: FIELD.vsepc, writeMask: ~1n },
  { number: 0x242, name: "vscause", storage: FIELD.vscause },
  { number: 0x243, name: "vstval", storage: FIELD.vstval },
  { number: 0x244, name: "vsip", read: readVsip, write: writeVsip },
  {
    number: 0x280,
    name: "vsatp",
    // Reached as satp from VS-mode, where VTVM forbids it.
    storage: FIELD.vsatp,
    legalize: legalizeTranslation,
    onWrite: translationChanged,
  },
];

/** Rows by number. */
export const HYPERVISOR_CSRS: readonly CsrRow[] = [
  ...VIRTUAL_SUPERVISOR_CSRS,
  {
    number: 0x600,
    name: "hstatus",
    storage: FIELD.hstatus,
    writeMask: HSTATUS_WRITABLE,
    legalize: legalizeHstatus,
    onWrite: (hart) => hart.mmu.modeChanged(),
  },
  { number: 0x602, name: "hedeleg", storage: FIELD.hedeleg, writeMask: BigInt(HYPERVISOR_DELEGABLE) },
  { number: 0x603, name: "hideleg", storage: FIELD.hideleg, writeMask: BigInt(VS_INTERRUPTS), unmasks: ALL_BITS },
  {
    number: 0x604,
    name: "hie",
    aliasOf: 0x304,
    readMask: BigInt(H_INTERRUPTS),
    writeMask: BigInt(H_INTERRUPTS),
  },
  { number: 0x606, name: "hcounteren", storage: FIELD.hcounteren, writeMask: 0xffff_ffffn },
  {
    number: 0x607,
    name: "hgeie",
    storage: FIELD.hgeie,
    unmasks: ALL_BITS,
    writeMask: BigInt(((1 << GUEST_EXTERNAL_INTERRUPTS) - 1) << 1),
  },
  {
    number: 0x60a,
    name: "henvcfg",
    storage: FIELD.henvcfg,
    writeMask: ENVIRONMENT_FULL,
    legalize: legalizeHenvcfg,
    onWrite: environmentChanged,
  },
  { number: 0x643, name: "htval", storage: FIELD.htval },
  {
    number: 0x644,
    name: "hip",
    read: readHip,
    write: (hart, low) => setVssip(hart, (low & VSSIP) !== 0),
  },
  { number: 0x645, name: "hvip", storage: FIELD.hvip, writeMask: BigInt(VS_INTERRUPTS), unmasks: ALL_BITS },
  { number: 0x64a, name: "htinst", storage: FIELD.htinst },
  {
    number: 0x680,
    name: "hgatp",
    needs: "translation",
    storage: FIELD.hgatp,
    writeMask: HGATP_WRITABLE,
    legalize: legalizeHgatp,
    onWrite: translationChanged,
  },
  { number: 0xe12, name: "hgeip", storage: FIELD.hgeip },
];
