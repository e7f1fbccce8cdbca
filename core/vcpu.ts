/**
 * A virtual CPU as the hypervisor sees it: the state machine of the axvcpu crate around the architecture's part.
 *
 * One difference from the crate: a vCPU that waits for an interrupt really is `Blocked`, and an interrupt wakes it.
 *
 * @module
 */
import type { GuestPhysAddr, HostPhysAddr } from "./address.ts";
import type { AxArchVCpu, VCpuState } from "./arch_vcpu.ts";
import { StateError } from "./errors.ts";
import type { AxVCpuExitReason, ExitKind } from "./exit.ts";

/**
 * States of a vCPU:
 * - `Created`: made, without an entry point.
 * - `Free`: set up, its state is in memory.
 * - `Ready`: bound to the physical CPU.
 * - `Running`: guest code executes.
 * - `Blocked`: waits for an interrupt, bound or not.
 * - `Invalid`: an operation failed; only {@link AxVCpu.reset} leads out.
 */
export type AxVCpuState = "Invalid" | "Created" | "Free" | "Ready" | "Running" | "Blocked";

/** What a snapshot keeps of a vCPU. */
export interface AxVCpuSnapshot {
  /** State outside of a binding: `Created`, `Free` or `Blocked`. */
  state: AxVCpuState;
  /** Exits so far by kind. */
  exitCounts: Record<ExitKind, number>;
  /** The architecture's part. */
  arch: VCpuState;
}

/** Which vCPU a physical CPU works for now. Every vCPU of one thread shares one slot. */
export class PhysicalCpuSlot {
  /** The vCPU whose architecture code is on the stack. */
  current: AxVCpu | undefined;
}

const EXIT_KINDS: readonly ExitKind[] = [
  "Hypercall",
  "MmioRead",
  "MmioWrite",
  "SysRegRead",
  "SysRegWrite",
  "IoRead",
  "IoWrite",
  "ExternalInterrupt",
  "NestedPageFault",
  "Halt",
  "CpuUp",
  "CpuDown",
  "SystemDown",
  "Nothing",
  "FailEntry",
  "SendIPI",
];

function noExits(): Record<ExitKind, number> {
  return Object.fromEntries(EXIT_KINDS.map((kind) => [kind, 0])) as Record<ExitKind, number>;
}

/** A vCPU: state machine, exit statistics, and the wake-up of a blocked one. */
export class AxVCpu {
  /** Name of the VM that it belongs to, for messages. */
  readonly vm: string;
  /** Index inside the VM. */
  readonly id: number;
  /** The architecture's part. Completing an access or setting a result goes straight to it. */
  readonly arch: AxArchVCpu;
  /** How often it exited, by kind; accesses to devices count as exits however they were made. */
  readonly exitCounts: Record<ExitKind, number> = noExits();
  #state: AxVCpuState = "Created";
  #bound = false;
  readonly #slot: PhysicalCpuSlot;

  /**
   * Makes a vCPU in state `Created`.
   *
   * @param slot The physical CPU that runs it; give all vCPUs of one thread the same
   */
  constructor(vm: string, id: number, arch: AxArchVCpu, slot: PhysicalCpuSlot = new PhysicalCpuSlot()) {
    this.vm = vm;
    this.id = id;
    this.arch = arch;
    this.#slot = slot;
  }

  /** State now. */
  get state(): AxVCpuState {
    return this.#state;
  }

  /** Whether the physical CPU holds its state. */
  get isBound(): boolean {
    return this.#bound;
  }

  /** Whether this is the CPU that a VM boots on. */
  get isBootCpu(): boolean {
    return this.id === 0;
  }

  /** Steps that the last run used up. */
  get steps(): number {
    return this.arch.steps;
  }

  /** Gives it its first instruction and its memory: `Created` to `Free`. */
  setup(entry: GuestPhysAddr, eptRoot: HostPhysAddr): void {
    this.#expect("setup", "Created");
    this.#setup(entry, eptRoot);
  }

  /**
   * Puts it back to the state after {@link setup}, from every state, also after a failure: how a VM restarts.
   * Exit counts go on.
   */
  reset(entry: GuestPhysAddr, eptRoot: HostPhysAddr): void {
    if (this.#slot.current !== undefined) this.#refuseNesting();
    if (this.#bound) {
      // After a failure the architecture may refuse to let go; the setup below rebuilds everything that it would store.
      const failed = this.#state === "Invalid";
      this.#bound = false;
      try {
        this.#operate(() => this.arch.unbind());
      } catch (error) {
        if (!failed) throw error;
      }
    }
    this.#setup(entry, eptRoot);
  }

  /** Takes it to another first instruction, as the start of a stopped CPU does: stays `Free`. */
  setEntry(entry: GuestPhysAddr): void {
    this.#expect("set the entry of", "Free");
    this.#operate(() => this.arch.setEntry(entry));
  }

  /** Loads its state into the physical CPU: `Free` to `Ready`. */
  bind(): void {
    this.#expect("bind", "Free");
    this.#operate(() => this.arch.bind());
    this.#bound = true;
    this.#state = "Ready";
  }

  /** Stores its state back: `Ready` to `Free`. A `Blocked` one stays blocked. */
  unbind(): void {
    if (this.#state !== "Blocked" || !this.#bound) this.#expect("unbind", "Ready");
    this.#operate(() => this.arch.unbind());
    this.#bound = false;
    if (this.#state === "Ready") this.#state = "Free";
  }

  /**
   * Runs guest code for at most `budget` instructions: `Ready` to `Running` and back.
   *
   * @returns The exit; the object is reused by later runs
   */
  run(budget: number): AxVCpuExitReason {
    if (this.#slot.current !== undefined) this.#refuseNesting();
    if (this.#state !== "Ready") this.#refuse("run", "Ready");
    this.#state = "Running";
    this.#slot.current = this;
    try {
      const exit = this.arch.run(budget);
      this.exitCounts[exit.kind]++;
      this.#state = "Ready";
      return exit;
    } finally {
      this.#slot.current = undefined;
      if (this.#state !== "Ready") this.#state = "Invalid";
    }
  }

  /** Waits for an interrupt: `Ready` or `Free` to `Blocked`. What the VM does after a `Halt` exit. */
  block(): void {
    if (this.#state !== "Free" || this.#slot.current !== undefined) this.#expect("block", "Ready");
    this.#state = "Blocked";
  }

  /** Ends the wait: `Blocked` to `Ready`, or to `Free` if it was unbound meanwhile. Anything else stays as it is. */
  wake(): boolean {
    if (this.#state !== "Blocked") return false;
    this.#state = this.#bound ? "Ready" : "Free";
    return true;
  }

  /** Raises an edge-triggered interrupt; wakes the vCPU if that is a reason to run. */
  interrupt(vector: number): void {
    this.arch.injectInterrupt(vector);
    this.wakeIfPending();
  }

  /** Drives a level-triggered interrupt input; wakes the vCPU if that is a reason to run. */
  setInterrupt(vector: number, asserted: boolean): void {
    this.arch.setInterrupt(vector, asserted);
    this.wakeIfPending();
  }

  /** Wakes it if the architecture says that an interrupt waits, for interrupts that did not come through here. */
  wakeIfPending(): boolean {
    return this.#state === "Blocked" && this.arch.hasPendingInterrupt() && this.wake();
  }

  /** Copies everything out that a snapshot needs. Only while unbound and not `Invalid`. */
  save(): AxVCpuSnapshot {
    if (this.#bound || this.#state === "Invalid") this.#refuse("save", "Created, Free or Blocked, and unbound", false);
    return { state: this.#state, exitCounts: { ...this.exitCounts }, arch: this.arch.save() };
  }

  /** Takes a snapshot over. Only while unbound. */
  restore(snapshot: AxVCpuSnapshot): void {
    if (this.#bound) this.#refuse("restore", "unbound", false);
    this.#operate(() => this.arch.restore(snapshot.arch));
    Object.assign(this.exitCounts, snapshot.exitCounts);
    this.#state = snapshot.state;
  }

  #setup(entry: GuestPhysAddr, eptRoot: HostPhysAddr): void {
    this.#operate(() => {
      this.arch.setEntry(entry);
      this.arch.setEptRoot(eptRoot);
      this.arch.setup();
    });
    this.#state = "Free";
  }

  /** Runs the architecture's code as the current vCPU; a throw makes the vCPU `Invalid`. */
  #operate(operation: () => void): void {
    this.#slot.current = this;
    try {
      operation();
    } catch (error) {
      this.#state = "Invalid";
      throw error;
    } finally {
      this.#slot.current = undefined;
    }
  }

  #expect(what: string, wanted: AxVCpuState): void {
    if (this.#slot.current !== undefined) this.#refuseNesting();
    if (this.#state !== wanted) this.#refuse(what, wanted);
  }

  /** As in the crate, asking for the impossible makes a vCPU `Invalid`: its user lost track of it. */
  #refuse(what: string, wanted: string, invalidate = true): never {
    const found = this.#state;
    if (invalidate) this.#state = "Invalid";
    const binding = this.#bound ? " and bound" : "";
    throw new StateError(
      `Cannot ${what} vCPU ${this.id} of VM "${this.vm}": it is ${found}${binding}, but must be ${wanted}`,
    );
  }

  #refuseNesting(): never {
    const current = this.#slot.current!;
    throw new StateError(
      `Cannot operate vCPU ${this.id} of VM "${this.vm}" inside an operation of vCPU ${current.id} of VM "${current.vm}": ` +
        "operations of vCPUs on one physical CPU do not nest; do it between runs",
    );
  }
}
