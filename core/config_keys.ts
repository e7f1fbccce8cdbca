/**
 * Every key of a VM's configuration in one table: what it means, its default, its check, and why some are refused.
 *
 * The keys of `base`, `kernel` and `devices` are those of AxVisor's VM TOML (axvmconfig 0.2).
 *
 * @module
 */
import { PAGE_SIZE } from "./address.ts";
import {
  address,
  anyText,
  bytes,
  type Check,
  type Fail,
  integer,
  isTable,
  list,
  nearest,
  oneOf,
  record,
  refuse,
  show,
  table,
  text,
} from "./config_checks.ts";
import type { EmulatedDevice, MemoryRegion } from "./config_types.ts";
import { DEFAULT_STEPS_PER_TICK, DEFAULT_VIRTUAL_EPOCH } from "./virtual_clock.ts";

/** One key. */
export interface ConfigKey {
  /** Path: `base.cpu_num`. */
  readonly key: string;
  /** Type, in words. */
  readonly type: string;
  /** What it does, or why it is refused. */
  readonly meaning: string;
  /** What stands for it when it is left out. */
  readonly fallback?: unknown;
  /** Whether every value that says something is refused. */
  readonly refused?: boolean;
  /** Checks a value. */
  readonly check: Check;
}

/** Most virtual CPUs of a VM. */
export const MAX_CPUS = 64;

/** Most RAM of a VM, in bytes. */
export const MAX_MEMORY = 3 * 2 ** 30;

/** RAM of a VM that says nothing. */
export const DEFAULT_MEMORY: readonly MemoryRegion[] = [{
  gpa: 0x8000_0000,
  size: 256 * 2 ** 20,
  flags: 7,
  map_type: 0,
}];

/** Type number of the device that AxVisor calls IVCChannel. */
export const EMU_TYPE_IVC_CHANNEL = 10;

/** Type number of the device that does nothing. */
const EMU_TYPE_DUMMY = 0;

const NO_PHYSICAL_DEVICES =
  "there are no physical devices behind a software machine; add a plugin that models the device";

const memoryRegion = record({
  gpa: { check: address(PAGE_SIZE) },
  size: { check: address(PAGE_SIZE) },
  flags: { check: integer(1, 15), fallback: 7 },
  map_type: { check: mapType, fallback: 0 },
});

function mapType(value: unknown, fail: Fail): unknown {
  const kind = integer(0, 2)(value, fail);
  if (kind === 1) {
    return void fail("1 (MapIdentical) is refused: guest addresses cannot equal host addresses here; use 0 (MapAlloc)");
  }
  if (kind === 2) {
    return void fail("2 (MapReserved) is refused: no host memory is set aside for guests; use 0 (MapAlloc)");
  }
  return kind;
}

const emulatedRecord = record({
  name: { check: text },
  base_gpa: { check: address(), fallback: 0 },
  length: { check: integer(0), fallback: 0 },
  irq_id: { check: integer(0), fallback: 0 },
  emu_type: { check: integer(0, 255) },
  cfg_list: { check: list(integer(0)), fallback: [] },
});

function emulatedDevice(value: unknown, fail: Fail): unknown {
  const device = emulatedRecord(value, fail) as EmulatedDevice & { irq_id: number; cfg_list: number[] };
  if (device === undefined || device.emu_type === undefined) return undefined;
  const { name, emu_type, base_gpa, length, irq_id, cfg_list } = device;
  if (emu_type === EMU_TYPE_IVC_CHANNEL) {
    if (length === 0 || length % PAGE_SIZE !== 0) fail(`must be a positive multiple of ${PAGE_SIZE}`, ".length");
    if (base_gpa % PAGE_SIZE !== 0) fail(`must be a multiple of ${PAGE_SIZE}`, ".base_gpa");
    if (irq_id !== 0) fail(`${irq_id} is refused: a channel window has no interrupt; write 0`, ".irq_id");
    if (cfg_list?.length > 0) fail("is refused: a channel window has no settings; write []", ".cfg_list");
  } else if (emu_type !== EMU_TYPE_DUMMY) {
    fail(
      `${emu_type} is refused: devices come from plugins; write a [[plugins]] entry with use, base = ${base_gpa} and irq ` +
        "(only 10, the channel window, and 0, which does nothing, are emulated by the hypervisor itself)",
      ".emu_type",
    );
  }
  return { name, base_gpa, length, emu_type };
}

function plugin(value: unknown, fail: Fail): unknown {
  if (typeof value === "string") return { use: text(value, fail), options: {} };
  if (!isTable(value)) return void fail(`must be a table, a path or a plugin module, not ${show(value)}`);
  if (isPluginModule(value)) return { use: value, options: {} };
  return pluginRecord(value, fail);
}

const pluginRecord = record({
  use: {
    check: (value, fail) => {
      if (typeof value === "string") return text(value, fail);
      if (isTable(value) && isPluginModule(value)) return value;
      return void fail(`must be the path or URL of a module, or a plugin module, not ${show(value)}`);
    },
  },
  base: { check: address(), optional: true },
  irq: { check: integer(1, 65535), optional: true },
  options: { check: table, fallback: {} },
});

/** Only the outline: the loader checks the rest and names what is missing. */
function isPluginModule(value: Record<string, unknown>): boolean {
  return typeof value.setup === "function" || "default" in value;
}

function physicalCpuSets(value: unknown, fail: Fail): unknown {
  const masks = list(integer(0))(value, fail) as number[] | undefined;
  for (const [index, mask] of (masks ?? []).entries()) {
    if (mask !== undefined && mask % 2 === 0) {
      fail(
        `${mask} is refused: the hypervisor has one physical CPU, number 0, and the mask leaves it out`,
        `[${index}]`,
      );
    }
  }
  return masks;
}

function virtualMachineType(value: unknown, fail: Fail): unknown {
  const kind = integer(0, 2)(value, fail);
  if (kind === 0) {
    return void fail("0 (HostVM) is refused: there is no physical machine for it to take over; use 1 or 2");
  }
  return kind;
}

function excluded(value: unknown, fail: Fail): unknown {
  if (typeof value === "string") return text(value, fail);
  return (list(text)(value, fail) as string[] | undefined) ?? [];
}

const image = (what: string): ConfigKey[] => {
  const name = what === "kernel" ? "image" : what;
  return [
    { key: `kernel.${name}`, type: "bytes", meaning: `The ${what} itself, given by a program`, check: bytes },
    { key: `kernel.${what}_path`, type: "string", meaning: `Path or URL of the ${what}`, check: text },
  ];
};

/** Every key that a configuration may have. */
export const CONFIG_KEYS: readonly ConfigKey[] = [
  {
    key: "base.id",
    type: "integer",
    meaning: "Number of the VM; default: the lowest free one",
    check: integer(0, 65535),
  },
  { key: "base.name", type: "string", meaning: "Name of the VM; default: vm and the number", check: text },
  {
    key: "base.vm_type",
    type: "1 | 2",
    meaning: "Kind of guest, which `Hypervisor.list` tells: 1 real-time system, 2 Linux. 0 (HostVM) is refused",
    fallback: 2,
    check: virtualMachineType,
  },
  { key: "base.cpu_num", type: "integer", meaning: "Virtual CPUs", fallback: 1, check: integer(1, MAX_CPUS) },
  {
    key: "base.phys_cpu_ids",
    type: "list of integers",
    meaning: "Number of each virtual CPU as the guest sees it: 0, 1, 2, ... in order",
    check: list(integer(0)),
  },
  {
    key: "base.phys_cpu_sets",
    type: "list of integers",
    meaning: "Mask of physical CPUs for each virtual one; the one that there is, bit 0, must be in it",
    check: physicalCpuSets,
  },
  {
    key: "base.mode",
    type: '"guest" | "machine"',
    meaning: "guest: under the hypervisor's own firmware; machine: from the most privileged mode on",
    fallback: "guest",
    check: oneOf(["guest", "machine"]),
  },
  {
    key: "kernel.entry_point",
    type: "address",
    meaning: "First instruction; default: what the image says",
    check: address(),
  },
  ...image("kernel"),
  {
    key: "kernel.kernel_load_addr",
    type: "address",
    meaning:
      "Where the kernel goes; default: where its format says, flat bytes 2 MiB above the start of RAM, or at it in machine mode without firmware",
    check: address(),
  },
  ...image("bios"),
  {
    key: "kernel.bios_load_addr",
    type: "address",
    meaning: "Where the firmware goes; default: start of RAM. In machine mode it runs first",
    check: address(),
  },
  ...image("dtb"),
  {
    key: "kernel.dtb_load_addr",
    type: "address",
    meaning: "Where the device tree goes; default: chosen",
    check: address(8),
  },
  ...image("ramdisk"),
  {
    key: "kernel.ramdisk_load_addr",
    type: "address",
    meaning: "Where the initial RAM disk goes; default: chosen",
    check: address(PAGE_SIZE),
  },
  {
    key: "kernel.image_location",
    type: '"fs" | "memory"',
    meaning: "fs: images are files; memory: images are bytes given by a program. Must agree with the other keys",
    check: oneOf(["fs", "memory"]),
  },
  { key: "kernel.cmdline", type: "string", meaning: "Kernel command line", fallback: "", check: anyText },
  {
    key: "kernel.disk_path",
    type: "string",
    refused: true,
    meaning: "Refused: a disk is a plugin",
    check: refuse("a disk is a device; write a [[plugins]] entry for a block device with this path in its options"),
  },
  {
    key: "kernel.memory_regions",
    type: "list of [gpa, size, flags, map_type]",
    meaning: "RAM: page-aligned regions, 3 GiB in all; flags 1 read, 2 write, 4 execute, 8 user; map_type 0 only",
    fallback: DEFAULT_MEMORY,
    check: list(memoryRegion),
  },
  {
    key: "devices.emu_devices",
    type: "list of [name, base_gpa, length, irq_id, emu_type, cfg_list]",
    meaning: "emu_type 10: window for channels between VMs. Others are refused: devices come from plugins",
    fallback: [],
    check: list(emulatedDevice),
  },
  {
    key: "devices.passthrough_devices",
    type: "list",
    refused: true,
    meaning: "Refused unless empty: no physical devices",
    check: refuse(NO_PHYSICAL_DEVICES),
  },
  {
    key: "devices.passthrough_addresses",
    type: "list",
    refused: true,
    meaning: "Refused unless empty: no physical devices",
    check: refuse(NO_PHYSICAL_DEVICES),
  },
  {
    key: "devices.interrupt_mode",
    type: '"emu" | "no_irq"',
    meaning:
      "emu: devices interrupt through a modelled controller; no_irq: no device has a wire; passthrough is refused",
    fallback: "emu",
    check: (value, fail) => {
      if (value === "passthrough" || value === "pt") return void fail(`"${value}" is refused: ${NO_PHYSICAL_DEVICES}`);
      return oneOf(["emu", "no_irq"], { emulated: "emu", no: "no_irq", none: "no_irq" })(value, fail);
    },
  },
  {
    key: "devices.excluded_devices",
    type: "list of lists of paths",
    meaning: "Nodes that are taken out of the generated device tree",
    fallback: [],
    check: (value, fail) => (list(excluded)(value, fail) as unknown[] | undefined)?.flat(),
  },
  {
    key: "plugins",
    type: "list of { use, base, irq, options }",
    meaning: "Plugins, in order",
    fallback: [],
    check: list(plugin),
  },
  { key: "arch", type: "table", meaning: "Settings of the architecture; name selects one", fallback: {}, check: table },
  {
    key: "clock.kind",
    type: '"real" | "virtual"',
    meaning: "real follows the host, virtual counts executed steps; default: real where the host has time",
    check: oneOf(["real", "virtual"]),
  },
  {
    key: "clock.steps_per_tick",
    type: "integer",
    meaning: "Steps in a tick of 100 ns (virtual)",
    fallback: DEFAULT_STEPS_PER_TICK,
    check: integer(1, 1_000_000),
  },
  {
    key: "clock.epoch",
    type: "integer",
    meaning: "Seconds since 1970-01-01 (UTC) at power-on (virtual)",
    fallback: DEFAULT_VIRTUAL_EPOCH,
    check: integer(0),
  },
  {
    key: "clock.seed",
    type: "integer",
    meaning: "Seed of random numbers (virtual)",
    fallback: 1,
    check: integer(0, 0xffff_ffff),
  },
  {
    key: "clock.latency",
    type: "integer",
    meaning: "Ticks after which the host's work, such as a disk access, completes (virtual)",
    fallback: 1000,
    check: integer(1),
  },
];

/** Names the keys of a section, for hints. */
export function keysOf(section: string): string[] {
  return CONFIG_KEYS.filter(({ key }) => key.startsWith(`${section}.`)).map(({ key }) => key.slice(section.length + 1));
}

/** A hint for an unknown key: the nearest in its section, else the section that has such a key. */
export function hint(section: string, key: string): string {
  const near = nearest(key, keysOf(section));
  if (near !== "") return near;
  const elsewhere = CONFIG_KEYS.find((known) => known.key.endsWith(`.${key}`));
  return elsewhere ? ` (it belongs to [${elsewhere.key.split(".")[0]}])` : "";
}
