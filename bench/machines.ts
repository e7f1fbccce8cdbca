/**
 * The two machines that are compared, and how each runs the benchmark's guest.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";
import { type ProcessResult, timeProcess } from "./process.ts";

const PROJECT = new URL("../", import.meta.url);

/** The guest of all rows. */
export const BENCH_IMAGE: string = new URL("bench/guests/bench.elf", PROJECT).pathname;

/** RAM of the rows' machines. */
const MEMORY = "256M";

/** Name of the program that ours is compared with. */
export const QEMU = "qemu-system-riscv64";

/** What both machines are given. */
export interface MachineOptions {
  /** The kernel. */
  readonly kernel: string;
  /** RAM, 256 MiB if not said. */
  readonly memory?: string;
  /** Command line of the kernel. */
  readonly append?: string;
  /** Initial RAM disk. */
  readonly initrd?: string;
  /** Disk whose writes are forgotten. */
  readonly disk?: string;
}

/** The command that runs a kernel on QEMU. */
export function qemuCommand({ kernel, memory = MEMORY, append, initrd, disk }: MachineOptions): string[] {
  const command = [QEMU, "-M", "virt", "-m", memory, "-nographic", "-bios", "default", "-kernel", kernel];
  if (append !== undefined) command.push("-append", append);
  if (initrd !== undefined) command.push("-initrd", initrd);
  if (disk !== undefined) {
    command.push("-global", "virtio-mmio.force-legacy=false");
    command.push("-drive", `file=${disk.replaceAll(",", ",,")},if=none,format=raw,id=disk,snapshot=on`);
    command.push("-device", "virtio-blk-device,drive=disk");
  }
  return command;
}

/** The command that runs a kernel on ours, as `deno task denovisor` does. */
export function oursCommand(
  { kernel, memory = MEMORY, append, initrd, disk }: MachineOptions,
  engine: string,
): string[] {
  const permissions = ["--allow-read", "--allow-write", "--allow-import", "--allow-env=INIT_CWD,DENOVISOR_DEBUG"];
  const main = new URL("cli/main.ts", PROJECT).pathname;
  const command = [Deno.execPath(), "run", ...permissions, main, "run", kernel, "--memory", memory];
  if (append !== undefined) command.push(`--append=${append}`);
  if (initrd !== undefined) command.push("--initrd", initrd);
  if (disk !== undefined) command.push("--disk", `${disk},overlay`);
  return [...command, "--engine", engine];
}

/** The line with which the guest ends; undefined if it did not say it. */
export function checksumLine(output: string): string | undefined {
  return /^\w+:\d+ checksum 0x[0-9a-f]{16}$/m.exec(output)?.[0];
}

/** What a row took on one machine. */
export interface GuestRun {
  /** Seconds of CPU time. */
  readonly cpu: number;
  /** Name, size and checksum. */
  readonly checksum: string;
}

/** The outcome of a process that ran the guest. @throws {HypervisorError} if it did not end with a checksum */
function guestRun({ cpu, code, output, errors }: ProcessResult, who: string, row: string): GuestRun {
  const checksum = checksumLine(output);
  if (code === 0 && checksum !== undefined) return { cpu, checksum };
  const said = `${output}${errors}`.trim().split("\n").slice(-3).join("\n");
  throw new HypervisorError(`The row "${row}" ended on ${who} with exit code ${code} and no checksum:\n${said}`);
}

/** Runs a row once on both. @throws {HypervisorError} if they do not compute the same */
export async function runRow(row: string, engine: string): Promise<{ qemu: number; ours: number }> {
  const options = { kernel: BENCH_IMAGE, append: row };
  const theirs = guestRun(await timeProcess(qemuCommand(options)), "QEMU", row);
  const ours = guestRun(await timeProcess(oursCommand(options, engine)), "ours", row);
  if (theirs.checksum !== ours.checksum) {
    throw new HypervisorError(`QEMU says "${theirs.checksum}", ours says "${ours.checksum}"`);
  }
  return { qemu: theirs.cpu, ours: ours.cpu };
}
