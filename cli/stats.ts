/**
 * What `--stats` shows at the end of a run.
 *
 * @module
 */
import type { VmStatistics } from "../mod.ts";

/** Measures the CPU time of this process from its making on. */
export class Stopwatch {
  readonly #read: () => { user: number; system: number };
  readonly #cpu: { user: number; system: number };
  readonly #start: number = performance.now();

  private constructor(read: () => { user: number; system: number }) {
    this.#read = read;
    this.#cpu = read();
  }

  /** Starts one. What reads CPU time is loaded here: a run that shows no numbers starts without it. */
  static async start(): Promise<Stopwatch> {
    const { cpuUsage } = await import("node:process");
    return new Stopwatch(() => cpuUsage());
  }

  /** Seconds since the start: of the CPU and of the clock. */
  read(): { cpu: number; real: number } {
    const { user, system } = this.#read();
    const cpu = user + system - this.#cpu.user - this.#cpu.system;
    return { cpu: cpu / 1e6, real: (performance.now() - this.#start) / 1000 };
  }
}

/** What else is known about a run. */
export interface RunFacts {
  /** Seconds of CPU time. */
  readonly cpu: number;
  /** Seconds of the host's clock. */
  readonly real: number;
  /** Ticks of the VM's clock, of 100 ns each. */
  readonly ticks: number;
  /** Bytes that the guest wrote to its console. */
  readonly consoleBytes: number;
  /** SHA-256 of RAM, in hex; left out where time is real and two runs differ anyway. */
  readonly memoryHash?: string;
}

/** The numbers as lines of a name and a value. */
export function describeStatistics(statistics: VmStatistics, facts: RunFacts): string {
  const { steps, exits, deviceReads, deviceWrites, reboots, arch } = statistics;
  const { instructions = steps, ...rest } = arch;
  const rows: [string, string | number][] = [
    ["instructions", instructions],
    ["MIPS", (instructions / facts.cpu / 1e6).toFixed(1)],
    ["CPU seconds", facts.cpu.toFixed(3)],
    ["seconds", facts.real.toFixed(3)],
    ["guest seconds", (facts.ticks / 1e7).toFixed(3)],
    ["console bytes", facts.consoleBytes],
    ["device reads", deviceReads],
    ["device writes", deviceWrites],
    ["reboots", reboots],
    ...Object.entries(exits).toSorted(([a], [b]) => a < b ? -1 : 1).map((
      [kind, count],
    ): [string, number] => [`exits ${kind}`, count]),
    ...Object.entries(rest),
  ];
  if (facts.memoryHash !== undefined) rows.push(["RAM SHA-256", facts.memoryHash]);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, value]) => `${name.padEnd(width)}${value}`).join("\n");
}
