/**
 * A VM's configuration as types: AxVisor's VM TOML as a plain object, plus `plugins`, `arch` and `clock`.
 *
 * What each key means, and which are refused, is the table of {@link ./config_keys.ts}.
 *
 * @module
 */
import type { VmMode } from "./arch_vcpu.ts";
import type { Plugin } from "./plugin_types.ts";

/** A region of guest RAM. In TOML a table, or `[gpa, size, flags, map_type]`. */
export interface MemoryRegion {
  /** Guest-physical address of the first byte, page-aligned. */
  readonly gpa: number;
  /** Bytes, page-aligned. */
  readonly size: number;
  /** Union of `MappingFlags`: 1 read, 2 write, 4 execute, 8 user (default 7). */
  readonly flags: number;
  /** 0: memory of the VM's own. Others are refused. */
  readonly map_type: number;
}

/** A device that the hypervisor itself emulates: only the window for channels between VMs (type 10). */
export interface EmulatedDevice {
  /** Name, for messages. */
  readonly name: string;
  /** Guest-physical address of the window. */
  readonly base_gpa: number;
  /** Bytes of the window. */
  readonly length: number;
  /** Type number of AxVisor. */
  readonly emu_type: number;
}

/** A plugin module, or what `import()` of one returns. */
export type PluginModule = Plugin | { readonly default: Plugin };

/** A plugin of the VM. */
export interface PluginConfig {
  /** Path or URL of the module, or the module itself. */
  readonly use: string | PluginModule;
  /** Base address of its one device, in place of the plugin's own choice. */
  readonly base?: number;
  /** Interrupt number of its one device, in place of the plugin's own choice. */
  readonly irq?: number;
  /** What the plugin's documentation says. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** The `clock` section. */
export interface ClockConfig {
  /** `real` follows the host, `virtual` is a function of executed steps. Left out: `real` if the host has time. */
  readonly kind?: "real" | "virtual";
  /** Steps in a tick of 100 ns (virtual clock). */
  readonly steps_per_tick: number;
  /** Seconds since 1970-01-01 (UTC) at power-on (virtual clock). */
  readonly epoch: number;
  /** Seed of the random numbers that the VM is given (virtual clock). */
  readonly seed: number;
  /** Ticks after which work of the host completes (virtual clock). */
  readonly latency: number;
}

/** The `base` section. */
export interface BaseConfig {
  /** Number of the VM, from 0. Left out: the lowest free one. */
  readonly id?: number;
  /** Name of the VM. Left out: `vm` and the number. */
  readonly name?: string;
  /** Kind of guest, which `Hypervisor.list` tells: 1 real-time system, 2 Linux. */
  readonly vm_type: number;
  /** Virtual CPUs. */
  readonly cpu_num: number;
  /** How the guest owns its CPUs. */
  readonly mode: VmMode;
}

/** The `kernel` section. Each image is given as a path or as bytes. */
export interface KernelConfig {
  /** The kernel's bytes. */
  readonly image?: Uint8Array;
  /** The kernel's file. */
  readonly kernel_path?: string;
  /** Where a kernel goes that does not say so itself. */
  readonly kernel_load_addr?: number;
  /** First instruction, in place of what the image says. */
  readonly entry_point?: number;
  /** Firmware's bytes. */
  readonly bios?: Uint8Array;
  /** Firmware's file. */
  readonly bios_path?: string;
  /** Where the firmware goes. */
  readonly bios_load_addr?: number;
  /** Device tree's bytes. */
  readonly dtb?: Uint8Array;
  /** Device tree's file. */
  readonly dtb_path?: string;
  /** Where the device tree goes. */
  readonly dtb_load_addr?: number;
  /** Initial RAM disk's bytes. */
  readonly ramdisk?: Uint8Array;
  /** Initial RAM disk's file. */
  readonly ramdisk_path?: string;
  /** Where the initial RAM disk goes. */
  readonly ramdisk_load_addr?: number;
  /** `fs` or `memory`. */
  readonly image_location?: string;
  /** Kernel command line. */
  readonly cmdline: string;
  /** RAM. */
  readonly memory_regions: readonly MemoryRegion[];
}

/** The `devices` section. */
export interface DevicesConfig {
  /** Windows for channels between VMs. */
  readonly emu_devices: readonly EmulatedDevice[];
  /** Nodes that are taken out of the generated device tree, by path. */
  readonly excluded_devices: readonly string[];
  /** `emu`, or `no_irq`: no device has a wire. */
  readonly interrupt_mode: "emu" | "no_irq";
}

/** A configuration that {@link validateConfig} has checked: every default filled in. */
export interface VmConfig {
  /** Identity and size. */
  readonly base: BaseConfig;
  /** Images and memory. */
  readonly kernel: KernelConfig;
  /** What AxVisor's own devices become. */
  readonly devices: DevicesConfig;
  /** Plugins, in the order in which they are set up. */
  readonly plugins: readonly PluginConfig[];
  /** Settings of the architecture, checked by it; `name` selects one. */
  readonly arch: Readonly<Record<string, unknown>>;
  /** Time. */
  readonly clock: ClockConfig;
}

/** What a caller may write for a memory region. */
export type MemoryRegionInput = Partial<MemoryRegion> & Pick<MemoryRegion, "gpa" | "size"> | readonly number[];

/** What a caller writes: everything but the kernel has a default. */
export interface VmConfigInput {
  /** Identity and size. */
  base?: Partial<BaseConfig> & { phys_cpu_ids?: readonly number[]; phys_cpu_sets?: readonly number[] };
  /** Images and memory. */
  kernel: Partial<Omit<KernelConfig, "memory_regions">> & { memory_regions?: readonly MemoryRegionInput[] };
  /** What AxVisor's own devices become. */
  devices?: Record<string, unknown>;
  /** Plugins; a bare path or module stands for `{ use }`. */
  plugins?: readonly (PluginConfig | string | PluginModule)[];
  /** Settings of the architecture. */
  arch?: Record<string, unknown>;
  /** Time. */
  clock?: "real" | "virtual" | Partial<ClockConfig>;
}
