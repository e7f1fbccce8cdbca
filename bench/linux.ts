/**
 * Debian's boot to its shell, on QEMU and on ours: the same kernel, initial RAM disk, disk and command line.
 *
 * @module
 */
import { defaultCacheDir, LINUX_COMMAND_LINE, prepareLinux } from "../cli/linux/mod.ts";
import { HypervisorError } from "../core/errors.ts";
import type { MachineOptions } from "./machines.ts";
import { residentMemory, timeProcess } from "./process.ts";

/** What the shell prints when it waits. */
const PROMPT = "~ # ";

/** One boot. */
export interface Boot {
  /** Seconds of CPU time, the power-off included. */
  readonly cpu: number;
  /** Resident memory at the shell, in MiB. */
  readonly memory: number;
}

/**
 * The guest that `deno task linux` made, to be booted.
 *
 * @returns undefined if it has not made one
 * @throws {HypervisorError} if the guest is not whole
 */
export async function findDebian(): Promise<MachineOptions | undefined> {
  const cacheDir = defaultCacheDir();
  try {
    await Deno.stat(`${cacheDir}/guest.json`);
  } catch {
    return undefined;
  }
  try {
    const { kernel, initrd, disk } = await prepareLinux({ cacheDir, progress: () => {} });
    return { kernel, initrd, disk, memory: "512M", append: LINUX_COMMAND_LINE };
  } catch (error) {
    throw new HypervisorError(`The Debian guest cannot be used (${String(error)}); run "deno task linux" once`);
  }
}

/** Boots to the shell, looks at the memory, and powers off. @throws {HypervisorError} if the shell does not come */
export async function boot(command: readonly string[]): Promise<Boot> {
  let memory = 0;
  const { cpu, code, output, errors } = await timeProcess(command, async (output, type, pid) => {
    if (memory > 0 || !output.includes(PROMPT)) return;
    memory = await residentMemory(pid);
    await type("poweroff\n");
  });
  if (code === 0 && memory > 0) return { cpu, memory };
  throw new HypervisorError(`Debian's boot ended with exit code ${code}:\n${(output + errors).trim().slice(-1000)}`);
}
