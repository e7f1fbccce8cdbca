/** An idle guest sleeps: the host is left alone until something happens. @module */
import assert from "node:assert/strict";
import { createMinimalHost, type VmHost } from "../../core/vm_host.ts";
import { createGuest } from "./guest.ts";

/** A minimal host that counts how often a VM turns to it. */
function countingHost(): { host: VmHost; turns: () => number } {
  const minimal = createMinimalHost();
  let turns = 0;
  const host: VmHost = {
    ...minimal,
    yieldToHost: () => (turns++, minimal.yieldToHost()),
    sleep: (milliseconds) => (turns++, minimal.sleep(milliseconds)),
  };
  return { host, turns: () => turns };
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

for (const mode of ["guest", "machine"] as const) {
  Deno.test(`AxVM.run sleeps while its guest waits for an interrupt that only the outside can cause (${mode} mode)`, async () => {
    const { host, turns } = countingHost();
    const x = mode === "guest" ? "s" : "m";
    const plic = mode === "guest" ? 0xc002080 : 0xc002000;
    await using guest = await createGuest(
      `
      li t0,0xc000028     # priority of interrupt 10
      li t1,1
      sw t1,0(t0)
      li t0,${plic}
      li t1,1024
      sw t1,0(t0)
      li s0,0x10000000
      li t1,1
      sb t1,1(s0)         # receive interrupts
      li t0,0xa00
      csrs ${x}ie,t0
      wait:
      wfi
      lbu t1,5(s0)
      andi t1,t1,1
      beqz t1,wait
      lbu a0,0(s0)
      call putc
      j shutdown
      `,
      { mode, host: { host } },
    );
    const ended = guest.vm.run();
    await pause(30);
    const before = turns();
    assert.ok(before < 10, `${before} turns`);
    await pause(30);
    assert.equal(turns(), before, "it sleeps");
    guest.vm.console().write("x");
    assert.deepEqual(await ended, { reason: "shutdown", code: 0 });
    assert.equal(guest.output(), "x");
  });
}

Deno.test("AxVM.stop ends a guest that waits for nothing, and AxVM.pause makes it stand still", async () => {
  const { host, turns } = countingHost();
  await using guest = await createGuest("wait: wfi\nj wait", { host: { host } });
  const ended = guest.vm.run();
  await pause(5);
  await guest.vm.pause();
  assert.equal(guest.vm.status, "suspended");
  guest.vm.resume();
  await pause(5);
  await guest.vm.stop();
  assert.deepEqual(await ended, { reason: "stopped", code: 0 });
  assert.ok(turns() < 10);
});
