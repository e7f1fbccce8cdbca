/**
 * Denovisor: a hypervisor framework whose devices, boards and firmware extensions are plugins.
 *
 * ```ts
 * import { Hypervisor, riscv, virtBoard } from "./mod.ts";
 * import { createDenoHost } from "./host/deno.ts";
 *
 * await using hypervisor = new Hypervisor({ architectures: [riscv], host: createDenoHost() });
 * const vm = await hypervisor.createVm({
 *   kernel: { kernel_path: "examples/guests/hello/hello.elf" },
 *   plugins: [virtBoard],
 * }, { base: new URL("./", import.meta.url) });
 * vm.console().onOutput((bytes) => Deno.stdout.writeSync(bytes));
 * const outcome = await vm.run();
 * ```
 *
 * Nothing that is reachable from here knows on which host it runs: everything outside is handed in as a {@link VmHost}. Without one a
 * VM runs on virtual time and without files.
 *
 * @module
 */

// The set of VMs and one of them.
export { type CreateVmOptions, Hypervisor, type HypervisorOptions, type VmInfo } from "./core/hypervisor.ts";
export { AxVM, type RunOptions, type RunOutcome, type VmStatistics, type VmStatus } from "./core/vm.ts";
export type { AppliedEvent, VmEvent } from "./core/inbox.ts";
export type { MemoryContents, MemoryPiece, VmSnapshot } from "./core/snapshot.ts";
export type { ConsoleState, VmConsole } from "./core/console_streams.ts";
export type { CompletionState } from "./core/completions.ts";
export type { ClockState } from "./core/vm_clock.ts";
export type { Schedule } from "./core/vm_machine.ts";
export { decodeSnapshot, encodeSnapshot } from "./core/snapshot_codec.ts";
export { ConfigError, HypervisorError, StateError } from "./core/errors.ts";

// Configuration.
export { CONFIG_KEYS, type ConfigKey, validateConfig } from "./core/config.ts";
export type {
  BaseConfig,
  ClockConfig,
  DevicesConfig,
  EmulatedDevice,
  KernelConfig,
  MemoryRegion,
  MemoryRegionInput,
  PluginConfig,
  PluginModule,
  VmConfig,
  VmConfigInput,
} from "./core/config_types.ts";

export type { Check, Fail } from "./core/config_checks.ts";

// Services of the host.
export { createMinimalHost, type Sleep, type VmHost } from "./core/vm_host.ts";
export type { ImageBytes, ImageFile } from "./core/image_bytes.ts";
export type { BlockBackend, BlockMode } from "./core/block.ts";

// What a plugin meets.
export {
  type ExtensionPoint,
  extensionPoint,
  type GuestDma,
  type Plugin,
  PLUGIN_API_VERSION,
  type PluginContext,
  type PluginOptions,
  type VmControl,
} from "./core/plugin_types.ts";
export type { AccessWidth, AddrRange, GuestPhysAddr, GuestVirtAddr, HostPhysAddr } from "./core/address.ts";
export type { Clock, Timer } from "./core/clock.ts";
export type { ConsolePort } from "./core/console.ts";
export type { Device, DeviceSlot, DeviceSpec } from "./core/device.ts";
export type { FdtBody, FdtCell, FdtNode, FdtValue } from "./core/fdt_types.ts";
export type { IrqController, IrqLine } from "./core/irq.ts";
export { rootProperties } from "./core/vm_build.ts";
export type * from "./core/exit.ts";

// Looking into a VM.
export type { AddrSpace, AddrSpaceOptions, AreaOptions, RegionInfo } from "./core/addrspace/addr_space.ts";
export type { MemoryArea } from "./core/addrspace/area.ts";
export type { GuestMemory } from "./core/addrspace/guest_memory.ts";
export { MappingFlags, type NestedMapping, type NestedPageTable } from "./core/addrspace/nested_page_table.ts";
export type { HostMemory, HostMemoryOptions } from "./core/memory.ts";
export type { AxVCpu, AxVCpuSnapshot, AxVCpuState, PhysicalCpuSlot } from "./core/vcpu.ts";
export type {
  ArchGuest,
  ArchGuestContext,
  ArchModule,
  AxArchPerCpu,
  AxArchVCpu,
  DeviceAccess,
  LoadedImage,
  VCpuState,
  VmMode,
} from "./core/arch_vcpu.ts";
export { type FdtBlob, type FdtReservation, readFdt } from "./core/fdt.ts";

// RISC-V.
export { riscv } from "./arch/riscv/mod.ts";
export type {
  EngineName,
  Hart,
  HartDevices,
  HartHost,
  HartMmu,
  HartOptions,
  PendingMmio,
  PhysicalMap,
  TrapInfo,
} from "./arch/riscv/hart.ts";
export type { HartState } from "./arch/riscv/hart_state.ts";
export { disassemble } from "./arch/riscv/disassemble.ts";
export {
  type SbiCall,
  SbiError,
  type SbiExtension,
  sbiExtension,
  type SbiFault,
  type SbiFunctions,
  type SbiMachine,
  type SbiResult,
} from "./arch/riscv/sbi/sbi.ts";

// The default board, and disks that are no files.
export { default as virtBoard } from "./plugins/virt_board.ts";
export { MemoryBlock, type MemoryBlockState } from "./devices/virtio/block_memory.ts";
export { OverlayBlock, type OverlayBlockState } from "./devices/virtio/block_overlay.ts";
