/**
 * A Debian VM for the end-to-end tests: built through the public API, one command over the run disk.
 *
 * @module
 */
import { defaultCacheDir, LINUX_COMMAND_LINE, prepareLinux, prepareOpensbi, RunDisk } from "../../cli/linux/mod.ts";
import { createDenoHost } from "../../host/deno.ts";
import { type AxVM, Hypervisor, riscv, virtBoard } from "../../mod.ts";

/** How a Debian VM is made. */
export interface DebianOptions {
  /** Shell command; left out: the interactive shell. */
  readonly command?: string;
  /** Boots Debian's OpenSBI in machine mode first. */
  readonly firmware?: boolean;
  /** Virtual time. */
  readonly virtual?: boolean;
  /** Virtual CPUs (default 1). */
  readonly cpus?: number;
  /** Who executes it; left out: the default engine. */
  readonly engine?: string;
}

/** A Debian VM and what its command says. */
export interface DebianVm {
  /** The VM, ready to run. */
  readonly vm: AxVM;
  /** Standard output of the command so far. */
  output(): string;
  /** Exit status of the command. */
  status(): number | undefined;
  /** What the console showed so far. */
  console(): string;
}

/** Builds a VM that keeps its writes to the root disk in memory. */
export async function createDebian(options: DebianOptions): Promise<DebianVm> {
  const cacheDir = defaultCacheDir();
  const progress = (line: string) => console.error(line);
  const files = await prepareLinux({ cacheDir, progress });
  const decoder = new TextDecoder();
  let output = "";
  let shown = "";
  const nonce = "debian-test";
  const run = options.command === undefined ? undefined : new RunDisk({
    command: options.command,
    nonce,
    onOutput: (bytes) => output += decoder.decode(bytes),
    onError: (bytes) => output += decoder.decode(bytes),
  });
  const firmware = options.firmware === true
    ? { bios: Deno.readFileSync((await prepareOpensbi({ cacheDir, progress })).bin), bios_load_addr: 0x8000_0000 }
    : {};
  const hypervisor = new Hypervisor({ architectures: [riscv], host: createDenoHost() });
  const vm = await hypervisor.createVm({
    base: { cpu_num: options.cpus ?? 1, mode: options.firmware === true ? "machine" : "guest" },
    kernel: {
      ...firmware,
      image: Deno.readFileSync(files.kernel),
      ramdisk: Deno.readFileSync(files.initrd),
      cmdline: LINUX_COMMAND_LINE,
      memory_regions: [{ gpa: 0x8000_0000, size: 512 * 2 ** 20 }],
    },
    arch: { engine: options.engine },
    clock: { kind: options.virtual === true ? "virtual" : "real" },
    plugins: [{
      use: virtBoard,
      options: { disks: [{ path: files.disk, mode: "overlay" }, ...(run === undefined ? [] : [{ backend: run }])] },
    }],
  }, { base: import.meta.url });
  vm.console().onOutput((bytes) => shown += decoder.decode(bytes.slice()));
  return { vm, output: () => output, status: () => run?.status, console: () => shown };
}
