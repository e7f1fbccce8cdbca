/** A device that no plugin brought is not there: the guest gets an access fault at its address. @module */
import assert from "node:assert/strict";
import { createGuest, type GuestOptions, runToEnd } from "./guest.ts";

/** Prints scause, stval and whether sepc is the access's, for a read and a write of the UART's address. */
const GUEST = `
  la t0,trap
  csrw stvec,t0
  li s0,0x10000000
  la s1,read
read:
  lbu a0,0(s0)
  la s1,write
write:
  sb a0,5(s0)
  j shutdown
.align 2
trap:
  csrr a0,scause
  call puthex
  csrr a0,stval
  call puthex
  csrr a0,sepc
  sub a0,a0,s1
  call puthex
  csrr t0,sepc
  addi t0,t0,4
  csrw sepc,t0
  sret
`;

const FAULTS = [
  "0000000000000005", // load access fault
  "0000000010000000",
  "0000000000000000",
  "0000000000000007", // store access fault
  "0000000010000005",
  "0000000000000000",
].join("\n") + "\n";

async function printed(options: GuestOptions): Promise<string> {
  await using guest = await createGuest(GUEST, options);
  return await runToEnd(guest);
}

Deno.test("a guest on a virt_board without the uart gets access faults at 0x10000000", async () => {
  assert.equal(await printed({ board: { without: ["uart"] } }), FAULTS);
});

Deno.test("a guest on a whole virt_board gets none there", async () => {
  assert.doesNotMatch(await printed({}), /0000/);
});
