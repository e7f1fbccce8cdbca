/**
 * `denovisor check`: says whether a VM's TOML file is right, by building the VM without running it or touching its disks.
 *
 * @module
 */
import { Hypervisor, riscv } from "../mod.ts";
import { createDenoHost } from "../host/deno.ts";
import type { Terminal } from "../host/terminal.ts";
import { readConfigFile } from "./config_file.ts";
import { say } from "./session.ts";

/**
 * Checks a TOML file: keys and values, images, plugins, addresses.
 *
 * @throws {HypervisorError} that says what is wrong
 */
export async function check(path: string, terminal: Terminal): Promise<number> {
  const { config, base } = await readConfigFile(path);
  const host = createDenoHost({ log: (message) => say(terminal, message), lockDisks: false, diskMode: "ro" });
  await using hypervisor = new Hypervisor({ architectures: [riscv], host });
  const vm = await hypervisor.createVm(config, { base });
  // Loads the images into RAM and executes nothing.
  await vm.run({ maxSteps: 0 });
  const { base: { cpu_num }, kernel: { memory_regions }, plugins } = vm.config;
  const mebibytes = memory_regions.reduce((sum, { size }) => sum + size, 0) / 2 ** 20;
  const line = `${path} is right: VM "${vm.name}", ${count(cpu_num, "CPU")}, ${mebibytes} MiB of RAM, ` +
    `${count(plugins.length, "plugin")}, ${count(vm.devices.length, "device")}\n`;
  terminal.write(new TextEncoder().encode(line));
  return 0;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
