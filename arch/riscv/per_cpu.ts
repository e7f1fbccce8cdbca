/**
 * The physical CPU's virtualisation hardware: software, so always there (axvcpu's `AxArchPerCpu`).
 *
 * @module
 */
import type { AxArchPerCpu } from "../../core/arch_vcpu.ts";

/** A CPU with the H extension. */
export class RiscvPerCpu implements AxArchPerCpu {
  #enabled = false;
  readonly #onDisable: () => void;

  /** @param onDisable Takes what is left of a guest out of the CPU */
  constructor(onDisable: () => void = () => {}) {
    this.#onDisable = onDisable;
  }

  hardwareEnable(): void {
    this.#enabled = true;
  }

  hardwareDisable(): void {
    this.#enabled = false;
    this.#onDisable();
  }

  isEnabled(): boolean {
    return this.#enabled;
  }

  /** Sv57x4 has five. */
  maxGuestPageTableLevels(): number {
    return 5;
  }
}
