/** Takes the kernel, its modules, busybox and OpenSBI's firmware out of Debian packages (deb(5)). @module */

import { BOOT_MODULES, DISK_MODULES, type GuestParts, type KernelModule } from "./assemble.ts";
import { HostToolError, runTool, streamTool, toolFailure } from "./host_tools.ts";
import { insertionOrder, moduleName, readModuleInfo } from "./modules.ts";
import { readTarMembers } from "./tar.ts";

/** The parts of a kernel package. */
export interface KernelPackage {
  /** The kernel's release. */
  readonly version: string;
  /** The boot image. */
  readonly image: Uint8Array;
  /** The guest's modules, decompressed, by name. */
  readonly modules: ReadonlyMap<string, KernelModule>;
}

const MODULE_PATH = /^(?:usr\/)?lib\/modules\/([^/]+)\/(kernel\/.*\.ko)(\.xz)?$/;
/** The members of a kernel package where the guest's modules and their dependencies are; all others are skipped over. */
const WANTED =
  /^boot\/vmlinu[xz]-|\/kernel\/(arch|block|crypto|drivers\/(block|char|virtio)|fs\/(ext4|jbd2|[^/]*$)|lib|virt)(\/|$)/;

/**
 * Unpacks a kernel package.
 *
 * @param work An existing folder for temporary files.
 * @throws {HostToolError} when a tool is missing or the package is not as expected.
 */
export async function unpackKernel(deb: string, work: string): Promise<KernelPackage> {
  const members = await unpack(deb, (path) => WANTED.test(path));
  const boot = [...members.keys()].find((path) => path.startsWith("boot/vmlinu"));
  const image = boot === undefined ? undefined : members.get(boot);
  if (boot === undefined || image === undefined) throw new HostToolError(`No kernel image in the package '${deb}'`);
  const version = boot.replace(/^boot\/vmlinu[xz]-/, "");
  const packed = new Map<string, string>();
  for (const path of members.keys()) if (MODULE_PATH.test(path)) packed.set(moduleName(path), path);

  const modules = new Map<string, KernelModule>();
  const load = async (name: string): Promise<void> => {
    if (modules.has(name)) return;
    const path = packed.get(name);
    if (path === undefined) throw new HostToolError(`No module '${name}' in the kernel package '${deb}'`);
    const module = await decompressModule(path, members.get(path) ?? new Uint8Array(), work);
    modules.set(name, module);
    for (const dependency of module.info.depends) await load(moduleName(dependency));
  };
  // What other kernels have built in, or no longer have, is not missed; what ext4 needs is asked for by ext4.
  for (const name of [...BOOT_MODULES, ...DISK_MODULES]) if (packed.has(name)) await load(name);
  return { version, image, modules: inOrder(modules) };
}

/** The static busybox of its package. */
export async function unpackBusybox(deb: string): Promise<Uint8Array> {
  const members = await unpack(deb, (path) => /^(usr\/)?bin\/busybox$/.test(path));
  const program = [...members.values()][0];
  if (program === undefined) throw new HostToolError(`No busybox program in the package '${deb}'`);
  return program;
}

/** OpenSBI's generic 64-bit jump firmware, as ELF and as flat binary. */
export async function unpackOpensbi(deb: string): Promise<{ elf: Uint8Array; bin: Uint8Array }> {
  const members = await unpack(deb, (path) => /riscv64[^/]*\/opensbi\/generic\/fw_jump\.(elf|bin)$/.test(path));
  const of = (suffix: string): Uint8Array => {
    const found = [...members].find(([path]) => path.endsWith(suffix));
    if (found === undefined) throw new HostToolError(`No fw_jump${suffix} in the package '${deb}'`);
    return found[1];
  };
  return { elf: of(".elf"), bin: of(".bin") };
}

/** Puts the parts of two packages together. */
export function guestParts(kernel: KernelPackage, busybox: Uint8Array): GuestParts {
  return { kernelVersion: kernel.version, busybox, modules: kernel.modules };
}

function unpack(deb: string, wants: (path: string) => boolean): Promise<Map<string, Uint8Array>> {
  return streamTool("dpkg-deb", ["--fsys-tarfile", deb], (stream) => readTarMembers(stream, wants));
}

async function decompressModule(path: string, packed: Uint8Array, work: string): Promise<KernelModule> {
  const match = MODULE_PATH.exec(path);
  const short = match?.[2] ?? path;
  const data = match?.[3] === undefined ? packed : await unxz(packed, work);
  return { info: readModuleInfo(data, short), path: short, data };
}

async function unxz(packed: Uint8Array, work: string): Promise<Uint8Array> {
  const file = `${work}/module.ko`;
  await Deno.writeFile(`${file}.xz`, packed);
  const result = await runTool("xz", ["--decompress", "--force", `${file}.xz`]);
  if (result.code !== 0) throw new HostToolError(toolFailure("xz", [], result.code, result.stderr));
  return await Deno.readFile(file);
}

function inOrder(modules: ReadonlyMap<string, KernelModule>): Map<string, KernelModule> {
  const infos = new Map([...modules].map(([name, { info }]) => [name, info]));
  const ordered = new Map<string, KernelModule>();
  for (const name of insertionOrder([...modules.keys()], infos)) {
    const module = modules.get(name);
    if (module !== undefined) ordered.set(name, module);
  }
  return ordered;
}
