/**
 * Environment calls, trap returns, WFI and the fences of supervisors (Privileged ISA, "Machine-Mode Privileged Instructions", "Supervisor
 * Instructions", Svinval; what V=1 changes about them: "Hypervisor Extension", "Virtual-Instruction Exception").
 *
 * @module
 */
import { HStatus, Status } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { ExitRequest, FIELD } from "../layout.ts";
import { Cause } from "../trap/causes.ts";
import { raiseException, raiseIllegal, raiseVirtualInstruction } from "../trap/deliver.ts";
import { hasWakeup } from "../trap/interrupts.ts";
import { Privilege, returnFromMachine, returnFromSupervisor } from "../trap/mode.ts";
import type { Instruction } from "./instruction.ts";

function ecall(hart: Hart): boolean {
  const privilege = hart.state.word(FIELD.privilege);
  const virtual = hart.state.word(FIELD.virtual) !== 0;
  const cause = virtual && privilege === Privilege.S ? Cause.ECALL_VS : Cause.ECALL_U + privilege;
  return raiseException(hart, cause, 0, 0);
}

/** xtval is the instruction's own address, as for any other breakpoint. */
function ebreak(hart: Hart): boolean {
  return raiseException(hart, Cause.BREAKPOINT, hart.state.low(FIELD.pc), hart.state.high(FIELD.pc));
}

function mret(hart: Hart, bits: number): boolean {
  if (hart.state.word(FIELD.privilege) !== Privilege.M) return raiseIllegal(hart, bits);
  returnFromMachine(hart);
  return false;
}

/**
 * Whether the current mode may execute a supervisor instruction; else the trap is raised.
 *
 * @param trapBit Bit of mstatus that forbids it in HS-mode, 0 if none does
 * @param virtualTrapBit Bit of hstatus that forbids it in VS-mode
 */
function supervisorAllowed(hart: Hart, bits: number, trapBit: number, virtualTrapBit: number): boolean {
  const { state } = hart;
  const privilege = state.word(FIELD.privilege);
  if (privilege === Privilege.M) return true;
  if (state.word(FIELD.virtual) !== 0) {
    const allowed = privilege === Privilege.S && (state.low(FIELD.hstatus) & virtualTrapBit) === 0;
    return allowed || raiseVirtualInstruction(hart, bits);
  }
  const allowed = privilege === Privilege.S && (state.low(FIELD.mstatus) & trapBit) === 0;
  return allowed || raiseIllegal(hart, bits);
}

function sret(hart: Hart, bits: number): boolean {
  if (!supervisorAllowed(hart, bits, Status.TSR, HStatus.VTSR)) return false;
  returnFromSupervisor(hart);
  return false;
}

/** TW binds every mode below M, and comes before what V=1 adds; U-mode may never wait. */
function waitAllowed(hart: Hart, bits: number): boolean {
  const { state } = hart;
  const privilege = state.word(FIELD.privilege);
  if (privilege === Privilege.M) return true;
  if ((state.low(FIELD.mstatus) & Status.TW) !== 0) return raiseIllegal(hart, bits);
  return supervisorAllowed(hart, bits, 0, HStatus.VTW);
}

function wfi(hart: Hart, bits: number): boolean {
  if (!waitAllowed(hart, bits)) return false;
  if (hasWakeup(hart)) return true;
  hart.state.setWord(FIELD.waiting, 1);
  hart.requestExit(ExitRequest.WAIT);
  return true;
}

function sfenceVma(hart: Hart, bits: number): boolean {
  if (!supervisorAllowed(hart, bits, Status.TVM, HStatus.VTVM)) return false;
  const { state } = hart;
  const address = (bits >>> 15) & 31;
  const asid = (bits >>> 20) & 31;
  hart.mmu.sfenceVma(state.xLow(address), state.xHigh(address), address !== 0, state.xLow(asid) & 0xffff, asid !== 0);
  return true;
}

/** SFENCE.W.INVAL and SFENCE.INVAL.IR order SINVAL.VMA, which is done at once here; TVM and VTVM do not concern them. */
function orderInvalidations(hart: Hart, bits: number): boolean {
  return supervisorAllowed(hart, bits, 0, 0);
}

function plain(name: string, upper: string, call: Instruction["call"], extension = "i"): Instruction {
  return { name, format: "none", pattern: `${upper}00000000000001110011`, extension, call, syntax: "" };
}

function fence(name: string, funct7: string, extension: string): Instruction {
  const pattern = `${funct7}..........000000001110011`;
  return { name, format: "R", pattern, extension, call: sfenceVma, syntax: "rs1,rs2" };
}

/** Rows in the order of the specification. */
export const PRIVILEGED: readonly Instruction[] = [
  plain("ecall", "000000000000", ecall),
  plain("ebreak", "000000000001", ebreak),
  plain("sret", "000100000010", sret),
  plain("mret", "001100000010", mret),
  plain("wfi", "000100000101", wfi),
  fence("sfence.vma", "0001001", "i"),
  fence("sinval.vma", "0001011", "svinval"),
  plain("sfence.w.inval", "000110000000", orderInvalidations, "svinval"),
  plain("sfence.inval.ir", "000110000001", orderInvalidations, "svinval"),
];
