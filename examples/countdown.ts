/**
 * A device of our own with an interrupt: loads `plugins/countdown.ts` by its address and runs a guest that sleeps until it rings.
 *
 * Run it with `deno run --allow-read=examples/plugins/countdown.ts examples/countdown.ts`.
 *
 * @module
 */
import { Hypervisor, riscv, virtBoard } from "../mod.ts";

/** The guest, in S-mode without paging: the PLIC is at 0xc000000, the device at 0x10009000 on wire 12. */
export const GUEST: readonly (readonly [word: number, assembly: string])[] = [
  [0x0c000437, "lui s0,0xc000"], // the PLIC
  [0x00100293, "addi t0,zero,1"],
  [0x02542823, "sw t0,48(s0)"], // priority of wire 12
  [0x0c0024b7, "lui s1,0xc002"],
  [0x00001337, "lui t1,0x1"],
  [0x0864a023, "sw t1,128(s1)"], // hart 0's S-mode listens to wire 12
  [0x0c201937, "lui s2,0xc201"],
  [0x00092023, "sw zero,0(s2)"], // with any priority
  [0x20000393, "addi t2,zero,512"],
  [0x1043a073, "csrrs zero,sie,t2"], // external interrupts end a wfi
  [0x100099b7, "lui s3,0x10009"], // the device
  [0x01900513, "addi a0,zero,25"],
  [0x00a9a023, "sw a0,0(s3)"], // ring in 25 ms
  [0x10500073, "wfi"],
  [0x00492503, "lw a0,4(s2)"], // which wire is it?
  [0x0059a223, "sw t0,4(s3)"], // acknowledge at the device
  [0x00a92223, "sw a0,4(s2)"], // and at the PLIC
  [0x02150513, "addi a0,a0,33"], // 12 + 33 is "-" in ASCII
  [0x00200813, "addi a6,zero,2"],
  [0x444248b7, "lui a7,0x44424"],
  [0x34e88893, "addi a7,a7,846"],
  [0x00000073, "ecall"], // SBI debug console: write a byte
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
    plugins: [virtBoard, "plugins/countdown.ts"],
  }, { base: import.meta.url });
  const printed = vm.console().waitFor("-");
  const { reason } = await vm.run();
  // Without services of a host time is virtual, so this is the same wherever it runs.
  console.log(
    `The guest printed "${await printed}" and ended by ${reason} after ${vm.ticks / 10_000} ms of virtual time.`,
  );
}
