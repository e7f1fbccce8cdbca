/**
 * The core-local interruptor: software and timer interrupts of machine mode (SiFive FU540 manual, chapter 9). The same layout
 * is an ACLINT MSWI at offset 0 followed by an MTIMER at 0x4000 (RISC-V ACLINT specification 1.0, chapters 2 and 3).
 *
 * @module
 */
import type { AccessWidth } from "../core/address.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { Device } from "../core/device.ts";
import type { IrqLine } from "../core/irq.ts";

/** Where the register groups begin: `msip` by hart, `mtimecmp` by hart, `mtime`. */
const MSIP = 0, MTIMECMP = 0x4000, MTIME = 0xbff8;

/** Machine-level inputs of one CPU. */
export interface ClintTarget {
  /** Machine software interrupt. */
  readonly software: IrqLine;
  /** Machine timer interrupt. */
  readonly timer: IrqLine;
}

/** Everything that a {@link Clint} remembers. */
export interface ClintState {
  /** Software interrupt of each CPU, 0 or 1. */
  msip: number[];
  /** Compare register of each CPU: low and high word. */
  mtimecmp: [low: number, high: number][];
  /** Ticks by which `mtime` is ahead of the clock: what the guest changed when it wrote `mtime`. */
  offset: number;
  /** The upper half of `mtime` when its lower half was last read: both halves of a 64-bit access are of one moment. Null: not read. */
  timeHigh: number | null;
}

/** The core-local interruptor. */
export class Clint implements Device {
  /** Registers. */
  readonly state: ClintState;
  readonly #targets: readonly ClintTarget[];
  readonly #clock: Clock;
  readonly #timers: readonly Timer[];

  /**
   * Makes one.
   *
   * @param targets Inputs of the CPUs in their order
   * @param clock Its ticks are `mtime`
   */
  constructor(targets: readonly ClintTarget[], clock: Clock) {
    this.#targets = targets;
    this.#clock = clock;
    this.#timers = targets.map((_, cpu) => clock.timer(`clint/mtimecmp${cpu}`, () => this.#updateTimer(cpu)));
    this.state = this.#powerOn();
  }

  #powerOn(): ClintState {
    return {
      msip: this.#targets.map(() => 0),
      // The registers have no defined reset value; this one never fires.
      mtimecmp: this.#targets.map(() => [0xffff_ffff, 0xffff_ffff]),
      offset: 0,
      timeHigh: null,
    };
  }

  /** Reads a register of 4 bytes, or a half of one of 8. */
  read(offset: number, width: AccessWidth): number {
    if (width !== 4 || offset & 3) return 0;
    const half = offset & 4 ? 1 : 0;
    if (offset < MTIMECMP) return this.state.msip[(offset - MSIP) >> 2] ?? 0;
    if (offset < MTIME) return this.state.mtimecmp[(offset - MTIMECMP) >> 3]?.[half] ?? 0;
    return offset < MTIME + 8 ? this.#readTime(half) : 0;
  }

  #readTime(half: 0 | 1): number {
    const [low, high] = words(this.#mtime());
    const kept = this.state.timeHigh;
    this.state.timeHigh = half === 0 ? high : null;
    return half === 0 ? low : kept ?? high;
  }

  /** Writes a register of 4 bytes, or a half of one of 8. */
  write(offset: number, value: number, width: AccessWidth): void {
    if (width !== 4 || offset & 3) return;
    const half = offset & 4 ? 1 : 0;
    if (offset < MTIMECMP) {
      const cpu = (offset - MSIP) >> 2;
      if (cpu >= this.#targets.length) return;
      this.state.msip[cpu] = value & 1;
      this.#targets[cpu].software.set((value & 1) !== 0);
    } else if (offset < MTIME) {
      const cpu = (offset - MTIMECMP) >> 3;
      if (cpu >= this.#targets.length) return;
      this.state.mtimecmp[cpu][half] = value;
      this.#updateTimer(cpu);
    } else if (offset < MTIME + 8) {
      const time = words(this.#mtime());
      time[half] = value;
      this.state.offset += join(time) - this.#mtime();
      this.#update();
    }
  }

  /** Back to power-on: no interrupt, `mtime` is the clock's. */
  reset(): void {
    Object.assign(this.state, this.#powerOn());
    this.#update();
  }

  /** Drives the CPUs and sets the timers as the restored registers say. */
  restored(): void {
    this.#update();
  }

  #mtime(): number {
    return Math.floor(this.#clock.now()) + this.state.offset;
  }

  #update(): void {
    this.#targets.forEach(({ software }, cpu) => {
      software.set(this.state.msip[cpu] !== 0);
      this.#updateTimer(cpu);
    });
  }

  #updateTimer(cpu: number): void {
    const deadline = join(this.state.mtimecmp[cpu]);
    const due = this.#mtime() >= deadline;
    this.#targets[cpu].timer.set(due);
    // Beyond 2^53 ticks, 28 years at 10 MHz, is how software says "never".
    if (due || deadline > Number.MAX_SAFE_INTEGER) this.#timers[cpu].cancel();
    else this.#timers[cpu].set(deadline - this.state.offset);
  }
}

/** A number of ticks as two words; negative ones wrap as the register does. */
function words(ticks: number): [number, number] {
  return [((ticks % 2 ** 32) + 2 ** 32) % 2 ** 32, Math.floor(ticks / 2 ** 32) >>> 0];
}

function join([low, high]: readonly [number, number]): number {
  return high * 2 ** 32 + low;
}
