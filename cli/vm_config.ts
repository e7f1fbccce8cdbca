/**
 * From a command line to the configuration of a VM: the default board around an image, or a TOML file that options change.
 *
 * @module
 */
import { type BlockMode, HypervisorError, type PluginConfig, virtBoard, type VmConfigInput } from "../mod.ts";
import { isTable } from "../core/config_checks.ts";
import { readConfigFile } from "./config_file.ts";
import { type CommonOptions, type DiskOption, isConfigFile, type RunCommand } from "./options.ts";
import { absolutePath, callerFolder, escapePath, folderUrl, isAddress, requireFile } from "./paths.ts";

/** Start of RAM on the default board. */
const RAM_START = 0x8000_0000;

/** Bytes of RAM of a VM that says nothing. */
const DEFAULT_MEMORY = 256 * 2 ** 20;

/** A configuration and what its relative paths are relative to. */
export interface VmSource {
  /** The configuration. */
  readonly config: VmConfigInput | Record<string, unknown>;
  /** Base of relative paths. */
  readonly base: URL;
}

/** A disk of the default board. */
export type BoardDisk = { readonly path: string; readonly mode: BlockMode } | { readonly backend: object };

/** Makes the configuration that a command line describes. */
export async function configure(command: RunCommand): Promise<VmSource> {
  const { target } = command;
  requireFiles(command);
  if (target !== undefined && isConfigFile(target)) {
    const { config, base } = await readConfigFile(target);
    return { config: overridden(config, command), base };
  }
  return {
    config: boardConfig(command, { ...kernelKeys(command), ...imageKeys(command) }, {
      disks: command.disks.map(diskEntry),
      plugins: command.plugins,
    }),
    base: folderUrl(callerFolder()),
  };
}

/** A VM with the default board and a source of random numbers. */
export function boardConfig(
  { memory = DEFAULT_MEMORY, cpus = 1, engine, codeCache, virtualTime, mode = "guest" }:
    & CommonOptions
    & Pick<RunCommand, "mode">,
  kernel: Record<string, unknown>,
  { disks, plugins = [] }: {
    readonly disks: readonly BoardDisk[];
    readonly plugins?: readonly (PluginConfig | string)[];
  },
): VmConfigInput {
  return {
    base: { cpu_num: cpus, mode },
    kernel: { memory_regions: [{ gpa: RAM_START, size: memory }], ...kernel },
    plugins: [{ use: virtBoard, options: { disks, rng: true } }, ...plugins],
    arch: given(archKeys({ engine, codeCache })),
    clock: { kind: virtualTime ? "virtual" : "real" },
  };
}

function diskEntry({ path, mode }: DiskOption): BoardDisk {
  return { path: absolutePath(path), mode };
}

/** Says in one sentence what is wrong with a file before anything else happens. */
function requireFiles({ target, bios, kernel, initrd, dtb }: RunCommand): void {
  const files = { "the image": target, "--bios": bios, "--kernel": kernel, "--initrd": initrd, "--dtb": dtb };
  for (const [what, path] of Object.entries(files)) {
    if (path !== undefined && !isConfigFile(path)) requireFile(path, callerFolder(), what);
  }
}

/** The image of the command line is the kernel, unless a machine starts with it and a kernel follows. */
function imageKeys({ target, bios, kernel, mode, loadAddress }: RunCommand): Record<string, unknown> {
  const firmware = mode === "machine" ? bios ?? (kernel === undefined ? undefined : target) : undefined;
  const program = kernel ?? (firmware === target ? undefined : target);
  const keys: Record<string, unknown> = {};
  if (firmware !== undefined) keys.bios_path = escapePath(firmware);
  if (program !== undefined) keys.kernel_path = escapePath(program);
  if (loadAddress !== undefined) {
    const isFirmware = target === undefined ? program === undefined : firmware === target;
    keys[isFirmware ? "bios_load_addr" : "kernel_load_addr"] = loadAddress;
  }
  return keys;
}

function kernelKeys({ initrd, dtb, append }: RunCommand): Record<string, unknown> {
  const keys: Record<string, unknown> = {};
  if (initrd !== undefined) keys.ramdisk_path = escapePath(initrd);
  if (dtb !== undefined) keys.dtb_path = escapePath(dtb);
  if (append !== undefined) keys.cmdline = append;
  return keys;
}

/** A TOML's configuration with the options of the command line in place of its own. Paths of options are the caller's. */
function overridden(config: Record<string, unknown>, command: RunCommand): Record<string, unknown> {
  const { mode, memory, cpus, bios, kernel, initrd, dtb, append, loadAddress, virtualTime } = command;
  const path = (value: string | undefined): string | undefined =>
    value === undefined || isAddress(value) ? value : escapePath(absolutePath(value));
  const result = { ...config };
  change(result, "base", { mode, cpu_num: cpus });
  change(result, "kernel", {
    bios_path: path(bios),
    kernel_path: path(kernel),
    ramdisk_path: path(initrd),
    dtb_path: path(dtb),
    cmdline: append,
    kernel_load_addr: loadAddress,
    memory_regions: memory === undefined ? undefined : [{ gpa: RAM_START, size: memory }],
  });
  change(result, "arch", archKeys(command));
  if (virtualTime) {
    if (typeof result.clock === "string") delete result.clock;
    change(result, "clock", { kind: "virtual" });
  }
  addPlugins(result, command);
  return result;
}

/** Sets keys of a section; a section that is no table stays as it is, for the validation to complain about. */
function change(config: Record<string, unknown>, section: string, keys: Record<string, unknown>): void {
  const changes = given(keys);
  const table = config[section] ?? {};
  if (Object.keys(changes).length > 0 && isTable(table)) config[section] = { ...table, ...changes };
}

/** The keys that have a value. */
function given(keys: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}

/** Keys of the `[arch]` table. */
function archKeys({ engine, codeCache }: Pick<CommonOptions, "engine" | "codeCache">): Record<string, unknown> {
  return { engine, code_cache: codeCache };
}

function addPlugins(config: Record<string, unknown>, { disks, plugins }: RunCommand): void {
  const listed = config.plugins ?? [];
  if (!Array.isArray(listed)) return;
  const folder = folderUrl(callerFolder());
  const added = plugins.map((use) => isAddress(use) ? use : new URL(escapePath(use), folder).href);
  const own = disks.length === 0 ? listed : addDisks(listed, disks.map(diskEntry));
  if (added.length > 0 || disks.length > 0) config.plugins = [...own, ...added];
}

/** Disks of the command line go to the board, which has the slots. */
function addDisks(plugins: readonly unknown[], disks: readonly BoardDisk[]): unknown[] {
  const use = (plugin: unknown): unknown => isTable(plugin) ? plugin.use : plugin;
  const index = plugins.findIndex((plugin) => String(use(plugin)).endsWith("virt_board.ts"));
  if (index < 0) {
    throw new HypervisorError(
      'Option "--disk" needs a board with free slots, and the TOML loads no virt_board.ts; add a [[plugins]] entry for the disk',
    );
  }
  const options = isTable(plugins[index]) && isTable(plugins[index].options) ? plugins[index].options : {};
  const earlier = Array.isArray(options.disks) ? options.disks : [];
  const changed = { ...(isTable(plugins[index]) ? plugins[index] : {}), use: use(plugins[index]) };
  return plugins.with(index, { ...changed, options: { ...options, disks: [...earlier, ...disks] } });
}
