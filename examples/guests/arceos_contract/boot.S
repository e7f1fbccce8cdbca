/*
 * ArceOS's boot table and the entry of its second hart: Sv39 leaves of 1 GiB with 0xef, identity and at 0xffffffc000000000.
 */
.section .data
.balign 4096
.globl boot_table
boot_table:
  .dword 0x00 << 10 | 0xef /* VPN2 0: devices */
  .dword 0
  .dword 0x80000 << 10 | 0xef /* VPN2 2: RAM */
  .zero 8 * (0x100 - 3)
  .dword 0x00 << 10 | 0xef /* 0x100 */
  .dword 0
  .dword 0x80000 << 10 | 0xef /* 0x102 */
  .zero 8 * (512 - 0x103)

.section .text
/* a0: hart, a1: top of its stack, both physical; goes on in the upper half. */
.globl second_entry
second_entry:
  mv sp, a1
  la t0, boot_table
  srli t0, t0, 12
  li t1, 8 << 60
  or t0, t0, t1
  sfence.vma
  csrw satp, t0
  sfence.vma
  la t0, second_main
  li t1, 0xffffffc000000000
  add sp, sp, t1
  add t0, t0, t1
  jr t0

/* Moves the caller, its return address and its stack to the upper half. */
.globl to_upper_half
to_upper_half:
  li t1, 0xffffffc000000000
  add sp, sp, t1
  add ra, ra, t1
  ret
