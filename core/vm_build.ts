/**
 * From a validated configuration to a machine: memory, address space, plugins, devices, vCPUs. If anything fails, nothing remains.
 *
 * @module
 */
import { PAGE_SIZE } from "./address.ts";
import { AddrSpace } from "./addrspace/addr_space.ts";
import { GuestMemory } from "./addrspace/guest_memory.ts";
import { MappingFlags } from "./addrspace/nested_page_table.ts";
import type { ArchGuest, ArchGuestContext, ArchModule } from "./arch_vcpu.ts";
import type { BlockBackend } from "./block.ts";
import { MmioBus } from "./bus.ts";
import { Completions } from "./completions.ts";
import { DirectAccess } from "./device_access.ts";
import { EMU_TYPE_IVC_CHANNEL } from "./config_keys.ts";
import type { VmConfig } from "./config_types.ts";
import { ConsoleStream } from "./console_streams.ts";
import { HypervisorError } from "./errors.ts";
import type { FdtValue } from "./fdt_types.ts";
import { Inbox } from "./inbox.ts";
import type { IvcHub } from "./ivc.ts";
import { HostMemory } from "./memory.ts";
import { pluginError, type PluginServices, type Registrations, setupPlugins } from "./plugin.ts";
import { type ExtensionPoint, extensionPoint, type VmControl } from "./plugin_types.ts";
import { RandomSequence } from "./random.ts";
import { RealClock } from "./real_clock.ts";
import { AxVCpu, PhysicalCpuSlot } from "./vcpu.ts";
import { VirtualClock } from "./virtual_clock.ts";
import type { VmClock } from "./vm_clock.ts";
import { createDevices, type DeviceSet } from "./vm_devices.ts";
import { deviceFailure } from "./vm_exits.ts";
import type { VmHost } from "./vm_host.ts";
import { readImages, type VmImages } from "./vm_images.ts";
import { freshSchedule, type Schedule, type VmMachine } from "./vm_machine.ts";

/** Where a board plugin gives properties of the device tree's root, such as `compatible` and `model`. */
export const rootProperties: ExtensionPoint<Readonly<Record<string, FdtValue>>> = extensionPoint("root-properties");

/** Alignment of RAM in host memory: that of the largest leaf that is worth having. */
const RAM_ALIGN = 2 * 2 ** 20;

/** What a VM is built with besides its configuration. */
export interface BuildOptions {
  /** Number. */
  readonly id: number;
  /** Name. */
  readonly name: string;
  /** Architecture. */
  readonly arch: ArchModule;
  /** Services of the host. */
  readonly host: VmHost;
  /** What relative paths are relative to. */
  readonly base: URL | undefined;
  /** Memory shared with other VMs; undefined: the VM's own. */
  readonly memory: HostMemory | undefined;
  /** Channels between VMs. */
  readonly hub: IvcHub;
}

/** A machine and how to take it apart. */
export interface BuiltMachine {
  /** The machine. */
  readonly machine: VmMachine;
  /** Its devices and wires. */
  readonly deviceSet: DeviceSet;
  /** Releases everything. */
  dispose(): Promise<void>;
}

/** Builds a machine. */
export async function buildMachine(config: VmConfig, options: BuildOptions): Promise<BuiltMachine> {
  const images = await readImages(config, options);
  const builder = new Builder(config, options, images);
  try {
    return await builder.build();
  } catch (error) {
    await builder.dispose();
    throw error;
  }
}

/** Makes the clock that a configuration asks for. */
function createClock({ clock }: VmConfig, host: VmHost): VmClock {
  const kind = clock.kind ?? (host.realTime ? "real" : "virtual");
  if (kind === "virtual") return new VirtualClock({ stepsPerTick: clock.steps_per_tick, epoch: clock.epoch });
  if (!host.realTime) {
    throw new HypervisorError(
      'Cannot use clock "real": this host offers no time; give the hypervisor a host that has one, or use clock "virtual"',
    );
  }
  return new RealClock(() => host.nowMs(), () => host.wallClockSeconds());
}

/** Bytes of host memory for a VM of its own: RAM, its tables, what the architecture needs, and the channels' window. */
function hostMemorySize(config: VmConfig, arch: ArchModule): number {
  const ram = config.kernel.memory_regions.reduce((sum, { size }) => sum + size + RAM_ALIGN, 0);
  const windows = config.devices.emu_devices.reduce((sum, { length }) => sum + length, 0);
  const tables = 4 * 2 ** 20 + Math.ceil((ram + windows) / 256);
  return ram + windows + tables + arch.memoryNeeded(config.base.cpu_num, ram);
}

class Builder {
  #config: VmConfig;
  #options: BuildOptions;
  #images: VmImages;
  #clock: VmClock;
  #inbox: Inbox = new Inbox();
  #completions: Completions;
  #consoles: Map<string, ConsoleStream> = new Map();
  #schedule: Schedule;
  #vcpus: AxVCpu[] = [];
  #bus: MmioBus;
  #direct: DirectAccess = new DirectAccess();
  #root: Record<string, FdtValue> = {};
  #sequence: RandomSequence | undefined;
  #disks: BlockBackend[] = [];
  #machine: VmMachine | undefined;
  #space: AddrSpace | undefined;
  #ram: GuestMemory | undefined;
  #guest: ArchGuest | undefined;
  #deviceSet: DeviceSet | undefined;
  /** What the architecture took of a memory that outlives the VM. */
  #reservations: { start: number; size: number }[] = [];
  /** Frames of linear RAM, which belong to the VM and not to its address space. */
  #linear: { host: number; size: number }[] = [];

  constructor(config: VmConfig, options: BuildOptions, images: VmImages) {
    this.#config = config;
    this.#options = options;
    this.#images = images;
    this.#clock = createClock(config, options.host);
    this.#completions = new Completions(
      this.#clock,
      this.#inbox,
      config.clock.latency,
      (message) => this.#log(message),
    );
    this.#schedule = freshSchedule(config.base.cpu_num);
    this.#bus = new MmioBus((device, error) => deviceFailure(this.#machine!, device, error));
    if (this.#clock.virtual) this.#sequence = new RandomSequence(config.clock.seed);
  }

  async build(): Promise<BuiltMachine> {
    const { arch, hub, id, host } = this.#options;
    const memory = this.#options.memory ?? new HostMemory({ size: hostMemorySize(this.#config, arch), host });
    const before = memory.reservations.length;
    const guest = this.#guest = arch.createGuest(this.#context(memory));
    guest.perCpu.hardwareEnable();
    const space = this.#space = new AddrSpace({
      table: guest.createNestedPageTable(),
      memory,
      onContentsChanged: (start, length) => guest.invalidateCode(start, length),
    });
    const ram = this.#ram = new GuestMemory(space);
    this.#mapMemory(space, memory);
    const window = this.#config.devices.emu_devices.find(({ emu_type }) => emu_type === EMU_TYPE_IVC_CHANNEL);
    const ivc = hub.join({ id, space, window: window && { start: window.base_gpa, size: window.length } });
    const slot = new PhysicalCpuSlot();
    for (let index = 0; index < this.#config.base.cpu_num; index++) {
      this.#vcpus.push(new AxVCpu(this.#options.name, index, guest.createVCpu(index), slot));
    }
    if (this.#options.memory) this.#reservations = memory.reservations.slice(before);
    const registrations = await setupPlugins(this.#config.plugins, this.#options.base, this.#services(ram, guest));
    const withInterrupts = this.#config.devices.interrupt_mode === "emu";
    this.#deviceSet = createDevices(registrations.devices, this.#bus, withInterrupts);
    if (this.#consoles.size === 0) this.#console("firmware");
    this.#machine = { ...this.#parts(memory, guest, space, ram, registrations), ivc };
    this.#direct.open(this.#machine);
    for (const cpu of this.#vcpus) cpu.setup(0, space.root);
    return { machine: this.#machine, deviceSet: this.#deviceSet, dispose: () => this.dispose() };
  }

  async dispose(): Promise<void> {
    this.#completions.clear();
    this.#options.hub.leave(this.#options.id);
    const disposals = (this.#deviceSet?.devices ?? []).toReversed().map(({ device }) => device.dispose?.());
    const results = await Promise.allSettled(disposals);
    // A disk that no device took over is nobody's but ours; closing twice is harmless.
    await Promise.allSettled(this.#disks.map((disk) => disk.close?.()));
    if (this.#guest?.perCpu.isEnabled()) this.#guest.perCpu.hardwareDisable();
    if (this.#options.memory !== undefined) this.#giveBack(this.#options.memory);
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  /** Takes the VM out of a memory that other VMs live in. A memory of its own goes as a whole. */
  #giveBack(memory: HostMemory): void {
    this.#space?.dispose();
    for (const { host, size } of this.#linear.splice(0)) {
      for (let at = 0; at < size; at += PAGE_SIZE) memory.freeFrame(host + at);
    }
    for (const area of this.#reservations.splice(0)) memory.release(area);
  }

  #mapMemory(space: AddrSpace, memory: HostMemory): void {
    for (const { gpa, size, flags } of this.#config.kernel.memory_regions) {
      this.#bus.reserve(`RAM at 0x${gpa.toString(16)}`, gpa, size);
      if (this.#config.base.mode === "guest") {
        space.mapAlloc(gpa, size, flags | MappingFlags.USER, false, { name: "RAM" });
        continue;
      }
      const host = memory.allocContiguous(size / PAGE_SIZE, RAM_ALIGN) ?? memory.allocContiguous(size / PAGE_SIZE);
      if (host === undefined) {
        throw new HypervisorError(
          `Cannot create ${size} bytes of RAM: host memory has no such piece; give the VM less memory`,
        );
      }
      this.#linear.push({ host, size });
      space.mapLinear(gpa, host, size, flags | MappingFlags.USER, { name: "RAM" });
    }
    for (const { name, base_gpa, length } of this.#config.devices.emu_devices) {
      if (length > 0) this.#bus.reserve(`channel window "${name}"`, base_gpa, length);
    }
  }

  #context(memory: HostMemory): ArchGuestContext {
    const { base, arch } = this.#config;
    const { memory_regions } = this.#config.kernel;
    const { name: _name, ...options } = arch;
    return {
      cpus: base.cpu_num,
      mode: base.mode,
      guestMemorySize: memory_regions.reduce((sum, { size }) => sum + size, 0),
      memory,
      clock: this.#clock,
      // Firmware prints where the first device does, as on a board with one serial port.
      console: (name) => (this.#consoles.values().next().value ?? this.#console(name)).port,
      readGuest: (address, length) => this.#ram!.read(address, length),
      writeGuest: (address, bytes) => this.#ram!.write(address, bytes),
      isRam: (address) => this.#space!.contains(address),
      devices: this.#direct,
      cpuStatus: (index) => {
        if (!this.#schedule.started[index]) return "stopped";
        const waits = this.#vcpus[index].state === "Blocked" && !this.#vcpus[index].arch.hasPendingInterrupt();
        return waits && this.#schedule.suspended[index] ? "suspended" : "started";
      },
      nowMs: () => this.#options.host.nowMs(),
      options,
    };
  }

  #console(name: string): ConsoleStream {
    let console = this.#consoles.get(name);
    if (!console) this.#consoles.set(name, console = new ConsoleStream(name, this.#inbox));
    return console;
  }

  #random(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#sequence) this.#sequence.fill(bytes);
    else this.#options.host.random(bytes);
  }

  #log(message: string): void {
    this.#options.host.log?.(`[${this.#options.name}] ${message}`);
  }

  #services(ram: GuestMemory, guest: ArchGuest): PluginServices {
    return {
      memory: ram,
      clock: this.#clock,
      console: (name) => this.#console(name).port,
      irq: (name) => guest.interruptLine(name),
      extend: (point, value) => {
        if (point.name === rootProperties.name) {
          Object.assign(this.#root, value);
          return;
        }
        const owned = guest.extensionPoints.find(({ name }) => name === point.name);
        if (owned) return guest.extend(owned, value);
        const known = [rootProperties, ...guest.extensionPoints].map(({ name }) => `"${name}"`).join(", ");
        throw new HypervisorError(`this VM has no extension point "${point.name}"; it has ${known}`);
      },
      control: (plugin) => this.#control(plugin),
      failed: (plugin, what, error) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#machine!.failure ??= `[plugin ${plugin}] ${what} failed: ${reason}`;
      },
    };
  }

  #control(plugin: string): VmControl {
    const request = (action: "shutdown" | "reboot", code: number): void => {
      this.#machine!.power ??= { action, code };
      for (const cpu of this.#vcpus) if (cpu.state === "Running") cpu.arch.kick();
    };
    return {
      powerOff: (code) => request("shutdown", code),
      reboot: () => request("reboot", 0),
      log: (message) => this.#log(`[plugin ${plugin}] ${message}`),
      later: (work, done, device) =>
        this.#completions.later(device === undefined ? plugin : `${plugin}/${device}`, work, done),
      openBlock: async (path, mode) => {
        const { host, base } = this.#options;
        if (!host.openBlock) {
          throw pluginError(
            plugin,
            `Cannot open disk image "${path}": this host has no files; give the disk as an object`,
          );
        }
        const disk = await host.openBlock(path, mode, base);
        this.#disks.push(disk);
        return disk;
      },
      random: (length) => {
        const bytes = new Uint8Array(length);
        this.#random(bytes);
        return bytes;
      },
      symbol: (name) => this.#images.kernel?.symbols.get(name) ?? this.#images.bios?.symbols.get(name),
    };
  }

  #parts(
    memory: HostMemory,
    guest: ArchGuest,
    space: AddrSpace,
    ram: GuestMemory,
    registrations: Registrations,
  ): Omit<VmMachine, "ivc"> {
    const { id, name, arch, host, hub } = this.#options;
    const { exitHooks, resetHooks } = registrations;
    return {
      id,
      name,
      config: this.#config,
      host,
      arch,
      guest,
      memory,
      sharesMemory: this.#options.memory !== undefined,
      space,
      ram,
      bus: this.#bus,
      vcpus: this.#vcpus,
      clock: this.#clock,
      inbox: this.#inbox,
      completions: this.#completions,
      consoles: this.#consoles,
      devices: this.#deviceSet!.devices,
      exitHooks,
      resetHooks,
      images: this.#images,
      rootProperties: this.#root,
      random: (bytes) => this.#random(bytes),
      randomSequence: this.#sequence,
      hub,
      disks: this.#disks,
      schedule: this.#schedule,
      power: undefined,
      failure: undefined,
      entry: 0,
      deviceReads: 0,
      deviceWrites: 0,
    };
  }
}
