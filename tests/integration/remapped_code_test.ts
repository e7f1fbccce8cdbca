/** `AddrSpace` under a running guest: code that is mapped away in the middle of an instruction. @module */
import assert from "node:assert/strict";
import { ENGINE_NAMES } from "../../arch/riscv/hart.ts";
import { MappingFlags } from "../../core/addrspace/nested_page_table.ts";
import type { AxVM } from "../../core/vm.ts";
import { changer, CHANGERS, DEVICE } from "./changer.ts";
import { createGuest, RAM } from "./guest.ts";

const { READ, EXECUTE } = MappingFlags;

async function remapCode(who: typeof CHANGERS[number], engine: string): Promise<void> {
  const place = RAM + 0x120_0000;
  const options: { vm?: AxVM } = {};
  const plugin = changer(who, 50, () => {
    const { space } = options.vm!;
    const host = space.translate(place + 4096)!;
    space.unmap(place, 4096);
    space.mapLinear(place, host, 4096, READ | EXECUTE);
  });
  await using guest = await createGuest(
    `
    li s0,${place}
    li s1,${DEVICE}
    li s2,${place + 4096}
    la t0,first
    la t1,first_end
    copy:
    lw t2,0(t0)
    sw t2,0(s0)
    sw t2,0(s2)
    addi t0,t0,4
    addi s0,s0,4
    addi s2,s2,4
    bltu t0,t1,copy
    la t0,second
    lw t0,0(t0)
    sw t0,-12(s2)   # the second page stops at the instruction behind the exit
    fence.i
    li t0,${place}
    jr t0
    first:
    sb zero,0(s1)
    addi s5,s5,1
    addi s6,s6,1
    j first
    first_end:
    second:
    j second
    `,
    { plugins: [plugin], arch: { engine } },
  );
  options.vm = guest.vm;
  await guest.advance(20_000);
  assert.equal(guest.vm.vcpus[0].arch.getGpr(21), 49n);
  assert.equal(guest.vm.vcpus[0].arch.getGpr(22), 49n);
  assert.equal(guest.vm.vcpus[0].arch.getPc(), BigInt(place + 4));
}

for (const who of CHANGERS) {
  Deno.test(`AddrSpace: a guest whose code is remapped under it by ${who} goes on in the new page at the next instruction`, async () => {
    for (const engine of ENGINE_NAMES) await remapCode(who, engine);
  });
}
