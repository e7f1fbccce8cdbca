/**
 * The SiFive test finisher: one register that powers the machine off or resets it (SiFive FU540 test device; Linux binding
 * `sifive,test0`).
 *
 * @module
 */
import type { AccessWidth } from "../core/address.ts";
import type { Device } from "../core/device.ts";

/** What is written to the register: the lower half says what to do, the upper half is the code of a failure. */
export const FINISHER_PASS = 0x5555, FINISHER_FAIL = 0x3333, FINISHER_RESET = 0x7777;

/** What the finisher asks of its machine. */
export interface PowerControl {
  /** Powers off; `code` 0 is success. */
  powerOff(code: number): void;
  /** Resets. */
  reboot(): void;
}

/** The finisher. */
export class TestFinisher implements Device {
  /** Nothing to remember: every write takes effect at once. */
  readonly state: Record<string, never> = {};
  readonly #power: PowerControl;

  /**
   * Makes one.
   *
   * @param power Whom to ask
   */
  constructor(power: PowerControl) {
    this.#power = power;
  }

  /** Reads as zero. */
  read(): number {
    return 0;
  }

  /** Acts on a write of 2 or 4 bytes to offset 0. */
  write(offset: number, value: number, width: AccessWidth): void {
    if (offset !== 0 || width === 1) return;
    const command = value & 0xffff;
    if (command === FINISHER_PASS) this.#power.powerOff(0);
    // A failure without a code must still not look like success.
    else if (command === FINISHER_FAIL) this.#power.powerOff((value >>> 16) || 1);
    else if (command === FINISHER_RESET) this.#power.reboot();
  }
}
