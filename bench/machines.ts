/**
 * The two machines that are compared, and how each runs the benchmark's guest.
 *
 * @module
 */
import { HypervisorError } from "../core/errors.ts";
import project from "../deno.json" with { type: "json" };
import { type ProcessResult, timeProcess } from "./process.ts";

const PROJECT = new URL("../", import.meta.url);

/** The path of a file of the project. */
export function projectPath(path: string): string {
  return decodeURIComponent(new URL(path, PROJECT).pathname);
}

/** The guest of all rows. */
export const BENCH_IMAGE: string = projectPath("bench/guests/bench.elf");

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

/** The program that is measured: what `deno task build` writes, as QEMU is measured as it was built. */
export const BUILT: string = /--output (\S+)/.exec(project.tasks.build)![1];

/** The program as `deno task denovisor` runs it, from its sources. */
export const SOURCES: string = project.tasks.denovisor.split(" ").at(-1)!;

/** The command that runs a kernel on ours, with the permissions and flags of `deno task denovisor`. */
export function oursCommand(
  { kernel, memory = MEMORY, append, initrd, disk }: MachineOptions,
  engine: string,
  program = BUILT,
): string[] {
  const start = project.tasks.denovisor.split(" ").slice(1, -1);
  const command = [Deno.execPath(), ...start, projectPath(program), "run", kernel, "--memory", memory];
  if (append !== undefined) command.push(`--append=${append}`);
  if (initrd !== undefined) command.push("--initrd", initrd);
  if (disk !== undefined) command.push("--disk", `${disk},overlay`);
  return [...command, "--engine", engine];
}

/** What the guest said at its end. */
export interface GuestResult {
  /** How much work it was. */
  readonly size: number;
  /** What came out. */
  readonly checksum: string;
}

/** The result that a row printed; undefined if it printed none. */
export function guestResult(output: string, row: string): GuestResult | undefined {
  const match = /^(\w+):(\d+) checksum (0x[0-9a-f]{16})$/m.exec(output);
  return match?.[1] === row.split(":", 1)[0] ? { size: Number(match[2]), checksum: match[3] } : undefined;
}

/** The result of a process that ran the guest. @throws {HypervisorError} if it ended without one */
function requireResult({ code, output, errors }: ProcessResult, who: string, row: string): GuestResult {
  const result = guestResult(output, row);
  if (code === 0 && result !== undefined) return result;
  const said = `${output}${errors}`.trim().split("\n").slice(-3).join("\n");
  throw new HypervisorError(`The row "${row}" ended on ${who} with exit code ${code} and no checksum:\n${said}`);
}

/** What a row took. */
export interface RowRun {
  /** Seconds of CPU time of QEMU. */
  readonly qemu: number;
  /** Seconds of CPU time of ours. */
  readonly ours: number;
  /** How much work it was. */
  readonly size: number;
}

/** Runs a row once on both. @throws {HypervisorError} if they do not compute the same */
export async function runRow(row: string, engine: string): Promise<RowRun> {
  const options = { kernel: BENCH_IMAGE, append: row };
  const qemu = await timeProcess(qemuCommand(options));
  const expected = requireResult(qemu, "QEMU", row);
  const ours = await timeProcess(oursCommand(options, engine));
  const { checksum } = requireResult(ours, "ours", row);
  if (checksum !== expected.checksum) {
    throw new HypervisorError(`The row "${row}" gives ${expected.checksum} on QEMU and ${checksum} on ours`);
  }
  return { qemu: qemu.cpu, ours: ours.cpu, size: expected.size };
}
