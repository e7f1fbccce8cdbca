/**
 * Legacy extensions: one function each, the result in a0 alone (SBI 3.0, chapter 5).
 *
 * @module
 */
import { Interrupt } from "../csr/fields.ts";
import { FIELD } from "../layout.ts";
import { setSoftwareInterrupt } from "../trap/interrupts.ts";
import { runningHarts } from "./harts.ts";
import { interruptHarts } from "./ipi.ts";
import { readGuestVirtual } from "./guest_virtual.ts";
import { fenceAddresses, fenceInstructions } from "./remote_fence.ts";
import { type SbiCall, SbiError, type SbiExtension, type SbiResult } from "./sbi.ts";
import { setTimer } from "./time.ts";

const SUCCESS: SbiResult = { error: SbiError.SUCCESS };

function putchar({ machine, low }: SbiCall): SbiResult {
  machine.console.write(Uint8Array.of(low(0)));
  return SUCCESS;
}

/** The byte, or -1. */
function getchar({ machine }: SbiCall): SbiResult {
  return { error: machine.console.read() };
}

/** 1 if an interrupt was pending. */
function clearIpi({ hart }: SbiCall): SbiResult {
  const pending = hart.state.low(FIELD.hvip) >>> Interrupt.VSSI & 1;
  setSoftwareInterrupt(hart, Interrupt.VSSI, false);
  return { error: pending };
}

/**
 * Does something to the harts of the bit vector that a0 points at; all harts if it is null, as every implementation has it. Bits of
 * harts that do not exist are ignored: there is no error for them.
 */
function toMasked(action: (call: SbiCall, targets: readonly number[]) => SbiResult): (call: SbiCall) => SbiResult {
  return (call) => {
    const { machine, hart, low, high } = call;
    const running = runningHarts(machine);
    if (low(0) === 0 && high(0) === 0) return action(call, running);
    const mask = readGuestVirtual(machine, hart, low(0), high(0), Math.ceil(machine.cpus / 64) * 8);
    if ("cause" in mask) return { error: SbiError.FAILED, fault: mask };
    return action(call, running.filter((cpu) => (mask[cpu >> 3] >> (cpu & 7) & 1) !== 0));
  };
}

function shutdown(): SbiResult {
  return { error: SbiError.SUCCESS, noReturn: true, exit: { kind: "SystemDown", action: "shutdown", code: 0 } };
}

function legacy(eid: number, name: string, implementation: (call: SbiCall) => SbiResult): SbiExtension {
  return { eid, name: `legacy ${name}`, functions: { 0: implementation }, legacy: true };
}

/** The extensions by number. */
export const LEGACY_EXTENSIONS: readonly SbiExtension[] = [
  legacy(0, "set_timer", setTimer),
  legacy(1, "console_putchar", putchar),
  legacy(2, "console_getchar", getchar),
  legacy(3, "clear_ipi", clearIpi),
  legacy(4, "send_ipi", toMasked(interruptHarts)),
  legacy(5, "remote_fence_i", toMasked(fenceInstructions)),
  legacy(6, "remote_sfence_vma", toMasked((call, targets) => fenceAddresses(call, targets, 1))),
  legacy(7, "remote_sfence_vma_asid", toMasked((call, targets) => fenceAddresses(call, targets, 1, 3))),
  legacy(8, "shutdown", shutdown),
];
