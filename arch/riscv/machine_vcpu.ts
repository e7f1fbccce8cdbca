/**
 * A virtual CPU in machine mode: the guest owns the hart from M-mode on; accesses outside RAM come back, and those to RAM that the VM
 * watches.
 *
 * @module
 */
import type { HostPhysAddr } from "../../core/address.ts";
import type { AccessKind, AxVCpuExitReason, NestedPageFaultExit } from "../../core/exit.ts";
import { decodeAccess, stepOver } from "./access_instruction.ts";
import type { SoftwareHart } from "./create_hart.ts";
import { ExitRequest, FIELD } from "./layout.ts";
import { FAULT_CAUSES } from "./trap/causes.ts";
import { raiseMemoryFault } from "./trap/deliver.ts";
import { setLine, setSoftwareInterrupt } from "./trap/interrupts.ts";
import { RiscvVCpu } from "./vcpu.ts";
import { ACCESS_KINDS } from "./vm_exit.ts";

/** What a machine-mode CPU needs from its VM. */
export interface MachineVCpuContext {
  /** Whether a physical address is RAM. */
  isRam(address: number): boolean;
}

/** A CPU without a hypervisor below it. */
export class MachineVCpu extends RiscvVCpu {
  readonly #context: MachineVCpuContext;
  readonly #nestedFault: NestedPageFaultExit = { kind: "NestedPageFault", addr: 0, access: "read" };
  /** Whether the attempt that waits was taken out of the steps. */
  #refunded = false;

  /** A CPU over a hart in machine mode. */
  constructor(hart: SoftwareHart, context: MachineVCpuContext) {
    super(hart);
    this.#context = context;
  }

  override setEptRoot(_root: HostPhysAddr): void {
    // Physical addresses are not translated again.
  }

  override setup(): void {
    this.hart.reset();
    this.hart.state.set(FIELD.pc, this.entry | 0, Math.floor(this.entry / 2 ** 32));
  }

  override injectFault(kind: "access" | "page", _access: AccessKind): void {
    this.dropAccess();
    const { access, vaLow, vaHigh, virtual } = this.hart.mmio;
    // The guest's instruction is what faults: an AMO whose read nobody answers is a store, a load whose walk failed a load.
    raiseMemoryFault(this.hart, FAULT_CAUSES[kind][access], vaLow, vaHigh, virtual);
    if (this.#refunded) this.hart.countRetired(1); // the trap took one off for an attempt that is no step
    this.#refunded = false;
  }

  override injectInterrupt(vector: number): void {
    setSoftwareInterrupt(this.hart, vector, true);
  }

  override setInterrupt(vector: number, asserted: boolean): void {
    setLine(this.hart, vector, asserted);
  }

  override getPc(): bigint {
    return this.hart.state.get64(FIELD.pc);
  }

  protected override enter(): void {
    this.#refunded = false;
  }

  protected override handleExit(request: number): AxVCpuExitReason | undefined {
    if (request === ExitRequest.NESTED_FAULT) return this.#nestedPageFault();
    if (request !== ExitRequest.MMIO) return { kind: "FailEntry", reason: `Engine left with request ${request}` };
    const { mmu, mmio } = this.hart;
    if (this.#context.isRam(mmio.addr)) return this.#nestedPageFault();
    const bits = mmu.currentInstruction();
    const instruction = decodeAccess(bits, mmu.instructionLength);
    if (instruction !== undefined && instruction.kind !== "conditional") {
      return this.beginAccess(instruction, bits, mmio.addr);
    }
    this.injectFault("access", ACCESS_KINDS[mmio.access]);
    return undefined;
  }

  protected override retire(length: number): void {
    stepOver(this.hart, FIELD.pc, length);
  }

  protected override get accessIsVirtual(): boolean {
    return this.hart.state.word(FIELD.virtual) !== 0;
  }

  /** The instruction will be executed again, so this attempt never was. */
  #nestedPageFault(): AxVCpuExitReason {
    this.refundStep();
    this.#refunded = true;
    const { addr, write, access } = this.hart.mmio;
    this.#nestedFault.addr = addr;
    this.#nestedFault.access = write ? "write" : access === 2 ? "execute" : "read";
    return this.#nestedFault;
  }
}
