/**
 * What the virtual CPUs of both modes have in common: `AxArchVCpu` over a hart, and how an access to a device is finished.
 *
 * @module
 */
import type { GuestPhysAddr, HostPhysAddr } from "../../core/address.ts";
import type { AxArchVCpu, VCpuState } from "../../core/arch_vcpu.ts";
import type { AccessKind, AxVCpuExitReason, MmioReadExit, MmioWriteExit } from "../../core/exit.ts";
import { type AccessInstruction, extendLoaded, writeLoaded } from "./access_instruction.ts";
import type { SoftwareHart } from "./create_hart.ts";
import { evaluateAmo } from "./engine/oracle_amo.ts";
import { ExitRequest, X_REGISTERS } from "./layout.ts";
import { hasWakeup, timerDeadline } from "./trap/interrupts.ts";

/** An access that waits for the device's answer. */
interface PendingAccess {
  instruction: AccessInstruction;
  /** The 32-bit encoding, for atomics. */
  bits: number;
  addr: GuestPhysAddr;
  /** An atomic's old value once it was read. */
  old?: { low: number; high: number };
}

const NOTHING: AxVCpuExitReason = { kind: "Nothing" };
const HALT: AxVCpuExitReason = { kind: "Halt" };

/** Traps that are handled in a row without the VM's loop: a guest that only traps must not keep the host waiting. */
const HANDLED_AT_ONCE = 16;

/** A virtual CPU over a hart. */
export abstract class RiscvVCpu implements AxArchVCpu {
  /** The hart. */
  readonly hart: SoftwareHart;
  /** First instruction. */
  protected entry: GuestPhysAddr = 0;
  #pending: PendingAccess | undefined;
  #kicked = false;
  #steps = 0;
  readonly #read: MmioReadExit = { kind: "MmioRead", addr: 0, width: 1, reg: 0, regWidth: 8, signedExt: false };
  readonly #write: MmioWriteExit = { kind: "MmioWrite", addr: 0, width: 1, low: 0, high: 0 };

  /** @param hart The hart that this CPU is */
  constructor(hart: SoftwareHart) {
    this.hart = hart;
  }

  /** Sets the nested page table's root. */
  abstract setEptRoot(root: HostPhysAddr): void;
  /** Puts every register into the state in which a CPU starts. */
  abstract setup(): void;
  /** Goes from the hypervisor into the guest. */
  protected abstract enter(): void;
  /** Turns the end of a run that the guest did not ask for into an exit; undefined: handled, go on. */
  protected abstract handleExit(request: number): AxVCpuExitReason | undefined;
  /** Moves past the instruction whose access was finished. */
  protected abstract retire(length: number): void;
  /** Whether the instruction whose access waits ran with V=1. */
  protected abstract get accessIsVirtual(): boolean;
  abstract injectFault(kind: "access" | "page", access: AccessKind): void;
  abstract injectInterrupt(vector: number): void;
  abstract setInterrupt(vector: number, asserted: boolean): void;
  /** Address of the guest's next instruction. */
  abstract getPc(): bigint;

  setEntry(entry: GuestPhysAddr): void {
    this.entry = entry;
  }

  bind(): void {
    this.hart.bind();
  }

  unbind(): void {
    // The state stays in the window until another hart needs it.
  }

  get steps(): number {
    return this.#steps + this.hart.steps();
  }

  run(budget: number): AxVCpuExitReason {
    this.#steps = 0;
    if (this.#pending?.old !== undefined) return this.#atomicWrite(this.#pending);
    for (let handled = 0; this.#steps < budget && handled < HANDLED_AT_ONCE; handled++) {
      if (this.#kicked) break;
      this.enter();
      const request = this.hart.run(budget - this.#steps);
      this.#steps += this.hart.stepsOfRun;
      if (request === ExitRequest.WAIT) return HALT;
      if (request === ExitRequest.NONE || request === ExitRequest.RESCHEDULE) break;
      const exit = this.handleExit(request);
      if (exit !== undefined) return exit;
    }
    this.#kicked = false;
    return NOTHING;
  }

  /** Takes back the step of the attempt that ended the run. */
  protected refundStep(): void {
    this.hart.refundStep();
    this.#steps--;
  }

  /** The exit for an access to a device. */
  protected beginAccess(
    instruction: AccessInstruction,
    bits: number,
    addr: GuestPhysAddr,
  ): AxVCpuExitReason {
    this.#pending = { instruction, bits, addr };
    const { state } = this.hart;
    if (instruction.kind !== "store") {
      this.#read.addr = addr;
      this.#read.width = instruction.width;
      this.#read.reg = instruction.rd;
      this.#read.signedExt = instruction.signed;
      return this.#read;
    }
    const { rs2, float } = instruction;
    const low = float ? state.fLow(rs2) : state.xLow(rs2);
    const high = float ? state.fHigh(rs2) : state.xHigh(rs2);
    return this.#writeExit(instruction, addr, low, high);
  }

  completeMmioRead(low: number, high: number): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const { instruction } = pending;
    if (instruction.kind === "amo") {
      pending.old = extendLoaded(instruction, low, high);
      return;
    }
    writeLoaded(this.hart, instruction, low, high, this.accessIsVirtual);
    this.#finish(instruction);
  }

  completeMmioWrite(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    if (pending.old !== undefined) {
      this.hart.state.setX(pending.instruction.rd, pending.old.low, pending.old.high);
    }
    this.#finish(pending.instruction);
  }

  /** Forgets an access that ends in a fault. */
  protected dropAccess(): void {
    this.#pending = undefined;
  }

  setReturnValue(low: number, high: number): void {
    this.setArgument(0, low, high);
  }

  setArgument(index: number, low: number, high: number): void {
    this.hart.state.setX(10 + index, low, high);
  }

  hasPendingInterrupt(): boolean {
    return hasWakeup(this.hart);
  }

  timerDeadline(): number {
    return timerDeadline(this.hart);
  }

  kick(): void {
    this.#kicked = true;
    this.hart.requestExit(ExitRequest.RESCHEDULE);
  }

  getGpr(index: number): bigint {
    return this.hart.state.get64(X_REGISTERS + index * 8);
  }

  setGpr(index: number, value: bigint): void {
    if (index !== 0) this.hart.state.set64(X_REGISTERS + index * 8, value);
  }

  save(): VCpuState {
    return { hart: this.hart.state.bytes(), entry: this.entry, pending: structuredClone(this.#pending) };
  }

  restore(state: VCpuState): void {
    this.hart.restoreState(state.hart as Uint8Array);
    this.entry = state.entry as number;
    this.#pending = structuredClone(state.pending) as PendingAccess | undefined;
  }

  #finish(instruction: AccessInstruction): void {
    this.#pending = undefined;
    this.retire(instruction.length);
  }

  /** Second half of an atomic: the value that it writes. */
  #atomicWrite(pending: PendingAccess): AxVCpuExitReason {
    const { instruction, bits, addr, old } = pending;
    const operand = this.getGpr(instruction.rs2);
    const before = BigInt(old!.high) << 32n | BigInt(old!.low >>> 0);
    const value = BigInt.asUintN(64, evaluateAmo(bits, before, operand));
    return this.#writeExit(instruction, addr, Number(value & 0xffffffffn), Number(value >> 32n));
  }

  #writeExit(instruction: AccessInstruction, addr: GuestPhysAddr, low: number, high: number): AxVCpuExitReason {
    const { width } = instruction;
    this.#write.addr = addr;
    this.#write.width = width;
    this.#write.low = width < 4 ? low & (1 << width * 8) - 1 : low >>> 0;
    this.#write.high = width === 8 ? high >>> 0 : 0;
    return this.#write;
  }
}
