/**
 * A firmware service of our own: loads `plugins/greet_sbi.ts` by its address and runs a guest that calls it and prints the answer.
 *
 * Run it with `deno run --allow-read=examples/plugins/greet_sbi.ts examples/greet.ts`.
 *
 * @module
 */
import { Hypervisor, riscv, virtBoard } from "../mod.ts";

/** The guest, in S-mode: its buffer is 256 bytes behind its first instruction. */
export const GUEST: readonly (readonly [word: number, assembly: string])[] = [
  [0x00000417, "auipc s0,0x0"],
  [0x10040513, "addi a0,s0,256"], // where to write
  [0x00000593, "addi a1,zero,0"],
  [0x08000613, "addi a2,zero,128"], // room for so many bytes
  [0x00100813, "addi a6,zero,1"],
  [0x080008b7, "lui a7,0x8000"],
  [0x00188893, "addi a7,a7,1"],
  [0x00000073, "ecall"], // our extension, 0x08000001: greet
  [0x00058513, "addi a0,a1,0"], // as many bytes as it wrote
  [0x10040593, "addi a1,s0,256"],
  [0x00000613, "addi a2,zero,0"],
  [0x00000813, "addi a6,zero,0"],
  [0x444248b7, "lui a7,0x44424"],
  [0x34e88893, "addi a7,a7,846"],
  [0x00000073, "ecall"], // SBI debug console: write
  [0x00000513, "addi a0,zero,0"],
  [0x00000593, "addi a1,zero,0"],
  [0x00000813, "addi a6,zero,0"],
  [0x535258b7, "lui a7,0x53525"],
  [0x35488893, "addi a7,a7,852"],
  [0x00000073, "ecall"], // SBI system reset: power off
];

if (import.meta.main) {
  await using hypervisor = new Hypervisor({ architectures: [riscv] });
  const vm = await hypervisor.createVm({
    kernel: { image: new Uint8Array(Uint32Array.from(GUEST, ([word]) => word).buffer) },
    plugins: [virtBoard, { use: "plugins/greet_sbi.ts", options: { text: "Good morning, guest!\n" } }],
  }, { base: import.meta.url });
  vm.console().onOutput((bytes) => void Deno.stdout.writeSync(bytes));
  await vm.run();
}
