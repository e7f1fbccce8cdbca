/**
 * The hart: one software RISC-V processor with M, HS, U, VS and VU modes (Privileged ISA), put together from its parts.
 *
 * Parts reach each other through it: state in linear memory, CSR file, MMU, traps, an engine that executes.
 *
 * @module
 */
import type { HostPhysAddr } from "../../core/address.ts";
import type { HostMemory } from "../../core/memory.ts";
import type { HartState } from "./hart_state.ts";
import type { Mmu } from "./mmu/mmu.ts";

/**
 * Which engine executes a hart: the generated interpreter, the interpreter with hot code translated, the same with everything
 * translated at its first execution (for tests), or the oracle that the others are compared with, slow and obviously right.
 */
export type EngineName = "interpreter" | "jit" | "jit-always" | "oracle";

/** Names of all engines. */
export const ENGINE_NAMES: readonly EngineName[] = ["interpreter", "jit", "jit-always", "oracle"];

/** Features that a hart is made with. */
export interface HartOptions {
  /** Number that mhartid reads. */
  readonly id: number;
  /**
   * `guest`: HS-mode and M-mode are the hypervisor, that is TypeScript, and a trap to them ends the run.
   * `machine`: the guest owns every mode.
   */
  readonly mode: "guest" | "machine";
  /** Who executes it; `interpreter` if left out. All engines leave the same state behind. */
  readonly engine?: EngineName;
}

/** A physical address space as a hart sees it behind all translation. */
export interface PhysicalMap {
  /** Host-physical address of the RAM byte at physical address `pa`, or -1 if no RAM is there. RAM is page-granular. */
  toHost(pa: number): HostPhysAddr | -1;
  /** What the RAM that the last successful {@link toHost} found may be used for: `MappingFlags`. Left out: everything, always. */
  readonly hitFlags?: number;
}

/** An access that the VM has to finish or allow in machine mode. One object a hart, reused. */
export interface PendingMmio {
  /** Physical address. */
  addr: number;
  /** Bytes. */
  width: 1 | 2 | 4 | 8;
  /** Low half of the virtual address, for a fault. */
  vaLow: number;
  /** High half of the virtual address. */
  vaHigh: number;
  /** Direction. For `ExitRequest.NESTED_FAULT` that of the access to `addr`, which may be a page-table entry. */
  write: boolean;
  /** Kind of the access that the instruction made: 0 read, 1 write (all atomics but LR), 2 fetch. */
  access: 0 | 1 | 2;
  /** Whether its virtual address is a guest's. */
  virtual: boolean;
  /** Low half of the data to write. */
  low: number;
  /** High half of the data to write. */
  high: number;
}

/** The trap that is being raised (Privileged ISA, "Trap handling"). One object a hart, reused. */
export interface TrapInfo {
  /** Exception code, without the interrupt bit. */
  cause: number;
  /** Whether it is an interrupt. */
  interrupt: boolean;
  /** Low half of what xtval takes. */
  tvalLow: number;
  /** High half of what xtval takes. */
  tvalHigh: number;
  /** Guest-physical address of a guest-page fault (not yet shifted right by 2); 0 if none. */
  guestAddress: number;
  /** What mtinst or htinst takes: a transformed instruction, a pseudoinstruction, or 0. */
  tinst: number;
  /** Whether xtval holds a guest-virtual address. */
  gva: boolean;
}

/** What a hart needs from the VM around it. */
export interface HartHost {
  /** Ticks of the timebase now: mtime. */
  time(): number;
  /** Physical memory. */
  readonly physical: PhysicalMap;
}

/** One processor. `create_hart.ts` builds it. */
export interface Hart {
  /** What it was made with. */
  readonly options: HartOptions;
  /** Registers and CSRs. */
  readonly state: HartState;
  /** Memory that everything lies in. */
  readonly memory: HostMemory;
  /** The outside. */
  readonly host: HartHost;
  /** Translation and memory access. */
  readonly mmu: Mmu;
  /** The trap that is being raised. */
  readonly trap: TrapInfo;
  /** The access that left RAM. */
  readonly mmio: PendingMmio;
  /** Steps of the run in progress, the instruction that executes included; valid inside calls that an engine makes, else 0. */
  steps(): number;
  /** Asks the engine to leave its loop after this instruction; an `ExitRequest`. Does not override an earlier, lower one. */
  requestExit(request: number): void;
}
