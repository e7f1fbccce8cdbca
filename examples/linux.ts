/**
 * Boots Debian's kernel and drives its shell from TypeScript. `deno task linux` must have run once: it fetches the kernel.
 *
 * Run it with `deno run --allow-read=.cache/linux examples/linux.ts`. Writes of the guest stay in memory.
 *
 * @module
 */
import { defaultCacheDir, LINUX_COMMAND_LINE, prepareLinux } from "../cli/linux/mod.ts";
import { createDenoHost } from "../host/deno.ts";
import { Hypervisor, riscv, virtBoard } from "../mod.ts";

/** The shell's prompt. */
const PROMPT = "# ";

const files = await prepareLinux({ cacheDir: defaultCacheDir(), progress: () => {} }).catch(() => {
  console.error(`There is no kernel in ${defaultCacheDir()}; run "deno task linux" once`);
  Deno.exit(1);
});

await using hypervisor = new Hypervisor({ architectures: [riscv], host: createDenoHost() });
const vm = await hypervisor.createVm({
  kernel: {
    kernel_path: files.kernel,
    ramdisk_path: files.initrd,
    cmdline: LINUX_COMMAND_LINE,
    memory_regions: [{ gpa: 0x8000_0000, size: 256 * 2 ** 20 }],
  },
  plugins: [{ use: virtBoard, options: { disks: [{ path: files.disk, mode: "overlay" }], rng: true } }],
}, { base: import.meta.url });

const shell = vm.console();
const ended = vm.run();
await shell.waitFor(PROMPT);
for (const command of ["uname -sm", "grep -m1 isa /proc/cpuinfo", "mount | grep vda"]) {
  shell.write(`${command}\n`);
  await shell.waitFor("\n");
  const answer = await shell.waitFor(PROMPT);
  console.log(`${command}: ${answer.slice(0, answer.lastIndexOf("\n")).trim()}`);
}
shell.write("poweroff\n");
const { reason } = await ended;
console.log(`The guest ended by ${reason} after ${vm.statistics().exits.MmioWrite} writes to devices.`);
