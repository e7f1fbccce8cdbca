/**
 * A guest in assembly that does everything at once, and folds all it sees into one number: timer interrupts, console input by
 * interrupt, two disk requests always in flight, random bytes, LR/SC, floating point, counters, memory never touched before.
 *
 * @module
 */
import { RAM } from "./guest.ts";
import { SLOT0, startDevice } from "./virtio_guest.ts";

/** Slot of the device with random numbers. */
const SLOT7 = SLOT0 + 7 * 0x1000;

const QUEUES = RAM + 0x40_0000;

/** Where the rings of the disk and of the random numbers are. */
const DISK = { descriptors: QUEUES, available: QUEUES + 0x100, used: QUEUES + 0x200 };
const RNG = { descriptors: QUEUES + 0x1000, available: QUEUES + 0x1100, used: QUEUES + 0x1200 };
const HEADERS = QUEUES + 0x2000;
const BUFFERS = QUEUES + 0x4000;
const RNG_BUFFER = QUEUES + 0x8000;
const WILD = RAM + 0x80_0000;

/** Interrupts of each kind after which the guest ends. */
const TICKS = 60, COMPLETIONS = 24;

/** Folds a register into s1; uses t6. */
const mix = (register: string): string => `slli t6,s1,5\nsub t6,t6,s1\nxor s1,t6,${register}\n`;

const store = (address: number, size: "sd" | "sw" | "sh" | "sb", value: number | string): string =>
  `li t0,${address}\nli t1,${value}\n${size} t1,0(t0)\n`;

/** A descriptor: address, length, flags, next. */
function descriptor(table: number, index: number, address: number, length: number, flags: number): string {
  const rest = BigInt(length) | BigInt(flags) << 32n | BigInt(index + 1) << 48n;
  return store(table + index * 16, "sd", address) + store(table + index * 16 + 8, "sd", rest.toString());
}

const SETUP = [
  // Read of a moving sector, and write of the other buffer to another one.
  descriptor(DISK.descriptors, 0, HEADERS, 16, 1),
  descriptor(DISK.descriptors, 1, BUFFERS, 4096, 3),
  descriptor(DISK.descriptors, 2, HEADERS + 0x100, 1, 2),
  descriptor(DISK.descriptors, 3, HEADERS + 0x20, 16, 1),
  descriptor(DISK.descriptors, 4, BUFFERS + 0x2000, 4096, 1),
  descriptor(DISK.descriptors, 5, HEADERS + 0x101, 1, 2),
  store(HEADERS + 0x20, "sw", 1),
  store(HEADERS + 0x28, "sd", 64),
  ...[0, 2, 4, 6].map((slot) => store(DISK.available + 4 + slot * 2, "sw", 3 << 16)),
  descriptor(RNG.descriptors, 0, RNG_BUFFER, 64, 2),
].join("");

/** Makes the next requests available and tells the devices. */
const SUBMIT = `
  li t3,${HEADERS}
  ld t4,8(t3)
  addi t4,t4,8
  andi t4,t4,63
  sd t4,8(t3)
  ld t4,0x28(t3)
  addi t4,t4,8
  andi t4,t4,63
  ori t4,t4,64
  sd t4,0x28(t3)
  li t3,${DISK.available}
  lhu t4,2(t3)
  addi t4,t4,2
  sh t4,2(t3)
  li t3,${SLOT0}
  sw zero,0x50(t3)
`;

const SUBMIT_RNG = `
  li t3,${RNG.available}
  lhu t4,2(t3)
  addi t4,t4,1
  sh t4,2(t3)
  li t3,${SLOT7}
  sw zero,0x50(t3)
`;

const SAVED = ["t0", "t1", "t2", "t3", "t4", "t5", "t6"];

const TRAP = `
.align 2
trap:
  csrrw sp,sscratch,sp
  ${SAVED.map((register, i) => `sd ${register},${i * 8}(sp)`).join("\n")}
  csrr t0,scause
  bgez t0,broken
  csrr t1,sepc
  ${mix("t1")}
  andi t0,t0,15
  li t1,5
  beq t0,t1,timer
external:
  li t2,0xc201000
  lw t0,4(t2)
  beqz t0,done
  li t1,10
  beq t0,t1,uart
  li t1,1
  beq t0,t1,disk
rng:
  li t3,${SLOT7}
  lw t4,0x60(t3)
  sw t4,0x64(t3)
  li t3,${RNG.used}
  lhu t5,2(t3)
  li t3,${RNG.available}
  lhu t4,2(t3)
  bne t5,t4,complete
  li t3,${RNG_BUFFER}
  ld t4,24(t3)
  ${mix("t4")}
  addi s5,s5,1
  j complete
disk:
  li t3,${SLOT0}
  lw t4,0x60(t3)
  sw t4,0x64(t3)
  li t3,${DISK.used}
  lhu t5,2(t3)
  li t3,${DISK.available}
  lhu t4,2(t3)
  bne t5,t4,complete
  li t3,${BUFFERS}
  ld t4,512(t3)
  ${mix("t4")}
  li t3,${BUFFERS + 0x2000}
  sd s1,512(t3)
  li t3,${HEADERS}
  lhu t4,0x100(t3)
  bnez t4,broken
  addi s3,s3,1
  ${SUBMIT}
  j complete
uart:
  lbu t3,5(s0)
  andi t3,t3,1
  beqz t3,complete
  lbu t4,0(s0)
  ${mix("t4")}
  sb t4,0(s0)
  addi s4,s4,1
  j uart
complete:
  sw t0,4(t2)
  j external
timer:
  csrr t0,time
  ${mix("t0")}
  addi t0,t0,250
  csrw stimecmp,t0
  addi s2,s2,1
  ${SUBMIT_RNG}
done:
  ${SAVED.map((register, i) => `ld ${register},${i * 8}(sp)`).join("\n")}
  csrrw sp,sscratch,sp
  sret
broken:
  li a0,0xbad
  call puthex
  csrr a0,scause
  call puthex
  csrr a0,sepc
  call puthex
  j shutdown
`;

const MAIN = `
main:
  la t0,counter
  retry:
  lr.d t1,(t0)
  addi t1,t1,1
  nop
  nop
  nop
  nop
  sc.d t2,t1,(t0)
  bnez t2,retried
  j got
  retried:
  addi s11,s11,1
  j retry
  got:
  la t0,number
  fld fa0,0(t0)
  fld fa1,8(t0)
  fadd.d fa0,fa0,fa1
  fdiv.d fa2,fa1,fa0
  fsd fa0,0(t0)
  fmv.x.d t1,fa2
  ${mix("t1")}
  # a page of 16 MiB that a linear congruential generator chooses
  li t1,6364136223846793005
  mul s7,s7,t1
  addi s7,s7,1442
  srli t0,s7,40
  li t1,0xfff
  and t0,t0,t1
  slli t0,t0,12
  li t1,${WILD}
  add t0,t0,t1
  ld t1,16(t0)
  add t1,t1,s7
  sd t1,16(t0)
  ${mix("t1")}
  csrr t1,instret
  ${mix("t1")}
  csrr t1,cycle
  ${mix("t1")}
  addi s6,s6,1
  andi t1,s6,31
  bnez t1,busy
  wfi
busy:
  li t1,${TICKS}
  blt s2,t1,main
  li t1,${COMPLETIONS}
  blt s3,t1,main
  la t1,wanted
  ld t1,0(t1)
  blt s4,t1,main
  csrci sstatus,2
  mv a0,s1
  call puthex
  mv a0,s11
  call puthex
  mv a0,s5
  call puthex
  j shutdown
.align 3
counter: .dword 0
number: .dword 0x3ff0000000000000, 0x3fb999999999999a
wanted:
`;

/** What differs when the guest owns the machine: CSRs of M-mode, its context of the PLIC, the CLINT's timer. */
const MACHINE: readonly (readonly [RegExp, string])[] = [
  [/stvec/g, "mtvec"],
  [/sstatus/g, "mstatus"],
  [/sscratch/g, "mscratch"],
  [/scause/g, "mcause"],
  [/sepc/g, "mepc"],
  [/sret/g, "mret"],
  [/csrw stimecmp,t0/g, "li t3,0x2004000\nsd t0,0(t3)"],
  [/li t0,0x220\n\s*csrs sie,t0\n\s*csrsi mstatus,2/g, "li t0,0x880\ncsrs mie,t0\ncsrsi mstatus,8"],
  [/csrci mstatus,2/g, "csrci mstatus,8"],
  [/li t0,0xc002080|li t0,201334912/g, "li t0,0xc002000"],
  [/li t2,0xc201000/g, "li t2,0xc200000"],
  [/li t1,5\n(\s*beq t0,t1,timer)/g, "li t1,7\n$1"],
];

/** The guest; it ends once it has read so many bytes of input. */
export function busyGuest(inputBytes: number, mode: "guest" | "machine" = "guest"): string {
  const source = supervisorGuest(inputBytes);
  if (mode === "guest") return source;
  return MACHINE.reduce((text, [pattern, replacement]) => {
    if (!pattern.test(text)) throw new Error(`Nothing matches ${pattern}`);
    return text.replace(pattern, replacement);
  }, source);
}

function supervisorGuest(inputBytes: number): string {
  return `
    la t0,trap
    csrw stvec,t0
    li t0,0x6000
    csrs sstatus,t0
    la t0,save
    csrw sscratch,t0
    li s0,0x10000000
    ${SETUP}
    ${startDevice(DISK)}
    ${startDevice(RNG, SLOT7)}
    ${store(0xc000000 + 4 * 10, "sw", 1)}
    ${store(0xc000000 + 4 * 1, "sw", 2)}
    ${store(0xc000000 + 4 * 8, "sw", 3)}
    ${store(0xc002080, "sw", 1 << 10 | 1 << 8 | 1 << 1)}
    li t0,1
    sb t0,1(s0)
    ${SUBMIT}
    ${SUBMIT_RNG}
    csrr t0,time
    addi t0,t0,100
    csrw stimecmp,t0
    li t0,0x220
    csrs sie,t0
    csrsi sstatus,2
    ${MAIN}
    .dword ${inputBytes}
    save: .space 128
    ${TRAP}
  `;
}
