/**
 * A virtual CPU in machine mode: the guest owns the hart from M-mode on; only accesses outside RAM come back.
 *
 * @module
 */
import type { HostPhysAddr } from "../../core/address.ts";
import type { AccessKind, AxVCpuExitReason } from "../../core/exit.ts";
import { ExitRequest, FIELD } from "./layout.ts";
import { Cause } from "./trap/causes.ts";
import { raiseMemoryFault } from "./trap/deliver.ts";
import { setLine, setSoftwareInterrupt } from "./trap/interrupts.ts";
import { RiscvVCpu } from "./vcpu.ts";
import { decodeAccess } from "./vm_exit.ts";

const FAULTS: Readonly<Record<"access" | "page", Readonly<Record<AccessKind, number>>>> = {
  access: { read: Cause.LOAD_ACCESS, write: Cause.STORE_ACCESS, execute: Cause.FETCH_ACCESS },
  page: { read: Cause.LOAD_PAGE, write: Cause.STORE_PAGE, execute: Cause.FETCH_PAGE },
};

/** A CPU without a hypervisor below it. */
export class MachineVCpu extends RiscvVCpu {
  #faultLow = 0;
  #faultHigh = 0;

  override setEptRoot(_root: HostPhysAddr): void {
    // Physical addresses are not translated again.
  }

  override setup(): void {
    this.hart.reset();
    this.hart.state.set(FIELD.pc, this.entry | 0, Math.floor(this.entry / 2 ** 32));
  }

  override injectFault(kind: "access" | "page", access: AccessKind): void {
    this.dropAccess();
    raiseMemoryFault(this.hart, FAULTS[kind][access], this.#faultLow, this.#faultHigh, 0, 0, false);
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
    // The guest is always entered.
  }

  protected override handleExit(request: number): AxVCpuExitReason | undefined {
    if (request !== ExitRequest.MMIO) return { kind: "FailEntry", reason: `Engine left with request ${request}` };
    const { hart } = this;
    const bits = hart.mmu.currentInstruction();
    const instruction = decodeAccess(bits, hart.mmu.instructionLength);
    this.#faultLow = hart.mmio.vaLow;
    this.#faultHigh = hart.mmio.vaHigh;
    if (instruction === undefined) {
      this.injectFault("access", hart.mmio.write ? "write" : "read");
      return undefined;
    }
    return this.beginAccess(instruction, bits, hart.mmio.addr);
  }

  protected override retire(length: number): void {
    const { state } = this.hart;
    const low = (state.low(FIELD.pc) >>> 0) + length;
    state.set(FIELD.pc, low | 0, (state.high(FIELD.pc) + (low > 0xffffffff ? 1 : 0)) | 0);
  }
}
