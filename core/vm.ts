/**
 * `AxVM`: a virtual machine with its life cycle.
 *
 * @module
 */
import type { GuestPhysAddr } from "./address.ts";
import type { AddrSpace } from "./addrspace/addr_space.ts";
import type { GuestMemory } from "./addrspace/guest_memory.ts";
import type { VmConfig } from "./config_types.ts";
import type { VmConsole } from "./console_streams.ts";
import type { Device } from "./device.ts";
import { HypervisorError, StateError } from "./errors.ts";
import type { ExitKind } from "./exit.ts";
import type { AppliedEvent } from "./inbox.ts";
import { checkSnapshot, restoreMachine, saveMachine, type VmSnapshot } from "./snapshot.ts";
import { hashMemory } from "./state_hash.ts";
import type { AxVCpu } from "./vcpu.ts";
import type { RunOptions, RunOutcome, VmStatistics, VmStatus } from "./vm_types.ts";
import { loadMachine, resetMachine } from "./vm_boot.ts";
import { buildMachine, type BuildOptions, type BuiltMachine } from "./vm_build.ts";
import type { VmMachine } from "./vm_machine.ts";
import { VmRunner } from "./vm_run.ts";

export type * from "./vm_types.ts";

/** A virtual machine. */
export class AxVM {
  #built: BuiltMachine;
  #machine: VmMachine;
  #runner: VmRunner;
  #status: VmStatus = "loaded";
  #untouched = true;
  #running: Promise<RunOutcome> | undefined;
  #stopRequested = false;
  #pauseRequested = false;
  #onStatus: Set<(status: VmStatus) => void> = new Set();
  #reboots = 0;
  #disposal: Promise<void> | undefined;

  private constructor(built: BuiltMachine) {
    this.#built = built;
    this.#machine = built.machine;
    this.#runner = new VmRunner(built.machine);
    this.#machine.clock.pause();
  }

  /**
   * Builds a VM from a configuration that `validateConfig` has checked; `Hypervisor.createVm` does both.
   *
   * @throws {HypervisorError} if it cannot be built; nothing remains then
   */
  static async create(config: VmConfig, options: BuildOptions): Promise<AxVM> {
    return new AxVM(await buildMachine(config, options));
  }

  /** Number of the VM. */
  get id(): number {
    return this.#machine.id;
  }

  /** Name of the VM. */
  get name(): string {
    return this.#machine.name;
  }

  /** The configuration with its defaults. */
  get config(): VmConfig {
    return this.#machine.config;
  }

  /** State now. */
  get status(): VmStatus {
    return this.#status;
  }

  /** Steps executed since the VM was started. */
  get steps(): number {
    return this.#machine.schedule.steps;
  }

  /** Ticks of the VM's clock. */
  get ticks(): number {
    return this.#machine.clock.now();
  }

  /** The guest-physical address space. */
  get space(): AddrSpace {
    return this.#machine.space;
  }

  /** Checked access to guest memory. */
  get memory(): GuestMemory {
    return this.#machine.ram;
  }

  /** The virtual CPUs. */
  get vcpus(): readonly AxVCpu[] {
    return this.#machine.vcpus;
  }

  /** Names of the consoles, in the order in which they were opened. */
  get consoleNames(): string[] {
    return [...this.#machine.consoles.keys()];
  }

  /** A console by name; without a name the first that a device opened. */
  console(name?: string): VmConsole {
    const { consoles } = this.#machine;
    const found = name === undefined ? consoles.values().next().value : consoles.get(name);
    if (found) return found;
    const known = this.consoleNames.map((console) => `"${console}"`).join(", ") || "none";
    throw new HypervisorError(
      `VM "${this.name}" has no console${
        name === undefined ? "" : ` "${name}"`
      }; it has ${known}; add a plugin that opens one`,
    );
  }

  /** A device model by name. */
  device(name: string): Device | undefined {
    return this.#machine.bus.device(name);
  }

  /** Windows of the devices, in order of address. */
  get devices(): readonly {
    readonly name: string;
    readonly base: number;
    readonly size: number;
    readonly irq?: number;
  }[] {
    return this.#machine.bus.windows;
  }

  /** Address of a symbol of the kernel or firmware, undefined if there is none. */
  symbol(name: string): GuestPhysAddr | undefined {
    const { kernel, bios } = this.#machine.images;
    return kernel?.symbols.get(name) ?? bios?.symbols.get(name);
  }

  /** Calls `listener` at every change of {@link status}. @returns a function that stops it */
  onStatus(listener: (status: VmStatus) => void): () => void {
    this.#onStatus.add(listener);
    return () => void this.#onStatus.delete(listener);
  }

  /** Told of everything that comes in from outside, with the moment at which it was applied: a recording of the run. */
  set onEvent(listener: ((event: AppliedEvent) => void) | undefined) {
    this.#machine.inbox.onApplied = listener;
  }

  /**
   * Runs the VM: boots a loaded or stopped one, continues a suspended one. Settles when it is off or its step limit is reached.
   *
   * @throws {StateError} if it is running
   */
  run(options: RunOptions = {}): Promise<RunOutcome> {
    this.#refuse("run", this.#disposal !== undefined, "it was disposed of");
    this.#refuse("run", this.#running !== undefined, "it is running already");
    this.#running = this.#run(options).finally(() => this.#running = undefined);
    return this.#running;
  }

  /** Makes a running VM stand still; settles when it does. */
  async pause(): Promise<void> {
    this.#refuse("pause", this.#running === undefined, `it is ${this.#status}, not running`);
    if (this.#status === "suspended") return;
    const paused = this.#reaches("suspended");
    this.#request("pause", () => this.#pauseRequested = true);
    await paused;
  }

  /** Lets a paused VM go on. */
  resume(): void {
    this.#refuse(
      "resume",
      this.#running === undefined || this.#status !== "suspended",
      `it is ${this.#status}, not paused`,
    );
    this.#request("resume", () => this.#pauseRequested = false);
  }

  /** Powers the VM off from outside, in whatever state it is; settles when it is off. */
  async stop(): Promise<void> {
    if (this.#running === undefined) {
      if (this.#status !== "stopped") this.#powerOff("it was stopped");
      return;
    }
    const ended = this.#running;
    this.#request("stop", () => this.#stopRequested = true);
    // Whoever runs the VM learns how that ended; here it only matters that it has.
    await ended.catch(() => {});
    // The run may have reached its step limit before the request reached it.
    if (this.#running === undefined && this.#status === "suspended") this.#powerOff("it was stopped");
  }

  /** Reboots a running VM; puts another one back into its state before the first run. */
  reset(): void {
    this.#refuse("reset", this.#disposal !== undefined, "it was disposed of");
    if (this.#running === undefined) {
      this.#reset();
      this.#setStatus("loaded");
      return;
    }
    this.#machine.inbox.post({ kind: "reboot", target: this.name }, () => {
      this.#machine.power = { action: "reboot", code: 0 };
    });
  }

  /** Stops the VM and releases all it holds: disks, memory, channels. */
  async dispose(): Promise<void> {
    await (this.#disposal ??= this.stop().finally(() => this.#built.dispose()));
  }

  /** {@link dispose}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** Numbers since the VM was built. */
  statistics(): VmStatistics {
    const { schedule, vcpus, deviceReads, deviceWrites, guest } = this.#machine;
    const exits: Partial<Record<ExitKind, number>> = {};
    for (const { exitCounts } of vcpus) {
      for (const [kind, count] of Object.entries(exitCounts) as [ExitKind, number][]) {
        if (count > 0) exits[kind] = (exits[kind] ?? 0) + count;
      }
    }
    return {
      steps: schedule.steps,
      exits,
      deviceReads,
      deviceWrites,
      reboots: this.#reboots,
      arch: guest.statistics(),
    };
  }

  /**
   * Copies the whole state out of a VM that is suspended: after `run({ maxSteps })`, or paused.
   *
   * Work of the host that is in flight is waited for. Under real time its results are applied first; under virtual time the
   * requests are part of the devices' state, and their moments part of the snapshot.
   */
  async save(): Promise<VmSnapshot> {
    this.#refuse(
      "save",
      this.#status !== "suspended",
      `it is ${this.#status}; pause it, or run it with maxSteps, first`,
    );
    this.#runner.unbind();
    return await saveMachine(this.#machine);
  }

  /** Takes a snapshot over, made by a VM of the same configuration; {@link run} goes on from there. */
  restore(snapshot: VmSnapshot): void {
    this.#refuse("restore", this.#disposal !== undefined, "it was disposed of");
    this.#refuse("restore", this.#running !== undefined, "it is running; stop it first");
    checkSnapshot(this.#machine, snapshot);
    this.#reset();
    restoreMachine(this.#machine, this.#built.deviceSet, snapshot);
    this.#untouched = false;
    this.#setStatus("suspended");
  }

  /** SHA-256 of all RAM in order of address, in hex; memory that was never touched counts as zeros. */
  hashMemory(): Promise<string> {
    return hashMemory(this.#machine);
  }

  async #run(options: RunOptions): Promise<RunOutcome> {
    const { clock, host } = this.#machine;
    if (this.#status !== "suspended") {
      this.#reset();
      this.#untouched = false;
      loadMachine(this.#machine);
    }
    if (options.replay) this.#runner.replay = options.replay.filter(({ kind }) => kind === "input");
    this.#setStatus("running");
    clock.resume();
    // A turn of the host's event loop may be one that waits for nothing, as far as the host can tell.
    const stayAlive = host.sleep(Infinity);
    try {
      return await this.#loop(options);
    } catch (error) {
      this.#powerOff("it failed");
      throw error;
    } finally {
      stayAlive.cancel();
    }
  }

  async #loop(options: RunOptions): Promise<RunOutcome> {
    const machine = this.#machine;
    for (;;) {
      const why = await this.#runner.run(options.maxSteps ?? Infinity);
      if (why === "steps") {
        this.#runner.unbind();
        machine.clock.pause();
        this.#setStatus("suspended");
        return { reason: "steps", code: 0 };
      }
      if (why === "failure") return this.#end({ reason: "failed", code: 1, message: machine.failure! });
      if (why === "power") {
        const { action, code } = machine.power!;
        if (action === "shutdown") return this.#end({ reason: "shutdown", code });
        if (options.onReboot === "return") return this.#end({ reason: "reboot", code: 0 });
        this.#reboots++;
        resetMachine(machine, this.#built.deviceSet, false);
        loadMachine(machine);
        continue;
      }
      this.#runner.attention = false;
      if (!this.#stopRequested && this.#pauseRequested) await this.#standStill();
      if (this.#stopRequested) return this.#end({ reason: "stopped", code: 0 });
    }
  }

  /** Paused inside a run: waits until something else is asked for. */
  async #standStill(): Promise<void> {
    const { clock } = this.#machine;
    this.#runner.unbind();
    clock.pause();
    this.#setStatus("suspended");
    while (this.#pauseRequested && !this.#stopRequested) {
      await this.#runner.sleep(Infinity);
      this.#runner.letIn();
    }
    this.#runner.attention = false;
    if (this.#stopRequested) return;
    this.#setStatus("running");
    clock.resume();
  }

  #end(outcome: RunOutcome): RunOutcome {
    this.#setStatus("stopping");
    const why = outcome.reason === "failed" ? outcome.message : `it ended by ${outcome.reason}`;
    this.#powerOff(why);
    return outcome;
  }

  #powerOff(why: string): void {
    const { clock, consoles } = this.#machine;
    this.#runner.unbind();
    clock.pause();
    this.#stopRequested = false;
    this.#pauseRequested = false;
    this.#runner.attention = false;
    this.#runner.replay = [];
    for (const console of consoles.values()) console.end(`VM "${this.name}" is off: ${why}`);
    this.#setStatus("stopped");
  }

  /** Back to the state before the first run, at step 0 and tick 0. */
  #reset(): void {
    const machine = this.#machine;
    // Time and chance first: devices may set timers when they are reset.
    machine.schedule.steps = 0;
    machine.clock.reset();
    machine.randomSequence?.restart();
    this.#reboots = 0;
    resetMachine(machine, this.#built.deviceSet, this.#untouched);
    if (!this.#untouched) { for (const console of machine.consoles.values()) console.reset(); }
  }

  /** Something from outside for the run loop: through the door, like everything else. It concerns the run that goes on now. */
  #request(kind: string, apply: () => void): void {
    const run = this.#running;
    this.#machine.inbox.post({ kind, target: this.name }, () => {
      if (this.#running !== run) return;
      apply();
      this.#runner.attention = true;
    });
  }

  #reaches(status: VmStatus): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.onStatus((reached) => {
        if (reached !== status && reached !== "stopped") return;
        stop();
        resolve();
      });
    });
  }

  #setStatus(status: VmStatus): void {
    this.#status = status;
    for (const listener of [...this.#onStatus]) listener(status);
  }

  #refuse(what: string, problem: boolean, reason: string): void {
    if (problem) throw new StateError(`Cannot ${what} VM "${this.name}": ${reason}`);
  }
}
