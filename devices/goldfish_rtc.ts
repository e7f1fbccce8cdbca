/**
 * The Goldfish real-time clock (Android Goldfish virtual hardware, `goldfish-rtc`; QEMU hw/rtc/goldfish_rtc.c): nanoseconds
 * since 1970, with an alarm.
 *
 * Nanoseconds since 1970 need 61 bits; they are kept as a `number` and so are exact to 256 ns.
 *
 * @module
 */
import type { AccessWidth } from "../core/address.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { Device } from "../core/device.ts";
import type { IrqLine } from "../core/irq.ts";

/** Offsets of the registers. */
const TIME_LOW = 0x00, TIME_HIGH = 0x04, ALARM_LOW = 0x08, ALARM_HIGH = 0x0c;
const IRQ_ENABLED = 0x10, CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c;

const WORD = 2 ** 32;

/** Everything that a {@link GoldfishRtc} remembers. */
export interface GoldfishRtcState {
  /** Nanoseconds by which the guest set the clock ahead of the VM's. */
  offset: number;
  /** The upper half of the time when its lower half was last read. */
  timeHigh: number;
  /** Halves of the alarm's time, nanoseconds since 1970. */
  alarmLow: number;
  /** Upper half. */
  alarmHigh: number;
  /** Tick of the VM's clock at which the alarm rings; null if it is not set. */
  alarmTick: number | null;
  /** Whether the interrupt is let through. */
  irqEnabled: boolean;
  /** Whether the alarm rang and the interrupt was not cleared. */
  irqPending: boolean;
}

function powerOn(): GoldfishRtcState {
  return {
    offset: 0,
    timeHigh: 0,
    alarmLow: 0,
    alarmHigh: 0,
    alarmTick: null,
    irqEnabled: false,
    irqPending: false,
  };
}

/** The real-time clock. */
export class GoldfishRtc implements Device {
  /** Registers. */
  readonly state: GoldfishRtcState = powerOn();
  readonly #irq: IrqLine;
  readonly #clock: Clock;
  readonly #timer: Timer;

  /**
   * Makes one.
   *
   * @param irq Driven while an enabled alarm interrupt is pending
   * @param clock Time since the VM began, and when that was
   */
  constructor(irq: IrqLine, clock: Clock) {
    this.#irq = irq;
    this.#clock = clock;
    this.#timer = clock.timer("goldfish_rtc/alarm", () => this.#update());
  }

  /** Reads a register of 4 bytes; reading the lower half of the time keeps the upper half for the next read. */
  read(offset: number, width: AccessWidth): number {
    if (width !== 4) return 0;
    const { state } = this;
    switch (offset) {
      case TIME_LOW: {
        const now = this.#now();
        state.timeHigh = Math.floor(now / WORD) >>> 0;
        return now % WORD;
      }
      case TIME_HIGH:
        return state.timeHigh;
      case ALARM_LOW:
        return state.alarmLow;
      case ALARM_HIGH:
        return state.alarmHigh;
      case IRQ_ENABLED:
        return Number(state.irqEnabled);
      case ALARM_STATUS:
        return Number(state.alarmTick !== null);
      default:
        return 0;
    }
  }

  /** Writes a register of 4 bytes; the lower half of the alarm's time, written last, sets it. */
  write(offset: number, value: number, width: AccessWidth): void {
    if (width !== 4) return;
    const { state } = this;
    switch (offset) {
      case TIME_LOW:
        state.offset += value - this.#now() % WORD;
        if (state.alarmTick !== null) this.#setAlarm();
        break;
      case TIME_HIGH:
        state.offset += (value - Math.floor(this.#now() / WORD)) * WORD;
        if (state.alarmTick !== null) this.#setAlarm();
        break;
      case ALARM_LOW:
        state.alarmLow = value;
        this.#setAlarm();
        break;
      case ALARM_HIGH:
        state.alarmHigh = value;
        break;
      case IRQ_ENABLED:
        state.irqEnabled = (value & 1) !== 0;
        break;
      case CLEAR_ALARM:
        state.alarmTick = null;
        break;
      case CLEAR_INTERRUPT:
        state.irqPending = false;
        break;
    }
    this.#update();
  }

  /** Back to power-on: the VM's time, no alarm. */
  reset(): void {
    Object.assign(this.state, powerOn());
    this.#update();
  }

  /** Sets the alarm's timer and drives the wire as the restored registers say. */
  restored(): void {
    this.#update();
  }

  /** Nanoseconds since 1970; the guest's offset cannot take it below 0 or beyond 64 bits. */
  #now(): number {
    const now = (this.#clock.epoch + this.#clock.now() / this.#clock.frequency) * 1e9 + this.state.offset;
    return Math.floor(Math.min(Math.max(now, 0), WORD * (WORD - 1)));
  }

  #setAlarm(): void {
    const left = this.state.alarmHigh * WORD + this.state.alarmLow - this.#now();
    this.state.alarmTick = this.#clock.now() + Math.ceil(left / 1e9 * this.#clock.frequency);
  }

  #update(): void {
    const { state } = this;
    if (state.alarmTick !== null && state.alarmTick <= this.#clock.now()) {
      state.alarmTick = null;
      state.irqPending = true;
    }
    if (state.alarmTick !== null) this.#timer.set(state.alarmTick);
    else this.#timer.cancel();
    this.#irq.set(state.irqEnabled && state.irqPending);
  }
}
