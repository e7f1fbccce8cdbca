/**
 * States, outcomes and numbers of a VM.
 *
 * @module
 */
import type { ExitKind } from "./exit.ts";
import type { AppliedEvent } from "./inbox.ts";

/**
 * States of a VM: being built; built; executing; standing still, to be continued; on its way to a stop; off. A stopped VM can be run
 * again, from its boot on.
 */
export type VmStatus = "loading" | "loaded" | "running" | "suspended" | "stopping" | "stopped";

/** Why {@link AxVM.run} came back. */
export type RunOutcome =
  /** The guest or a device powered the VM off; `code` 0 is success. */
  | { readonly reason: "shutdown"; readonly code: number }
  /** The guest asked for a reboot, and the caller asked to be told instead. */
  | { readonly reason: "reboot"; readonly code: 0 }
  /** {@link AxVM.stop} was called. */
  | { readonly reason: "stopped"; readonly code: 0 }
  /** The step limit is reached; run again to go on. */
  | { readonly reason: "steps"; readonly code: 0 }
  /** The VM cannot go on: `message` says why in one sentence. */
  | { readonly reason: "failed"; readonly code: 1; readonly message: string };

/** How a VM is run. */
export interface RunOptions {
  /** Stop exactly when this many steps have been executed since the VM was started. Default: no limit. */
  maxSteps?: number;
  /**
   * Input of a recording (see `AxVM.onEvent`), applied at the recorded moments. Under a virtual clock the run is then the recorded one,
   * bit for bit.
   */
  replay?: readonly AppliedEvent[];
  /** What a reboot request does: start again (default), or come back. */
  onReboot?: "restart" | "return";
}

/** Numbers about a VM. */
export interface VmStatistics {
  /** Steps executed since the VM was started: instructions retired plus attempts that trapped. */
  readonly steps: number;
  /** Exits of all vCPUs by kind. */
  readonly exits: Readonly<Partial<Record<ExitKind, number>>>;
  /** Accesses that devices answered. */
  readonly deviceReads: number;
  /** Writes that devices took. */
  readonly deviceWrites: number;
  /** Reboots since the VM was started. */
  readonly reboots: number;
  /** What the architecture counts, for example instructions. */
  readonly arch: Readonly<Record<string, number>>;
}
