/**
 * Machine-level CSRs (Privileged ISA, "Machine-Level ISA"; mtinst and mtval2 of the Hypervisor Extension).
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { FIELD } from "../layout.ts";
import { MACHINE_DELEGABLE } from "../trap/causes.ts";
import { pendingInterrupts, supervisorTimerEnabled } from "../trap/interrupts.ts";
import { ENVIRONMENT_FULL, ENVIRONMENT_GATED, environmentChanged, legalizeEnvironment } from "./environment.ts";
import { ALL_INTERRUPTS, Interrupt, S_INTERRUPTS } from "./fields.ts";
import { ALL_BITS, type CsrRow } from "./row.ts";
import { legalizeStatus, STATUS_QUIET, STATUS_UNMASKS, statusChanged } from "./status.ts";
import type { Word64 } from "./word64.ts";

/** SIE, MIE, SPIE, MPIE, SPP, MPP, FS, MPRV, SUM, MXR, TVM, TW, TSR, GVA, MPV. */
const STATUS_WRITABLE = 0xc0_007e_79aan;

/** Software bits of mip that live in `mip`, and VSSIP, which lives in hvip. */
const SSIP = 1 << Interrupt.SSI;
const STIP = 1 << Interrupt.STI;
const SEIP = 1 << Interrupt.SEI;
const VSSIP = 1 << Interrupt.VSSI;

function readMip(hart: Hart, out: Word64): void {
  out.low = pendingInterrupts(hart);
  out.high = 0;
}

/** CSRRS and CSRRC must not copy a wire's SEIP into the software bit. */
function readMipForUpdate(hart: Hart, out: Word64): void {
  out.low = hart.state.low(FIELD.mip) | (hart.state.low(FIELD.hvip) & VSSIP);
  out.high = 0;
}

function writeMip(hart: Hart, low: number): void {
  const { state } = hart;
  const mask = SSIP | SEIP | (supervisorTimerEnabled(hart) ? 0 : STIP);
  state.set(FIELD.mip, (state.low(FIELD.mip) & ~mask) | (low & mask), 0);
  state.set(FIELD.hvip, (state.low(FIELD.hvip) & ~VSSIP) | (low & VSSIP), 0);
}

/** henvcfg's gated bits become zero with menvcfg's, so that others need not look at both. */
function menvcfgChanged(hart: Hart, changedLow: number, changedHigh: number): void {
  const { state } = hart;
  const allowed = state.high(FIELD.menvcfg) | ~ENVIRONMENT_GATED;
  state.set(FIELD.henvcfg, state.low(FIELD.henvcfg), state.high(FIELD.henvcfg) & allowed);
  environmentChanged(hart, changedLow, changedHigh);
}

/** No trigger exists (Debug, "Sdtrig"): the index stays 0, and tdata1.type = 0 there says so. Probes expect the registers. */
const TRIGGER_CSRS: readonly CsrRow[] = [
  { number: 0x7a0, name: "tselect" },
  { number: 0x7a1, name: "tdata1" },
  { number: 0x7a2, name: "tdata2" },
  { number: 0x7a3, name: "tdata3" },
];

/** Rows by number. */
export const MACHINE_CSRS: readonly CsrRow[] = [
  {
    number: 0x300,
    name: "mstatus",
    storage: FIELD.mstatus,
    writeMask: STATUS_WRITABLE,
    legalize: legalizeStatus,
    onWrite: statusChanged,
    quiet: STATUS_QUIET,
    unmasks: STATUS_UNMASKS,
  },
  // Extensions cannot be switched off: WARL fields with one legal value.
  { number: 0x301, name: "misa", storage: FIELD.misa, writeMask: 0n },
  { number: 0x302, name: "medeleg", storage: FIELD.medeleg, writeMask: BigInt(MACHINE_DELEGABLE) },
  { number: 0x303, name: "mideleg", storage: FIELD.mideleg, writeMask: BigInt(S_INTERRUPTS), unmasks: ALL_BITS },
  { number: 0x304, name: "mie", storage: FIELD.mie, writeMask: BigInt(ALL_INTERRUPTS), unmasks: ALL_BITS },
  { number: 0x305, name: "mtvec", storage: FIELD.mtvec, writeMask: ~2n },
  { number: 0x306, name: "mcounteren", storage: FIELD.mcounteren, writeMask: 0xffff_ffffn },
  {
    number: 0x30a,
    name: "menvcfg",
    storage: FIELD.menvcfg,
    writeMask: ENVIRONMENT_FULL,
    legalize: legalizeEnvironment,
    onWrite: menvcfgChanged,
  },
  { number: 0x340, name: "mscratch", storage: FIELD.mscratch },
  { number: 0x341, name: "mepc", storage: FIELD.mepc, writeMask: ~1n },
  { number: 0x342, name: "mcause", storage: FIELD.mcause },
  { number: 0x343, name: "mtval", storage: FIELD.mtval },
  { number: 0x344, name: "mip", read: readMip, readForUpdate: readMipForUpdate, write: writeMip },
  { number: 0x34a, name: "mtinst", storage: FIELD.mtinst },
  { number: 0x34b, name: "mtval2", storage: FIELD.mtval2 },
  ...TRIGGER_CSRS,
  { number: 0xf11, name: "mvendorid" },
  { number: 0xf12, name: "marchid" },
  { number: 0xf13, name: "mimpid" },
  {
    number: 0xf14,
    name: "mhartid",
    read: (hart, out) => {
      out.low = hart.options.id;
      out.high = 0;
    },
  },
  { number: 0xf15, name: "mconfigptr" },
];
