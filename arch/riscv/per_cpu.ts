/**
 * The physical CPU's virtualisation hardware: software, so always there (axvcpu's `AxArchPerCpu`).
 *
 * @module
 */
import type { AxArchPerCpu } from "../../core/arch_vcpu.ts";

/** A CPU with the H extension. */
export class RiscvPerCpu implements AxArchPerCpu {
  #enabled = false;

  hardwareEnable(): void {
    this.#enabled = true;
  }

  hardwareDisable(): void {
    this.#enabled = false;
  }

  isEnabled(): boolean {
    return this.#enabled;
  }

  /** Sv57x4 has five. */
  maxGuestPageTableLevels(): number {
    return 5;
  }
}
