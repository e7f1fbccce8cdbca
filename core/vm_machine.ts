/**
 * The parts of a built VM, as the run loop, the exit handlers, boot and snapshots share them. Internal to core.
 *
 * @module
 */
import type { AddrSpace } from "./addrspace/addr_space.ts";
import type { GuestMemory } from "./addrspace/guest_memory.ts";
import type { ArchGuest, ArchModule } from "./arch_vcpu.ts";
import type { BlockBackend } from "./block.ts";
import type { MmioBus } from "./bus.ts";
import type { Completions } from "./completions.ts";
import type { VmConfig } from "./config_types.ts";
import type { ConsoleStream } from "./console_streams.ts";
import type { Device, DeviceSpec } from "./device.ts";
import type { AxVCpuExitReason } from "./exit.ts";
import type { FdtValue } from "./fdt_types.ts";
import type { Inbox } from "./inbox.ts";
import type { IvcHub, IvcService } from "./ivc.ts";
import type { HostMemory } from "./memory.ts";
import type { RandomSequence } from "./random.ts";
import type { AxVCpu } from "./vcpu.ts";
import type { VmClock } from "./vm_clock.ts";
import type { VmHost } from "./vm_host.ts";
import type { VmImages } from "./vm_images.ts";

/** A device of a built VM. */
export interface BuiltDevice {
  /** Name of the plugin that brought it. */
  readonly plugin: string;
  /** What the plugin said about it. */
  readonly spec: DeviceSpec;
  /** Guest-physical address of its window. */
  readonly base: number;
  /** Number of its wire; undefined if it has none. */
  readonly irq: number | undefined;
  /** The model. */
  readonly device: Device;
}

/** What a guest or a device asked for that concerns the whole VM. */
export interface PowerRequest {
  /** What is asked for. */
  readonly action: "shutdown" | "reboot";
  /** Exit code; 0 is success. */
  readonly code: number;
}

/** Where the run loop stands: a snapshot holds it, so that a restored VM goes on at the same step. */
export interface Schedule {
  /** Steps executed since the VM was started. */
  steps: number;
  /** Index of the CPU whose turn it is. */
  current: number;
  /** Steps that are left of its turn. */
  left: number;
  /** Which CPUs the guest has started. */
  started: boolean[];
  /** Which CPUs wait inside a suspend call. */
  suspended: boolean[];
}

/** A built VM. */
export interface VmMachine {
  /** Number of the VM. */
  readonly id: number;
  /** Name of the VM. */
  readonly name: string;
  /** What it was built from. */
  readonly config: VmConfig;
  /** Services of the host. */
  readonly host: VmHost;
  /** Architecture. */
  readonly arch: ArchModule;
  /** This VM's worth of it. */
  readonly guest: ArchGuest;
  /** Host memory. */
  readonly memory: HostMemory;
  /** Whether other VMs live in it, whose CPUs take turns with this VM's. */
  readonly sharesMemory: boolean;
  /** Guest-physical address space. */
  readonly space: AddrSpace;
  /** Checked access to it. */
  readonly ram: GuestMemory;
  /** Devices by address. */
  readonly bus: MmioBus;
  /** Virtual CPUs. */
  readonly vcpus: readonly AxVCpu[];
  /** Time. */
  readonly clock: VmClock;
  /** Door for the outside. */
  readonly inbox: Inbox;
  /** Work that the host does. */
  readonly completions: Completions;
  /** Consoles by name, in the order in which they were opened. */
  readonly consoles: ReadonlyMap<string, ConsoleStream>;
  /** Devices in the order in which they were registered. */
  readonly devices: readonly BuiltDevice[];
  /** Observers of exits. */
  readonly exitHooks: readonly ((cpu: number, exit: AxVCpuExitReason) => void)[];
  /** Called at a reset. */
  readonly resetHooks: readonly (() => void)[];
  /** Images, read and parsed. */
  readonly images: VmImages;
  /** Properties of the device tree's root that plugins gave. */
  readonly rootProperties: Readonly<Record<string, FdtValue>>;
  /** Random bytes for the guest. */
  readonly random: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** The repeatable sequence behind {@link random}; undefined under real time. */
  readonly randomSequence: RandomSequence | undefined;
  /** Channels between VMs. */
  readonly ivc: IvcService;
  /** The hub behind {@link ivc}. */
  readonly hub: IvcHub;
  /** Disk images that plugins opened. */
  readonly disks: readonly BlockBackend[];
  /** Where the run loop stands. */
  readonly schedule: Schedule;
  /** What a guest or device asked for; the run loop takes it at the end of the instruction. */
  power: PowerRequest | undefined;
  /** Why the VM cannot go on, in one sentence. */
  failure: string | undefined;
  /** Address of the first instruction of the boot CPU. */
  entry: number;
  /** Reads from devices. */
  deviceReads: number;
  /** Writes to devices. */
  deviceWrites: number;
}

/** A schedule before the first step: only the boot CPU is started. */
export function freshSchedule(cpus: number): Schedule {
  return {
    steps: 0,
    current: 0,
    left: 0,
    started: Array.from({ length: cpus }, (_, index) => index === 0),
    suspended: Array.from({ length: cpus }, () => false),
  };
}
