/**
 * The program around the sequences of an image: it loads and saves their state, skips their traps and prints what they left behind.
 *
 * @module
 */
import { F_NAMES, X_NAMES } from "../../arch/riscv/disassemble.ts";

/** Halfwords of a sequence. */
export const BODY_HALVES = 120;

/** Bytes of memory that a sequence has to itself. */
export const SLOT_SIZE = 128;

/** Pages whose entries a sequence has for itself. */
export const PAGES = 16;

/** Start of RAM, and of the image. */
export const RAM = 0x8000_0000;
/** Where the instructions of the first sequence lie. */
export const BODIES = RAM + 0x4000;
/** Bytes from one sequence's instructions to the next one's. */
export const BODY_SIZE = 256;
/** Bytes of a sequence's first state: registers, fcsr, mstatus, offset of its code, entries. */
export const INIT_SIZE = 1040;

/** Where the pages themselves and the page tables lie, all zero in the image. */
export const PAGES_PHYSICAL = 0x8600_0000;
const TABLES = 0x8620_0000;
const [ROOT, MIDDLE, LEAVES, NESTED_MIDDLE, NESTED_LEAVES, NESTED_ROOT] = [0, 1, 2, 3, 4, 8].map((n) =>
  TABLES + n * 4096
);

/** Where U-modes see the image: U=1 there, U=0 at its own address. */
export const USER_OFFSET = 0x4000_0000;

/** Where the memory of sequence `index` of `count` lies: x2, x8 and x9 may point into it. */
export function slotAddress(count: number, index: number): number {
  return BODIES + count * (BODY_SIZE + INIT_SIZE) + index * SLOT_SIZE;
}

/** What is printed of a sequence when it is looked at alone, in order. */
export function resultNames(csrs: readonly string[], paging = false): string[] {
  const numbered = (letter: string, count: number, first = 0) =>
    Array.from({ length: count }, (_, i) => `${letter}${i + first}`);
  return [
    ...numbered("x", 31, 1),
    ...numbered("f", 32),
    "fcsr",
    "traps",
    ...numbered("memory", 16),
    ...csrs,
    ...(paging ? [...numbered("entry", PAGES), ...numbered("nested", PAGES)] : []),
  ];
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
/** Makes traps of privileged instructions comparable: no value, and in U-modes one cause for illegal and virtual instructions. */
const INSTRUCTION_TRAPS = `
  li t0,2
  beq s0,t0,no_value
  li t0,22
  bne s0,t0,comparable
  csrr t1,mstatus
  srli t1,t1,11
  andi t1,t1,3
  bnez t1,no_value
  li s0,2
no_value:
  li s2,0
comparable:
`;

/** Page tables: the image twice, the pages through last levels of their own; the second stage maps all to itself. */
const SET_UP_PAGING = `
  li t0,${ROOT}
  li t1,${RAM / 4 + 0xcf}
  sd t1,16(t0)
  addi t1,t1,0x10
  sd t1,24(t0)
  li t1,${MIDDLE / 4 + 1}
  sd t1,32(t0)
  li t0,${MIDDLE}
  li t1,${LEAVES / 4 + 1}
  sd t1,0(t0)
  li t0,${NESTED_ROOT}
  li t1,${NESTED_MIDDLE / 4 + 1}
  sd t1,16(t0)
  li t0,${NESTED_MIDDLE}
  li t1,${RAM / 4 + 0xdf}
  li t2,64
huge:
  sd t1,0(t0)
  addi t0,t0,8
  li t3,0x80000
  add t1,t1,t3
  addi t2,t2,-1
  bgtz t2,huge
  li t0,${NESTED_MIDDLE + (PAGES_PHYSICAL - RAM) / 2 ** 21 * 8}
  li t1,${NESTED_LEAVES / 4 + 1}
  sd t1,0(t0)
  li t1,0x2000000000000000 # hardware sets A and D, as it always does on QEMU 7.2
  csrw menvcfg,t1
  csrw henvcfg,t1
  li t1,${BigInt.asIntN(64, 8n << 60n | BigInt(ROOT) >> 12n)}
  csrw satp,t1
  csrw vsatp,t1
  li t1,${BigInt.asIntN(64, 8n << 60n | BigInt(NESTED_ROOT) >> 12n)}
  csrw hgatp,t1
`;

/** Takes the entries of the sequence at t6 over. */
const LOAD_ENTRIES = `
  addi t0,t6,528
  li t1,${LEAVES}
  li t2,${NESTED_LEAVES}
  li t3,${PAGES}
entries:
  ld t4,0(t0)
  sd t4,0(t1)
  ld t4,${PAGES * 8}(t0)
  sd t4,0(t2)
  addi t0,t0,8
  addi t1,t1,8
  addi t2,t2,8
  addi t3,t3,-1
  bgtz t3,entries
  sfence.vma zero,zero
  hfence.vvma zero,zero
  hfence.gvma zero,zero
`;

/** Adds the entries to the results at s0. */
const SAVE_ENTRIES = `
  li t1,${LEAVES}
  li t2,${NESTED_LEAVES}
  li t3,${PAGES}
save_entries:
  ld t4,0(t1)
  sd t4,0(s0)
  ld t4,0(t2)
  sd t4,${PAGES * 8}(s0)
  addi s0,s0,8
  addi t1,t1,8
  addi t2,t2,8
  addi t3,t3,-1
  bgtz t3,save_entries
`;

/** The program around the sequences. mscratch is its own. */
export function runtimeSource(
  count: number,
  csrs: readonly string[],
  masks: Readonly<Record<string, bigint>>,
  verbose: boolean,
  paging: boolean,
): string {
  const saveX = range(1, 30).map((i) => `sd ${X_NAMES[i]},${(i - 1) * 8}(t6)`).join("\n");
  const loadX = range(1, 30).map((i) => `ld ${X_NAMES[i]},${(i - 1) * 8}(t6)`).join("\n");
  const saveF = range(0, 31).map((i) => `fsd ${F_NAMES[i]},${(31 + i) * 8}(t6)`).join("\n");
  const loadF = range(0, 31).map((i) => `fld ${F_NAMES[i]},${(31 + i) * 8}(t6)`).join("\n");
  const clearCsrs = csrs.map((name) => `csrw ${name},zero`).join("\n");
  const saveCsrs = csrs.map((name) => {
    const mask = masks[name] === undefined ? "" : `li t1,${BigInt.asIntN(64, masks[name])}\nand t0,t0,t1\n`;
    return `csrr t0,${name}\n${mask}sd t0,0(s0)\naddi s0,s0,8`;
  }).join("\n");
  const resultCount = resultNames(csrs, paging).length;
  return `
start:
  la t0,trap
  csrw mtvec,t0
  li t0,-1
  csrw pmpaddr0,t0
  li t0,0x1f
  csrw pmpcfg0,t0
  csrw mie,zero
  li t0,7
  csrw mcounteren,t0
  ${paging ? SET_UP_PAGING : ""}
next:
  la t0,index
  ld s0,0(t0)
  li t1,${count}
  bgeu s0,t1,done
  la t0,traps
  sd zero,0(t0)
  sd zero,8(t0)
  ${clearCsrs}
  li t0,${INIT_SIZE}
  mul t6,s0,t0
  li t0,${BODIES + count * BODY_SIZE}
  add t6,t6,t0
  slli t1,s0,8
  li t0,${BODIES}
  add t1,t1,t0
  ld t2,520(t6)
  add t1,t1,t2
  csrw mepc,t1
  ${paging ? LOAD_ENTRIES : ""}
  ld t1,512(t6)
  li t0,0x6000
  or t1,t1,t0
  csrw mstatus,t1
  li t0,0x6000
  csrw vsstatus,t0
  ${loadF}
  ld t1,504(t6)
  csrw fcsr,t1
  sc.d t0,zero,(t6)
  ${loadX}
  ld t6,240(t6)
  mret

.align 2
trap:
  csrw mscratch,t6
  li t6,0x20000
  csrc mstatus,t6
  la t6,frame
  ${saveX}
  csrr t0,mscratch
  sd t0,240(t6)
  csrr s0,mcause
  csrr s1,mepc
  csrr s2,mtval
  ${paging ? "srli s7,s1,30\nandi s7,s7,1\nslli s7,s7,30\nsub s1,s1,s7" : "li s7,0"}
  li t0,3
  bne s0,t0,counted
  li s2,0 # a breakpoint's value may be 0 or its address
counted:
  # QEMU 7.2 leaves an older instruction in mtval where a helper finds out, and calls VU-mode's virtual instructions illegal
  ${csrs.length > 0 || paging ? INSTRUCTION_TRAPS : ""}
  la t0,index
  ld s3,0(t0)
  slli s3,s3,8
  li t0,${BODIES}
  add s3,s3,t0
  addi s4,s3,${BODY_HALVES * 2}
  beq s1,s4,finish
  la s5,traps
  ld a0,0(s5)
  mv a1,s0
  call fold
  sub a1,s1,s3
  call fold
  mv a1,s2
  call fold
  ${paging ? "csrr a1,mtval2\ncall fold" : ""}
  sd a0,0(s5)
  ${
    verbose
      ? "mv s6,s0\nmv a0,s0\ncall puthex\nsub a0,s1,s3\ncall puthex\nmv a0,s2\ncall puthex\ncsrr a0,mtval2\ncall puthex\ncall newline"
      : ""
  }
  ld t0,8(s5)
  addi t0,t0,1
  sd t0,8(s5)
  li t1,60
  bgeu t0,t1,finish
  bltu s1,s3,finish
  bgeu s1,s4,finish
  lhu t0,0(s1)
  andi t0,t0,3
  addi s1,s1,2
  addi t0,t0,-3
  bnez t0,skipped
  addi s1,s1,2
skipped:
  add s1,s1,s7
  csrw mepc,s1
  ${loadX}
  ld t6,240(t6)
  mret

finish:
  la t6,frame
  li t0,0x6000
  csrs mstatus,t0
  csrr t0,fcsr
  sd t0,504(t6)
  ${saveF}
  addi s0,t6,512
  la t0,traps
  ld t0,0(t0)
  sd t0,0(s0)
  addi s0,s0,8
  la t0,index
  ld t0,0(t0)
  slli t0,t0,7
  li t1,${slotAddress(count, 0)}
  add t0,t0,t1
  addi t2,t0,${SLOT_SIZE}
copy:
  ld t1,0(t0)
  sd t1,0(s0)
  addi s0,s0,8
  addi t0,t0,8
  bltu t0,t2,copy
  ${saveCsrs}
  ${paging ? SAVE_ENTRIES : ""}
  la s0,frame
  li s1,${resultCount}
  li s2,0x1505
each:
  mv a0,s2
  ld a1,0(s0)
  call fold
  mv s2,a0
  ${verbose ? "ld a0,0(s0)\ncall puthex\ncall newline" : ""}
  addi s0,s0,8
  addi s1,s1,-1
  bgtz s1,each
  mv a0,s2
  call puthex
  call newline
  la t0,index
  ld t1,0(t0)
  addi t1,t1,1
  sd t1,0(t0)
  j next

done:
  li t0,0x100000
  li t1,0x5555
  sw t1,0(t0)
  j done

fold: # a0: hash, a1: value
  xor a0,a0,a1
  li t0,0x100000001b3
  mul a0,a0,t0
  slli t0,a0,29
  srli a0,a0,35
  or a0,a0,t0
  ret

puthex: # a0: 16 hexadecimal digits and a space
  li t0,60
  li t2,0x10000000
puthex_next:
  srl t1,a0,t0
  andi t1,t1,15
  addi t1,t1,48
  li t3,58
  blt t1,t3,puthex_digit
  addi t1,t1,39
puthex_digit:
  sb t1,0(t2)
  addi t0,t0,-4
  bgez t0,puthex_next
  li t1,32
  sb t1,0(t2)
  ret

newline:
  li t1,10
  li t2,0x10000000
  sb t1,0(t2)
  ret

.align 3
index: .dword 0
traps: .dword 0
  .dword 0
frame: .space ${8 * resultCount}
`;
}
