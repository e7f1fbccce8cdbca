/**
 * Validation of a VM's configuration: all of it, before anything is built, with every problem in one error.
 *
 * @module
 */
import { type AddrRange, containsRange, hex, overlaps } from "./address.ts";
import { isTable, nearest, show } from "./config_checks.ts";
import { CONFIG_KEYS, EMU_TYPE_IVC_CHANNEL, hint, MAX_MEMORY } from "./config_keys.ts";
import type { KernelConfig, VmConfig } from "./config_types.ts";
import { ConfigError } from "./errors.ts";

export { CONFIG_KEYS, type ConfigKey } from "./config_keys.ts";
export type * from "./config_types.ts";

/** Sections, in the order in which messages follow. */
const SECTIONS: readonly string[] = ["base", "kernel", "devices", "plugins", "arch", "clock"];

/** Sections that are one value and have no keys of ours. */
const WHOLE: readonly string[] = ["plugins", "arch"];

/**
 * Checks a configuration and fills every default in.
 *
 * @param value What TOML or a program gave
 * @throws {ConfigError} that lists every problem
 */
export function validateConfig(value: unknown): VmConfig {
  if (!isTable(value)) throw new ConfigError([`The configuration must be a table, not ${show(value)}`]);
  const problems: string[] = [];
  const source = { ...value };
  if (typeof source.clock === "string") source.clock = { kind: source.clock };
  reportUnknown(source, problems);
  const result: Record<string, Record<string, unknown>> = { base: {}, kernel: {}, devices: {}, clock: {} };
  for (const { key, check, fallback } of CONFIG_KEYS) {
    const [section, name] = key.split(".");
    const table = source[section];
    const given = name === undefined ? table : isTable(table) ? table[name] : undefined;
    let used = fallback;
    if (given !== undefined) used = check(given, (why, below = "") => problems.push(`${key}${below}: ${why}`));
    if (used === undefined) continue;
    if (name === undefined) (result as Record<string, unknown>)[section] = used;
    else result[section][name] = used;
  }
  const shapesAreSound = problems.length === 0;
  if (shapesAreSound) checkTogether(result as unknown as VmConfig, result.base, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  delete result.base.phys_cpu_ids;
  delete result.base.phys_cpu_sets;
  return result as unknown as VmConfig;
}

function reportUnknown(source: Record<string, unknown>, problems: string[]): void {
  for (const [section, table] of Object.entries(source)) {
    if (table === undefined) continue;
    if (!SECTIONS.includes(section)) {
      problems.push(`${section}: is not a known section${nearest(section, SECTIONS)}`);
    } else if (!WHOLE.includes(section)) {
      if (!isTable(table)) {
        problems.push(`${section}: must be a table, not ${show(table)}`);
        continue;
      }
      for (const key of Object.keys(table)) {
        if (CONFIG_KEYS.some((known) => known.key === `${section}.${key}`)) continue;
        problems.push(`${section}.${key}: is not a known key${hint(section, key)}`);
      }
    }
  }
}

/** What single values cannot tell. */
function checkTogether(config: VmConfig, base: Record<string, unknown>, problems: string[]): void {
  const { cpu_num } = config.base;
  const ids = base.phys_cpu_ids as number[] | undefined;
  if (ids && (ids.length !== cpu_num || ids.some((id, index) => id !== index))) {
    const wanted = Array.from({ length: cpu_num }, (_, index) => index).join(", ");
    problems.push(
      `base.phys_cpu_ids: must be [${wanted}], not [${ids.join(", ")}]: the guest's CPUs are numbered from 0`,
    );
  }
  const sets = base.phys_cpu_sets as number[] | undefined;
  if (sets && sets.length !== cpu_num) {
    problems.push(`base.phys_cpu_sets: must have ${cpu_num} masks, one for each CPU, not ${sets.length}`);
  }
  checkMemory(config, problems);
  checkImages(config, problems);
}

function checkMemory(config: VmConfig, problems: string[]): void {
  const ranges: { path: string; range: AddrRange }[] = config.kernel.memory_regions.map(({ gpa, size }, index) => ({
    path: `kernel.memory_regions[${index}]`,
    range: { start: gpa, size },
  }));
  if (ranges.length === 0) problems.push("kernel.memory_regions: must have a region: a VM without memory cannot run");
  const windows = config.devices.emu_devices.filter(({ emu_type }) => emu_type === EMU_TYPE_IVC_CHANNEL);
  if (windows.length > 1) {
    const names = windows.map(({ name }) => show(name)).join(" and ");
    problems.push(
      `devices.emu_devices: ${names} are both channel windows, but a VM can have one; give it both their sizes`,
    );
  }
  const total = ranges.reduce((sum, { range }) => sum + range.size, 0);
  if (total > MAX_MEMORY) {
    problems.push(`kernel.memory_regions: are ${total} bytes in all, but a VM can have ${MAX_MEMORY} (3 GiB) at most`);
  }
  for (const [index, { base_gpa, length }] of config.devices.emu_devices.entries()) {
    if (length > 0) ranges.push({ path: `devices.emu_devices[${index}]`, range: { start: base_gpa, size: length } });
  }
  for (const [index, { path, range }] of ranges.entries()) {
    if (range.size === 0) problems.push(`${path}.size: must not be 0`);
    const other = ranges.slice(0, index).find((earlier) => overlaps(earlier.range, range));
    if (other) problems.push(`${path}: ${showRange(range)} overlaps ${other.path}, ${showRange(other.range)}`);
  }
}

function checkImages(config: VmConfig, problems: string[]): void {
  const { kernel, base } = config;
  for (
    const [bytes, path] of [["image", "kernel_path"], ["bios", "bios_path"], ["dtb", "dtb_path"], [
      "ramdisk",
      "ramdisk_path",
    ]]
  ) {
    const source = kernel as unknown as Record<string, unknown>;
    if (source[bytes] !== undefined && source[path] !== undefined) {
      problems.push(`kernel.${bytes}: is given together with kernel.${path}; give one of them`);
    }
    if (kernel.image_location === "memory" && source[path] !== undefined) {
      problems.push(`kernel.${path}: does not agree with image_location "memory": give kernel.${bytes}, or "fs"`);
    }
    if (kernel.image_location === "fs" && source[bytes] !== undefined) {
      problems.push(`kernel.${bytes}: does not agree with image_location "fs": give kernel.${path}, or "memory"`);
    }
  }
  const hasKernel = kernel.image !== undefined || kernel.kernel_path !== undefined;
  const hasBios = kernel.bios !== undefined || kernel.bios_path !== undefined;
  if (!hasKernel && !(hasBios && base.mode === "machine")) {
    problems.push("kernel.kernel_path: is missing: name the kernel's file, or give its bytes as kernel.image");
  }
  checkAddresses(kernel, problems);
}

function checkAddresses(kernel: KernelConfig, problems: string[]): void {
  const owners = { kernel: "image", bios: "bios", dtb: "dtb", ramdisk: "ramdisk" } as const;
  const source = kernel as unknown as Record<string, unknown>;
  for (const [name, bytes] of Object.entries(owners)) {
    const address = source[`${name}_load_addr`] as number | undefined;
    if (address === undefined) continue;
    if (source[bytes] === undefined && source[`${name}_path`] === undefined) {
      problems.push(`kernel.${name}_load_addr: there is no ${name} to load; give kernel.${name}_path, or leave it out`);
    }
    checkInRam(kernel, `kernel.${name}_load_addr`, address, problems);
  }
  if (kernel.entry_point !== undefined) checkInRam(kernel, "kernel.entry_point", kernel.entry_point, problems);
}

function checkInRam(kernel: KernelConfig, path: string, address: number, problems: string[]): void {
  if (kernel.memory_regions.some(({ gpa, size }) => containsRange({ start: gpa, size }, address, 1))) return;
  const regions = kernel.memory_regions.map(({ gpa, size }) => showRange({ start: gpa, size })).join(", ");
  problems.push(`${path}: ${hex(address)} is not in RAM (${regions})`);
}

function showRange({ start, size }: AddrRange): string {
  return `${hex(start)}-${hex(start + size - 1)}`;
}
