/**
 * From a trap into HS-mode to an exit reason: what the hypervisor learns from scause, stval, htval and htinst
 * (Privileged ISA, Hypervisor extension, "Traps").
 *
 * @module
 */
import type { AccessKind } from "../../core/exit.ts";
import { type AccessInstruction, decodeAccess } from "./access_instruction.ts";
import type { Hart } from "./hart.ts";
import { FIELD } from "./layout.ts";
import { Pseudo } from "./mmu/fault.ts";
import { Cause, FAULT_CAUSES } from "./trap/causes.ts";

/** A trap that reached HS-mode, sorted by what the hypervisor must do. */
export type HypervisorTrap =
  | { kind: "call" }
  /** `instruction` is left out where no device could answer: a fetch, a page-table walk, the second page of an access. */
  | { kind: "guestPageFault"; addr: number; access: AccessKind; instruction: AccessInstruction | undefined }
  | { kind: "reflect"; cause: number }
  | { kind: "interrupt"; vector: number };

/** Kinds of access by the numbers that `FAULT_CAUSES` and `PendingMmio.access` have for them. */
export const ACCESS_KINDS: readonly AccessKind[] = ["read", "write", "execute"];

/** Kind of access that a guest-page fault interrupted, undefined for other exceptions. */
export function accessOfFault(cause: number): AccessKind | undefined {
  return ACCESS_KINDS[FAULT_CAUSES.guestPage.indexOf(cause)];
}

/** Field of a transformed instruction: how far behind the access's address it failed. Not 0: it crosses a page. */
const ADDRESS_OFFSET = 0x1f << 15;

/** Reads the CSRs of the trap that ended the last run. */
export function readHypervisorTrap(hart: Hart): HypervisorTrap {
  const { state } = hart;
  const cause = state.low(FIELD.scause);
  if (state.high(FIELD.scause) < 0) return { kind: "interrupt", vector: cause };
  if (cause === Cause.ECALL_VS) return { kind: "call" };
  const access = accessOfFault(cause);
  if (access === undefined) return { kind: "reflect", cause };
  const htval = (state.high(FIELD.htval) >>> 0) * 2 ** 32 + (state.low(FIELD.htval) >>> 0);
  const addr = htval * 4 + (state.low(FIELD.stval) & 3);
  const tinst = state.low(FIELD.htinst);
  if (tinst === Pseudo.READ || tinst === Pseudo.WRITE) {
    const implicit = tinst === Pseudo.READ ? "read" : "write";
    return { kind: "guestPageFault", addr, access: implicit, instruction: undefined };
  }
  const isWhole = tinst !== 0 && (tinst & ADDRESS_OFFSET) === 0;
  return { kind: "guestPageFault", addr, access, instruction: isWhole ? decodeAccess(tinst) : undefined };
}
