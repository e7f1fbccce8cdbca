/**
 * A virtual CPU in guest mode: the hart runs VS-mode and VU-mode, HS-mode is this module (Privileged ISA, Hypervisor extension).
 *
 * @module
 */
import type { HostPhysAddr } from "../../core/address.ts";
import type { VCpuState } from "../../core/arch_vcpu.ts";
import type { AccessKind, AxVCpuExitReason, NestedPageFaultExit } from "../../core/exit.ts";
import { stepOver } from "./access_instruction.ts";
import type { SoftwareHart } from "./create_hart.ts";
import { EnvConfig, EnvConfigHigh, HStatus, Interrupt, Status } from "./csr/fields.ts";
import { raiseInGuest } from "./guest_trap.ts";
import { ExitRequest, FIELD } from "./layout.ts";
import type { SbiFirmware } from "./sbi/firmware.ts";
import { countException } from "./sbi/pmu_state.ts";
import { Cause, FAULT_CAUSES, HYPERVISOR_DELEGABLE } from "./trap/causes.ts";
import { setLine, setSoftwareInterrupt } from "./trap/interrupts.ts";
import { returnFromSupervisor } from "./trap/mode.ts";
import { RiscvVCpu } from "./vcpu.ts";
import { ACCESS_KINDS, accessOfFault, type HypervisorTrap, readHypervisorTrap } from "./vm_exit.ts";

/** VSSI, VSTI and VSEI belong to the guest. */
const HIDELEG = 1 << Interrupt.VSSI | 1 << Interrupt.VSTI | 1 << Interrupt.VSEI;

/** henvcfg: cache-block operations, page-based memory types and vstimecmp are the guest's; hardware A and D updates when it asks. */
const HENVCFG = EnvConfig.CBIE | EnvConfig.CBCFE | EnvConfig.CBZE;
const HENVCFG_HIGH = EnvConfigHigh.PBMTE | EnvConfigHigh.STCE;

/** What a guest-mode CPU needs from its VM. */
export interface GuestVCpuContext {
  /** Answers the guest's SBI calls. */
  readonly firmware: SbiFirmware;
  /** hgatp.MODE of the nested page table. */
  readonly hgatpMode: number;
  /** Whether a guest-physical address is RAM. */
  isRam(address: number): boolean;
}

/** A CPU whose supervisor is a guest. */
export class GuestVCpu extends RiscvVCpu {
  readonly #context: GuestVCpuContext;
  readonly #index: number;
  readonly #nestedFault: NestedPageFaultExit = { kind: "NestedPageFault", addr: 0, access: "read" };

  /** @param index Index of the virtual CPU */
  constructor(hart: SoftwareHart, index: number, context: GuestVCpuContext) {
    super(hart);
    this.#index = index;
    this.#context = context;
  }

  override setEptRoot(root: HostPhysAddr): void {
    this.hart.state.set(FIELD.hgatp, root / 4096 | 0, this.#context.hgatpMode << 28);
    this.hart.mmu.translationChanged();
  }

  override setup(): void {
    const { state } = this.hart;
    const [hgatpLow, hgatpHigh] = [state.low(FIELD.hgatp), state.high(FIELD.hgatp)];
    this.hart.reset();
    state.set(FIELD.hgatp, hgatpLow, hgatpHigh);
    state.set(FIELD.hcounteren, -1, 0);
    state.set(FIELD.henvcfg, HENVCFG, HENVCFG_HIGH);
    state.set(FIELD.hedeleg, HYPERVISOR_DELEGABLE, 0); // all but calls of VS-mode, guest-page faults and virtual instructions
    state.set(FIELD.hideleg, HIDELEG, 0);
    state.set(FIELD.mstatus, state.low(FIELD.mstatus) | Status.SPP, state.high(FIELD.mstatus));
    state.set(FIELD.hstatus, state.low(FIELD.hstatus) | HStatus.SPV | HStatus.SPVP, state.high(FIELD.hstatus));
    state.set(FIELD.sepc, this.entry | 0, Math.floor(this.entry / 2 ** 32));
    this.hart.mmu.translationChanged();
    this.#context.firmware.hartReset(this.#index);
  }

  override injectFault(kind: "access" | "page", access: AccessKind): void {
    this.dropAccess();
    // The guest's instruction is what faults: an AMO whose read nobody answers is a store, a fetch whose walk failed a fetch.
    const original = accessOfFault(this.hart.state.low(FIELD.scause)) ?? access;
    this.#raise(FAULT_CAUSES[kind][ACCESS_KINDS.indexOf(original)]);
  }

  override injectInterrupt(vector: number): void {
    setSoftwareInterrupt(this.hart, vector, true);
  }

  override setInterrupt(vector: number, asserted: boolean): void {
    setLine(this.hart, vector, asserted);
  }

  override getPc(): bigint {
    return this.hart.state.get64(this.#inHypervisor() ? FIELD.sepc : FIELD.pc);
  }

  protected override enter(): void {
    if (this.#inHypervisor()) returnFromSupervisor(this.hart);
  }

  protected override handleExit(request: number): AxVCpuExitReason | undefined {
    if (request !== ExitRequest.HYPERVISOR_TRAP) {
      return { kind: "FailEntry", reason: `Engine left with request ${request}` };
    }
    const trap = readHypervisorTrap(this.hart);
    switch (trap.kind) {
      case "call":
        stepOver(this.hart, FIELD.sepc, 4);
        return this.#context.firmware.call(this.hart, this.#index);
      case "guestPageFault":
        return this.#guestPageFault(trap);
      case "reflect":
        return this.#reflect(trap.cause);
      case "interrupt":
        return { kind: "ExternalInterrupt", vector: trap.vector };
    }
  }

  protected override retire(length: number): void {
    stepOver(this.hart, FIELD.sepc, length);
    this.hart.countRetired(1);
  }

  protected override get accessIsVirtual(): boolean {
    return true;
  }

  /** The nested page table is this VM's own, wherever the saved one had its root. */
  override restore(state: VCpuState): void {
    const own = this.hart.state;
    const [low, high] = [own.low(FIELD.hgatp), own.high(FIELD.hgatp)];
    super.restore(state);
    own.set(FIELD.hgatp, low, high);
    this.hart.mmu.translationChanged();
  }

  #inHypervisor(): boolean {
    return this.hart.state.word(FIELD.virtual) === 0;
  }

  #guestPageFault(trap: HypervisorTrap & { kind: "guestPageFault" }): AxVCpuExitReason | undefined {
    const { instruction, addr, access } = trap;
    // Nothing lies where numbers are not exact any more: a guest-physical address may have all 64 bits while vsatp is Bare.
    const isExact = addr < Number.MAX_SAFE_INTEGER;
    if (isExact && this.#context.isRam(addr)) {
      this.refundStep();
      this.hart.countRetired(1); // the trap to HS-mode took one off for an attempt that never was
      this.#nestedFault.addr = addr;
      this.#nestedFault.access = access;
      return this.#nestedFault;
    }
    const isPlain = instruction !== undefined && instruction.kind !== "reserve" && instruction.kind !== "conditional";
    const isAligned = isExact && isPlain && addr % instruction.width === 0;
    if (isAligned) return this.beginAccess(instruction, this.hart.state.low(FIELD.htinst) | 2, addr);
    this.injectFault("access", access);
    return undefined;
  }

  /** The guest did what its own supervisor must learn about: a virtual instruction is an illegal one to it. */
  #reflect(cause: number): undefined {
    this.#raise(cause === Cause.VIRTUAL_INSTRUCTION ? Cause.ILLEGAL_INSTRUCTION : cause);
    return undefined;
  }

  /** The guest takes an exception with the stval of the trap that brought it here. */
  #raise(cause: number): void {
    const { state } = this.hart;
    countException(this.#context.firmware, this.#index, cause);
    raiseInGuest(this.hart, cause, state.low(FIELD.stval), state.high(FIELD.stval));
  }
}
