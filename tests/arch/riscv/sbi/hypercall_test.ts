/** Hypercalls of real guests: two VMs that share a channel. @module */
import assert from "node:assert/strict";
import { riscv } from "../../../../arch/riscv/mod.ts";
import { Hypervisor } from "../../../../core/hypervisor.ts";
import { assemble } from "../../../integration/assembler.ts";
import { ENTRY, guestConfig, RAM } from "../../../integration/guest.ts";

/** What both guests end with: results are left in memory. */
const COMMON = `
  li a0,0
  li a1,0
  li a6,0
  li a7,0x53525354
  ecall
.align 3
base:
  .dword 0
size:
  .dword 5000
results:
  .space 40
`;

const PUBLISHER = `
  la s0,results
  li a0,7
  la a1,base
  mv s1,a1
  la a2,size
  li a6,3
  li a7,0x485643
  ecall
  sd a0,0(s0)        # 0
  sub a1,a1,s1
  sd a1,8(s0)        # 0: a1 stays as it was
  li a0,7
  la a1,base
  ecall
  sd a0,16(s0)       # -1: it is published already
  li a6,2
  ecall
  sd a0,24(s0)       # -2: nobody disables the hypervisor
  li a6,7
  ecall
  sd a0,32(s0)       # -2
  la t0,base
  ld t0,0(t0)
  li t1,0xcafe
  sd t1,16(t0)
`;

const SUBSCRIBER = `
  la s0,results
  li a0,0
  li a1,7
  la a2,base
  la a3,size
  li a6,4
  li a7,0x485643
  ecall
  sd a0,0(s0)        # 0
  la t0,base
  ld t0,0(t0)
  ld t1,8(t0)
  sd t1,8(s0)        # the key
  ld t1,16(t0)
  sd t1,16(s0)       # what the publisher wrote
  li a0,0
  li a1,7
  li a6,6
  ecall
  sd a0,24(s0)       # 0: left
  ecall
  sd a0,32(s0)       # -1: it has left already
`;

Deno.test("HVC: a guest publishes a channel that a guest of another VM reads", async () => {
  const hypervisor = new Hypervisor({ architectures: [riscv], sharedMemory: 256 * 2 ** 20 });
  try {
    const printed: bigint[][] = [];
    for (const source of [PUBLISHER, SUBSCRIBER]) {
      const program = assemble(ENTRY, source + COMMON);
      const config = guestConfig(program, { memory: 16 * 2 ** 20 });
      const devices = { emu_devices: [["ivc", RAM + 0x4000_0000, 0x8000, 0, 10, []]] };
      const vm = await hypervisor.createVm({ ...config, devices });
      assert.deepEqual(await vm.run({ maxSteps: 10_000 }), { reason: "shutdown", code: 0 });
      const bytes = vm.memory.read(program.label("results"), 40)!;
      printed.push([...new BigInt64Array(bytes.slice().buffer)]);
    }
    assert.deepEqual(printed, [[0n, 0n, -1n, -2n, -2n], [0n, 7n, 0xcafen, 0n, -1n]]);
  } finally {
    await hypervisor.dispose();
  }
});
