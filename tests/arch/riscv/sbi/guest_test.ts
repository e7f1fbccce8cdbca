/** SBI calls of real guests: states of harts, wake-ups, faults, features and counters as a supervisor sees them. @module */
import assert from "node:assert/strict";
import { sbiExtension } from "../../../../arch/riscv/sbi/sbi.ts";
import type { Plugin } from "../../../../core/plugin_types.ts";
import { createGuest, type GuestOptions, runToEnd } from "../../../integration/guest.ts";

/** Calls for every guest: extension in a7, function in a6. `status` waits until hart a0 has status s10. */
const CALLS = `
status:
  mv s11,a0
status_again:
  mv a0,s11
  li a7,0x48534d
  li a6,2
  ecall
  bne a1,s10,status_again
  ret
send_ipi: # to hart a0
  mv t0,a0
  li a0,1
  mv a1,t0
  li a7,0x735049
  li a6,0
  ecall
  ret
start: # hart 1 at a1 with 0x1234567890 in its a1
  li a0,1
  li a2,0x1234567890
  li a7,0x48534d
  li a6,0
  ecall
  ret
`;

/** Runs a guest and gives the numbers that it prints. */
async function numbers(source: string, options: GuestOptions = {}): Promise<string[]> {
  await using guest = await createGuest(source + CALLS, options);
  const lines = (await runToEnd(guest)).trim().split("\n");
  return lines.map((line) => BigInt.asIntN(64, BigInt(`0x${line}`)).toString(16));
}

/** Starts, suspends, wakes, stops and restarts hart 1; prints what it found. `$TYPE` and `$AFTER` are filled in. */
const HSM_GUEST = `
    la a1,other
    call start
    call puthex        # 0
    la a1,other
    call start
    call puthex        # already available
    li a0,1
    li s10,4           # suspended
    call status
    li a0,1
    call send_ipi
    call puthex        # 0
    li a0,1
    li s10,1           # stopped
    call status
    la s0,results
    ld a0,0(s0)
    call puthex
    ld a0,8(s0)
    call puthex
    ld a0,16(s0)
    call puthex
    ld a0,24(s0)
    call puthex
    la a1,stop
    call start
    call puthex        # 0: it can start again
    li a0,1
    li s10,1
    call status
    j shutdown
  other:
    la s0,results
    sd a0,0(s0)
    sd a1,8(s0)
    csrsi sie,2
    csrsi sstatus,2
    la t0,stop         # where an interrupt would go: with SIE set it is taken after the call
    csrw stvec,t0
    li a0,$TYPE
    la a1,resumed
    li a2,77
    li a7,0x48534d
    li a6,3
    ecall
    $AFTER
  resumed:
    sd a0,16(s0)
    csrr t0,sstatus
    andi t0,t0,2
    csrr t1,satp
    or t0,t0,t1
    slli a1,a1,8
    or t0,t0,a1
    sd t0,24(s0)
  stop:
    li a7,0x48534d
    li a6,1
    ecall
    j stop
  .align 3
  results:
    .space 32
`;

/** Suspends the system, once in vain, until its timer fires. */
const SUSP_GUEST = `
    la a1,spin
    call start
    la a1,resumed
    li a0,0
    li a7,0x53555350
    li a6,0
    ecall
    call puthex        # denied
    la t0,go
    li t1,1
    sd t1,0(t0)
    li a0,1
    li s10,1
    call status
    li t0,32
    csrs sie,t0        # the timer may wake it
    csrsi sstatus,2
    csrr a0,time
    li t0,100000
    add a0,a0,t0
    mv s9,a0
    li a7,0x54494d45
    li a6,0
    ecall
    li a0,0
    la a1,resumed
    li a2,0x55
    li a7,0x53555350
    ecall
    j shutdown
  resumed:
    mv s8,a1
    call puthex        # hart 0
    mv a0,s8
    call puthex        # 55
    csrr a0,sstatus
    andi a0,a0,2
    call puthex        # 0
    csrr a0,sip
    andi a0,a0,32
    call puthex        # 20
    csrr a0,time
    sltu a0,a0,s9
    call puthex        # 0: not before the deadline
    j shutdown
  spin:
    la t0,go
  spin_again:
    ld t1,0(t0)
    beqz t1,spin_again
    li a7,0x48534d
    li a6,1
    ecall
  .align 3
  go:
    .dword 0
  `;

/** Takes cycle, instret and a firmware counter over. */
const PMU_GUEST = `
    la t0,trap
    csrw stvec,t0
    li s0,0            # cycle
    li s1,1
    call counter
    csrr s2,cycle
    csrr s3,cycle
    sub a0,s3,s2
    call puthex        # 0: it stands still
    li s0,2            # instret
    li s1,2
    call counter
    csrr s2,instret
    lbu t0,0(s7)       # the UART: an instruction that HS-mode finishes must not count it on
    csrr s3,instret
    sub a0,s3,s2
    call puthex        # 0
    li a0,2
    li a1,1
    li a2,1            # with an initial value
    li a3,1000
    li a7,0x504d55
    li a6,3
    ecall
    csrr s2,instret
    nop
    nop
    csrr s3,instret
    sub a0,s3,s2
    call puthex        # 3
    li t0,1000
    sub a0,s2,t0
    sltiu a0,a0,50
    call puthex        # 1
    li s0,1            # illegal instructions
    li s1,0xf0004
    call counter
    li a0,1
    li a1,1
    li a2,0
    li a6,3
    li a7,0x504d55
    ecall
    csrr t0,hstatus
    li a0,1
    li a6,5
    li a7,0x504d55
    ecall
    mv a0,a1
    call puthex        # 1
    j shutdown
  counter: # number s0, event s1
    li a1,1
    mv a0,s0
    li a2,2
    mv a3,s1
    li a4,0
    li a7,0x504d55
    li a6,2
    li s7,0x10000007
    ecall
    ret
  .align 2
  trap:
    csrr t0,sepc
    addi t0,t0,4
    csrw sepc,t0
    sret
  `;

Deno.test("HSM starts, suspends, wakes, stops and restarts a hart of a running guest", async () => {
  const source = (type: string, after: string) => HSM_GUEST.replace("$TYPE", type).replace("$AFTER", after);
  const common = ["0", "-6", "0"];
  const registers = ["1", "1234567890"];
  const nonRetentive = await numbers(source("0x80000000", "j stop"), { cpus: 2 });
  assert.deepEqual(nonRetentive, [...common, ...registers, "1", "4d00", "0"]);
  const retentive = await numbers(source("0", "sd a0,16(s0)"), { cpus: 2 });
  assert.deepEqual(retentive, [...common, ...registers, "0", "0", "0"], "the interrupt is taken right after the call");
});

Deno.test("SUSP is denied while another hart runs, and a timer wakes the last one at its address", async () => {
  const printed = await numbers(
    SUSP_GUEST,
    { cpus: 2 },
  );
  assert.deepEqual(printed, ["-4", "0", "55", "0", "20", "0"]);
});

Deno.test("legacy send_ipi takes its mask from memory, and faults at the ECALL where there is none", async () => {
  const printed = await numbers(`
    la t0,trap
    csrw stvec,t0
    la a0,mask
    li a7,4
    ecall
    call puthex        # 0
    csrr a0,sip
    call puthex        # 2
    li a7,3
    ecall
    call puthex        # 1: it was pending
    csrr a0,sip
    call puthex        # 0
    li a0,0x1000
    la s0,call
  call:
    li a7,4
    ecall
    j shutdown
  .align 2
  trap:
    csrr a0,scause
    call puthex        # 5
    csrr a0,stval
    call puthex        # 1000
    csrr a0,sepc
    sub a0,a0,s0
    call puthex        # 4
    j shutdown
  .align 3
  mask:
    .dword 1
  `);
  assert.deepEqual(printed, ["0", "2", "1", "0", "5", "1000", "4"]);
});

Deno.test("FWFT: a misaligned atomic reaches the guest whether or not its exception is delegated, and PMU counts the latter", async () => {
  const printed = await numbers(`
    la t0,trap
    csrw stvec,t0
    la s0,trap+1
    call counter       # misaligned stores
    amoadd.w t0,t0,(s0)
    li a0,0
    call delegate
    amoadd.w t0,t0,(s0)
    amoadd.w t0,t0,(s0)
    mv a0,s1
    li a7,0x504d55
    li a6,5
    ecall
    mv a0,a1
    call puthex        # 2
    j shutdown
  counter:
    li a0,0
    li a1,2
    li a2,4
    li a3,0xf0001
    li a4,0
    li a7,0x504d55
    li a6,2
    ecall
    mv s1,a1
    ret
  delegate:
    mv a1,a0
    li a0,0
    li a2,0
    li a7,0x46574654
    li a6,0
    ecall
    ret
  .align 2
  trap:
    mv s2,ra
    csrr a0,scause
    call puthex        # 6
    mv ra,s2
    csrr t0,sepc
    addi t0,t0,4
    csrw sepc,t0
    sret
  `);
  assert.deepEqual(printed, ["6", "6", "6", "2"]);
});

Deno.test("PMU stops and starts the counters that a guest reads, and counts the illegal instructions that HS-mode saw", async () => {
  const printed = await numbers(PMU_GUEST);
  assert.deepEqual(printed, ["0", "0", "3", "1", "1"]);
});

Deno.test("RiscvGuest refuses SBI extensions in machine mode, where the guest brings its own firmware", async () => {
  const plugin: Plugin = {
    name: "greeter",
    apiVersion: 1,
    setup: (context) => context.extend(sbiExtension, { eid: 0x08000001, name: "greeting", functions: {} }),
  };
  await using accepted = await createGuest("j shutdown", { plugins: [plugin] });
  assert.equal(await runToEnd(accepted), "");
  await assert.rejects(
    createGuest("j shutdown", { mode: "machine", plugins: [plugin] }),
    /Cannot add SBI extension 'greeting': in machine mode the guest brings its own firmware; use guest mode/,
  );
});
