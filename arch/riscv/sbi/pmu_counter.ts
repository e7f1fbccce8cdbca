/**
 * The counters themselves: what each can count, starting, stopping, values (SBI 3.0, chapter 11).
 *
 * A hardware counter runs freely until a supervisor configures it, so that programs which only read `cycle` find it running.
 *
 * @module
 */
import { readCsr64, writeCsr64 } from "../csr/csr_file.ts";
import { Counter } from "../csr/fields.ts";
import type { Hart } from "../hart.ts";
import { CYCLE_COUNTER, FIRMWARE_EVENTS, INSTRET_COUNTER, type PmuHart } from "./pmu_state.ts";

const MCOUNTINHIBIT = 0x320;

/** Number of mcycle; minstret is two further. */
const MCYCLE = 0xb00;

/** Events that hardware counters can count, by counter. */
const HARDWARE_EVENT: Readonly<Record<number, number>> = { [CYCLE_COUNTER]: 1, [INSTRET_COUNTER]: 2 };

/** Type of firmware events in an `event_idx`. */
export const FIRMWARE_TYPE = 0xf;

/** Whether counter `index` is a CSR. */
export function isHardware(index: number): boolean {
  return HARDWARE_EVENT[index] !== undefined;
}

/** Whether counter `index` can count event `event`, an `event_idx`. */
export function canCount(index: number, event: number): boolean {
  if (isHardware(index)) return HARDWARE_EVENT[index] === event;
  return event >>> 16 === FIRMWARE_TYPE && (event & 0xffff) < FIRMWARE_EVENTS;
}

/** The unit of one hart with its CSRs. */
export class PmuCounters {
  readonly #hart: Hart;
  readonly #unit: PmuHart;

  /** @param unit State of the hart's unit */
  constructor(hart: Hart, unit: PmuHart) {
    this.#hart = hart;
    this.#unit = unit;
  }

  /** Value of a counter, 64 bits unsigned. */
  value(index: number): bigint {
    if (isHardware(index)) return readCsr64(this.#hart, MCYCLE + index);
    const { started, value } = this.#unit.counters[index];
    return started ? BigInt.asUintN(64, value + this.#events(index)) : value;
  }

  /** Sets the value of a counter. */
  setValue(index: number, value: bigint): void {
    if (isHardware(index)) return writeCsr64(this.#hart, MCYCLE + index, value);
    const counter = this.#unit.counters[index];
    counter.value = counter.started ? BigInt.asUintN(64, value - this.#events(index)) : value;
  }

  /** Makes a counter that is not started count an event; it stands still until it is started. */
  configure(index: number, event: number): void {
    const counter = this.#unit.counters[index];
    if (isHardware(index)) this.#inhibit(index, true);
    counter.event = event;
  }

  /** Starts a configured counter, unless it was started. */
  start(index: number): void {
    const counter = this.#unit.counters[index];
    if (counter.started) return;
    if (isHardware(index)) this.#inhibit(index, false);
    else counter.value = BigInt.asUintN(64, counter.value - this.#events(index));
    counter.started = true;
  }

  /** Stops a counter; false if it was not started. */
  stop(index: number): boolean {
    const counter = this.#unit.counters[index];
    if (!counter.started) return false;
    if (isHardware(index)) this.#inhibit(index, true);
    else counter.value = this.value(index);
    counter.started = false;
    return true;
  }

  /** Makes a stopped counter one that counts nothing in particular. */
  release(index: number): void {
    this.#unit.counters[index].event = -1;
    if (isHardware(index)) this.#inhibit(index, false);
  }

  /** Firmware events so far of the kind that a configured counter counts. */
  #events(index: number): bigint {
    return BigInt(this.#unit.events[this.#unit.counters[index].event & 0xffff]);
  }

  #inhibit(index: number, inhibited: boolean): void {
    const bit = BigInt(index === CYCLE_COUNTER ? Counter.CY : Counter.IR);
    const old = readCsr64(this.#hart, MCOUNTINHIBIT);
    writeCsr64(this.#hart, MCOUNTINHIBIT, inhibited ? old | bit : old & ~bit);
  }
}
