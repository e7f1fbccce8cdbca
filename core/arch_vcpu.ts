/**
 * What an architecture provides: `AxArchVCpu` and `AxArchPerCpu` of the axvcpu crate, and the factory for one VM's worth of it.
 *
 * Nothing here or elsewhere in core knows which architecture that is; the tests drive core with a scripted one.
 *
 * @module
 */
import type { AccessWidth, GuestPhysAddr, HostPhysAddr } from "./address.ts";
import type { Clock } from "./clock.ts";
import type { ConsolePort } from "./console.ts";
import type { AccessKind, AxVCpuExitReason } from "./exit.ts";
import type { FdtNode } from "./fdt_types.ts";
import type { ImageBytes } from "./image_bytes.ts";
import type { IrqLine } from "./irq.ts";
import type { HostMemory } from "./memory.ts";
import type { NestedPageTable } from "./addrspace/nested_page_table.ts";
import type { ExtensionPoint } from "./plugin_types.ts";

/** Everything a virtual CPU owns, as one structured-cloneable object. */
export type VCpuState = Record<string, unknown>;

/** A virtual CPU as its architecture implements it. */
export interface AxArchVCpu {
  /** Sets the address of the first instruction. Called before {@link setup}, and again when the guest starts this CPU. */
  setEntry(entry: GuestPhysAddr): void;
  /** Sets the root of the nested page table. */
  setEptRoot(root: HostPhysAddr): void;
  /** Last preparation before the first {@link bind}. Also puts every register into its reset state. */
  setup(): void;
  /** Loads the CPU's state into the physical CPU. */
  bind(): void;
  /** Stores the CPU's state back. */
  unbind(): void;
  /**
   * Runs guest code for at most `budget` instructions and says why it stopped. The exit object is reused by later calls.
   *
   * @param budget Instructions; a positive integer below 2^31
   */
  run(budget: number): AxVCpuExitReason;
  /**
   * Steps that the last {@link run} used up: instructions retired plus attempts that trapped. The unit of virtual time. Inside
   * a callback that `run` makes (a clock read, an extension) it tells the steps used so far.
   */
  readonly steps: number;
  /** Finishes the read that {@link run} exited with: extends the value, writes the register, moves the program counter. */
  completeMmioRead(low: number, high: number): void;
  /** Finishes the write that {@link run} exited with: moves the program counter. */
  completeMmioWrite(): void;
  /** Makes the guest take a fault for the access that {@link run} exited with. */
  injectFault(kind: "access" | "page", access: AccessKind): void;
  /** Raises an edge-triggered interrupt; remembered if the CPU is not bound. */
  injectInterrupt(vector: number): void;
  /** Drives a level-triggered interrupt input. */
  setInterrupt(vector: number, asserted: boolean): void;
  /** Sets the result of a hypercall. */
  setReturnValue(low: number, high: number): void;
  /** Sets the argument that a started CPU finds in its argument registers (`index` 0 is the first). */
  setArgument(index: number, low: number, high: number): void;
  /** Whether a halted CPU has a reason to run again. */
  hasPendingInterrupt(): boolean;
  /**
   * The tick of the earliest timer interrupt of this CPU; Infinity if none. The VM ends slices there, so `run` returns
   * `Nothing` as soon as the guest moves the deadline.
   */
  timerDeadline(): number;
  /** Makes `run` return at the next instruction boundary that it can. */
  kick(): void;
  /** Reads a general-purpose register: for people and debuggers. */
  getGpr(index: number): bigint;
  /** Writes a general-purpose register: for people and debuggers. */
  setGpr(index: number, value: bigint): void;
  /** Address of the next instruction. */
  getPc(): bigint;
  /** Copies all state out. Only between runs. */
  save(): VCpuState;
  /** Takes all state over. Only between runs. */
  restore(state: VCpuState): void;
}

/** A physical CPU's share of the virtualisation hardware. */
export interface AxArchPerCpu {
  /** Turns virtualisation on. Throws if the CPU cannot. */
  hardwareEnable(): void;
  /** Turns it off. */
  hardwareDisable(): void;
  /** Whether it is on. */
  isEnabled(): boolean;
  /** Deepest nested page table that the CPU can walk. */
  maxGuestPageTableLevels(): number;
}

/** How the guest owns the CPU: under our hypervisor, or the whole machine from its most privileged mode on. */
export type VmMode = "guest" | "machine";

/**
 * The short way to devices: an access is made at once, inside {@link AxArchVCpu.run}, and the guest goes on. It does what the VM does
 * about an `MmioRead` or `MmioWrite` exit, so an architecture may take either way. What a device asks for meanwhile reaches the CPU
 * as calls: {@link AxArchVCpu.kick}, a change of an interrupt input, new mappings. The guest executes nothing more before it is heard.
 */
export interface DeviceAccess {
  /** High 32 bits of the last 8-byte {@link read}, unsigned; 0 after a narrower one. */
  readonly high: number;
  /**
   * Reads from a device. Inside, {@link AxArchVCpu.steps} must count the access.
   *
   * @param cpu Index of the virtual CPU
   * @returns The low 32 bits, unsigned; -1 if nothing was done: the CPU must exit with `MmioRead`
   */
  read(cpu: number, address: GuestPhysAddr, width: AccessWidth): number;
  /**
   * Writes to a device, likewise.
   *
   * @param low Low 32 bits of the data; bits above the width do not matter
   * @param high High 32 bits of the data; they matter for 8 bytes only
   * @returns false if nothing was done: the CPU must exit with `MmioWrite`
   */
  write(cpu: number, address: GuestPhysAddr, width: AccessWidth, low: number, high: number): boolean;
}

/** What the VM gives the architecture. */
export interface ArchGuestContext {
  /** Number of virtual CPUs. */
  readonly cpus: number;
  /** Mode of the VM. */
  readonly mode: VmMode;
  /** Bytes of guest RAM. */
  readonly guestMemorySize: number;
  /** Memory that the guest's frames, page tables and CPU states live in. */
  readonly memory: HostMemory;
  /** Time. */
  readonly clock: Clock;
  /** Opens a console by name, for firmware calls that print. */
  console(name: string): ConsolePort;
  /** Copies bytes out of guest memory; undefined if any byte is not RAM. */
  readGuest(address: GuestPhysAddr, length: number): Uint8Array | undefined;
  /** Copies bytes into guest memory; false if any byte is not writable RAM. */
  writeGuest(address: GuestPhysAddr, bytes: Uint8Array): boolean;
  /** Whether the guest-physical address lies in RAM, be it populated or not: a nested fault there is no device access. */
  isRam(address: GuestPhysAddr): boolean;
  /** The short way to devices; left out: every access to one is an exit. */
  readonly devices?: DeviceAccess;
  /** Whether virtual CPU `index` is stopped, started, or waits for an interrupt inside a suspend. */
  cpuStatus(index: number): "started" | "stopped" | "suspended";
  /** The host's monotonic time in milliseconds, with fractions: for statistics alone, never for what the guest sees. */
  nowMs(): number;
  /** The architecture's own settings from the VM's configuration (for example page-table levels). */
  readonly options: Readonly<Record<string, unknown>>;
}

/** One VM's worth of an architecture. */
export interface ArchGuest {
  /** Makes the nested page table of the VM: a real one in `memory` in guest mode, a linear map in machine mode. */
  createNestedPageTable(): NestedPageTable;
  /** Makes virtual CPU `index`. */
  createVCpu(index: number): AxArchVCpu;
  /** Whether all CPUs start at a boot; else the first one does, and starts the others by `CpuUp`. */
  readonly startsAllCpus: boolean;
  /** The physical CPU that runs the virtual ones. */
  readonly perCpu: AxArchPerCpu;
  /** A named input wire of a CPU, undefined if there is none of that name in this mode. */
  interruptLine(name: string): IrqLine | undefined;
  /** Extension points that plugins may use with this VM. */
  readonly extensionPoints: readonly ExtensionPoint<unknown>[];
  /** Takes what a plugin adds; throws an error whose message says what is wrong with it. */
  extend(point: ExtensionPoint<unknown>, value: unknown): void;
  /** Adds `/cpus` and whatever else the architecture puts into a device tree. */
  describe(root: FdtNode): void;
  /** Places the arguments of a boot: which CPU runs where with which device tree. */
  boot(cpu: AxArchVCpu, index: number, deviceTree: GuestPhysAddr): void;
  /** Tells every CPU that the frames in a range changed contents behind its back (a device wrote, a frame was freed). */
  invalidateCode(start: HostPhysAddr, length: number): void;
  /** Tells every CPU that nested mappings changed. */
  flushNested(): void;
  /** Counters for `--stats`. */
  statistics(): Readonly<Record<string, number>>;
  /** Puts what belongs to the VM and not to one CPU (for example firmware state) back to its power-on state. */
  reset(): void;
  /** Copies out what belongs to the VM and not to one CPU, structured-cloneable; left out if there is nothing. */
  save?(): unknown;
  /** Takes that over. */
  restore?(state: unknown): void;
}

/** A kernel image as it lies in guest memory. */
export interface LoadedImage {
  /** Guest-physical address of the first instruction. */
  readonly entry: GuestPhysAddr;
  /** What is copied where; `size` beyond the bytes is zeroed. */
  readonly segments: readonly { address: GuestPhysAddr; bytes: ImageBytes; size: number }[];
  /** Symbols by name, where the format has them. */
  readonly symbols: ReadonlyMap<string, GuestPhysAddr>;
}

/** An architecture: the factory that its `mod.ts` exports. */
export interface ArchModule {
  /** ELF machine number of its programs. */
  readonly elfMachine: number;
  /**
   * Recognises an image format of the architecture's own (a kernel with a boot header). Undefined: not one of them.
   *
   * @param ramBase Guest-physical address of the RAM that the image goes to
   */
  recognizeImage(bytes: ImageBytes, ramBase: GuestPhysAddr): LoadedImage | undefined;
  /** Name in a VM's configuration. */
  readonly name: string;
  /** Bytes of host memory that the architecture needs for itself for so many CPUs. */
  memoryNeeded(cpus: number, guestMemory: number): number;
  /** Makes one VM's worth. */
  createGuest(context: ArchGuestContext): ArchGuest;
}
