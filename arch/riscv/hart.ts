/**
 * The hart: one software RISC-V processor with M, HS, U, VS and VU modes (Privileged ISA), put together from its parts.
 *
 * Parts reach each other through it: state in linear memory, CSR file, MMU, traps, an engine that executes.
 *
 * @module
 */
import type { HostPhysAddr } from "../../core/address.ts";
import type { DeviceAccess } from "../../core/arch_vcpu.ts";
import type { HostMemory } from "../../core/memory.ts";
import type { HartState } from "./hart_state.ts";

/**
 * Which engine executes a hart: the generated interpreter, the interpreter with hot code translated, the same with everything
 * translated at its first execution (for tests), or the oracle that the others are compared with, slow and obviously right.
 */
export type EngineName = "interpreter" | "jit" | "jit-always" | "oracle";

/** Names of all engines. */
export const ENGINE_NAMES: readonly EngineName[] = ["jit", "interpreter", "jit-always", "oracle"];

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
  /** Low half of the guest-physical address of a guest-page fault (not yet shifted right by 2); 0 if none. */
  guestLow: number;
  /** High half of it. */
  guestHigh: number;
  /** What mtinst or htinst takes: a transformed instruction, a pseudoinstruction, or 0. */
  tinst: number;
  /** Whether xtval holds a guest-virtual address. */
  gva: boolean;
}

/** A trap before the first one. */
export function blankTrap(): TrapInfo {
  return { cause: 0, interrupt: false, tvalLow: 0, tvalHigh: 0, guestLow: 0, guestHigh: 0, tinst: 0, gva: false };
}

/** An access before the first one. */
export function blankMmio(): PendingMmio {
  return { addr: 0, width: 1, vaLow: 0, vaHigh: 0, write: false, access: 0, virtual: false, low: 0, high: 0 };
}

/** The short way to devices, and where there are none. */
export interface HartDevices {
  /** The way. */
  readonly access: DeviceAccess;
  /** Whether a physical address is RAM, whether or not it can be accessed at the moment. */
  isRam(address: number): boolean;
}

/** What a hart needs from the VM around it. */
export interface HartHost {
  /** Ticks of the timebase now: mtime. */
  time(): number;
  /** Physical memory. */
  readonly physical: PhysicalMap;
  /** Devices; left out: accesses outside RAM leave to the VM. */
  readonly devices?: HartDevices;
}

/**
 * Translation and memory access as the other parts use it; `mmu/mmu.ts` implements it. Virtual addresses and data are low and high halves,
 * sizes are bytes. What answers -1 or false has raised a trap or requested an exit.
 */
export interface HartMmu {
  /** For generated code: (va, access) -> 1 if the page was entered into a table for the hart in the window. */
  readonly refill: (va: bigint, access: number) => number;
  /** Bytes of the instruction that {@link currentInstruction} found last. */
  readonly instructionLength: 2 | 4;
  /** Host address to load from, which may be the staging bytes. */
  loadAddress(vaLow: number, vaHigh: number, size: number): HostPhysAddr | -1;
  /** Stores. */
  storeValue(vaLow: number, vaHigh: number, low: number, high: number, size: number): boolean;
  /** Host address of an AMO or SC. */
  amoAddress(vaLow: number, vaHigh: number, size: number): HostPhysAddr | -1;
  /** Host address of an LR. */
  reserveAddress(vaLow: number, vaHigh: number, size: number): HostPhysAddr | -1;
  /** Zeroes the aligned block that holds an address. */
  zeroBlock(vaLow: number, vaHigh: number, size: number): boolean;
  /** Whether the aligned block that holds an address may be managed. */
  manageBlock(vaLow: number, vaHigh: number, size: number): boolean;
  /** Host address of the page to fetch from. */
  fetchPage(vaLow: number, vaHigh: number): HostPhysAddr | -1;
  /** Host address of the page to fetch from if the fetch table has it. */
  cachedFetchPage(vaLow: number, vaHigh: number): HostPhysAddr | -1;
  /** Whether what {@link fetchPage} found last may be executed as a whole: PMP can split a page. */
  readonly fetchIsWhole: boolean;
  /** Forgets all fetch entries: decoded records moved or went away. */
  dropFetches(): void;
  /** Enters the page that {@link fetchPage} found last, with its records, into the fetch table. */
  fillFetch(vaLow: number, vaHigh: number, hostPage: HostPhysAddr, recordsAddress: HostPhysAddr): void;
  /** Host address for HLV, or with `executable` HLVX. */
  guestLoad(vaLow: number, vaHigh: number, size: number, executable: boolean): HostPhysAddr | -1;
  /** Stores for HSV. */
  guestStore(vaLow: number, vaHigh: number, low: number, high: number, size: number): boolean;
  /** Guest-physical address of a guest-virtual one as VS-mode would read it, or minus the exception code. */
  guestPhysical(vaLow: number, vaHigh: number): number;
  /** Translates without side effects; `access` is 0 to read, 1 to write, 2 to execute. */
  debugTranslate(va: bigint, access: number): HostPhysAddr | undefined;
  /** The instruction at pc as 32 bits, expanded if compressed; 0 if it cannot be read. */
  currentInstruction(): number;
  /** Privilege, V, or what changes how loads and stores translate was written. */
  modeChanged(): void;
  /** A register that decides about translation was written. */
  translationChanged(): void;
  /** A register of the PMP was written. */
  protectionChanged(): void;
  /** The nested page table, or in machine mode the physical map, changed. */
  nestedChanged(): void;
  /** It only has more mappings than before. */
  nestedGained(): void;
  /** SFENCE.VMA or SINVAL.VMA. */
  sfenceVma(vaLow: number, vaHigh: number, hasAddress: boolean, asid: number, hasAsid: boolean): void;
  /** HFENCE.VVMA or HINVAL.VVMA. */
  hfenceVvma(vaLow: number, vaHigh: number, hasAddress: boolean, asid: number, hasAsid: boolean): void;
  /** HFENCE.GVMA or HINVAL.GVMA; the address comes shifted right by 2. */
  hfenceGvma(gpaLow: number, gpaHigh: number, hasAddress: boolean, vmid: number, hasVmid: boolean): void;
  /** Forgets every translation. */
  flushAll(): void;
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
  readonly mmu: HartMmu;
  /** The trap that is being raised. */
  readonly trap: TrapInfo;
  /** The access that left RAM. */
  readonly mmio: PendingMmio;
  /** Steps of the run in progress, the instruction that executes included; valid inside calls that an engine makes, else 0. */
  steps(): number;
  /** Asks the engine to leave its loop after this instruction; an `ExitRequest`. Does not override an earlier, lower one. */
  requestExit(request: number): void;
}
