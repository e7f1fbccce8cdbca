/**
 * The smallest program: a guest that says hello and powers off.
 *
 * Run it with `deno run --allow-read=examples/guests/hello/hello.elf examples/hello.ts`. In a program of your own, import the address of `mod.ts`.
 *
 * @module
 */
import { Hypervisor, riscv, virtBoard } from "../mod.ts";

const hypervisor = new Hypervisor({ architectures: [riscv] });
const vm = await hypervisor.createVm({
  kernel: { kernel_path: "guests/hello/hello.elf" },
  plugins: [virtBoard],
}, { base: import.meta.url });
vm.console().onOutput((bytes) => void Deno.stdout.writeSync(bytes));
const { code } = await vm.run();
await hypervisor.dispose();
Deno.exit(code);
