/**
 * The state of a hart after reset (Privileged ISA, "Reset"), and what firmware would make of it where HS-mode is ours.
 *
 * @module
 */
import type { Hart } from "../hart.ts";
import { FIELD, PMP_ADDRESSES, STATE_SIZE } from "../layout.ts";
import { MACHINE_DELEGABLE } from "../trap/causes.ts";
import { Privilege, setMode, updateFpAccess } from "../trap/mode.ts";
import { ENVIRONMENT_FULL } from "./environment.ts";
import { H_INTERRUPTS, PmpConfig, PmpMatch, S_INTERRUPTS, StatusHigh, VSXL_64 } from "./fields.ts";
import { split } from "./word64.ts";

/** Letters of misa: RV64IMAFDC with S, U and H. There is no V. */
const EXTENSIONS = "ACDFHIMSU";

/** MXL = 2: 64 bits. */
const MXL_64 = 2 << 30;

/** FS = 1: floating point is on. */
const FS_INITIAL = 1 << 13;

/** An entry that lets everybody do everything in a naturally aligned power of two. */
const PMP_OPEN = PmpConfig.R | PmpConfig.W | PmpConfig.X | PmpMatch.NAPOT;

function misaLetters(): number {
  let letters = 0;
  for (const letter of EXTENSIONS) letters |= 1 << (letter.charCodeAt(0) - 65);
  return letters;
}

/**
 * Puts every register and CSR into its reset state. In machine mode the hart is then in M-mode; in guest mode it is in HS-mode, as
 * firmware hands it over: everything is delegated, all extensions and all memory are open to it.
 */
export function resetCsrs(hart: Hart): void {
  const { state } = hart;
  state.setBytes(new Uint8Array(STATE_SIZE));
  state.set(FIELD.misa, misaLetters(), MXL_64);
  state.set(FIELD.mstatus, 0, StatusHigh.UXL_64 | StatusHigh.SXL_64);
  state.set(FIELD.vsstatus, 0, StatusHigh.UXL_64);
  state.set(FIELD.hstatus, 0, VSXL_64);
  state.set(FIELD.mideleg, H_INTERRUPTS, 0);
  // A timer that nobody set must not fire.
  state.set(FIELD.stimecmp, -1, -1);
  state.set(FIELD.vstimecmp, -1, -1);
  if (hart.options.mode === "guest") openToSupervisor(hart);
  updateFpAccess(hart);
  setMode(hart, hart.options.mode === "guest" ? Privilege.S : Privilege.M, 0);
}

/** What machine-mode firmware does before it starts a supervisor. */
function openToSupervisor(hart: Hart): void {
  const { state } = hart;
  const environment = split(ENVIRONMENT_FULL);
  state.set(FIELD.mstatus, FS_INITIAL, state.high(FIELD.mstatus));
  state.set(FIELD.medeleg, MACHINE_DELEGABLE, 0);
  state.set(FIELD.mideleg, H_INTERRUPTS | S_INTERRUPTS, 0);
  state.set(FIELD.mcounteren, -1, 0);
  state.set(FIELD.menvcfg, environment.low, environment.high);
  state.set(FIELD.pmpcfg0, PMP_OPEN, 0);
  state.set(PMP_ADDRESSES, -1, 0x3f_ffff);
}
