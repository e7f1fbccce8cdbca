/*
 * Where HSM lets a hart begin: a0 is the hart, a1 what the caller gave it, the top of its stack. Translation is off.
 */
.section .text
.globl hart_entry
hart_entry:
  mv sp, a1
  la t0, trap_entry
  csrw stvec, t0
  j hart_main

/* Where a non-retentive suspension ends; a1 is the stack pointer that hart_suspend left, with what it saved. */
.globl hart_resume
hart_resume:
  mv sp, a1
  la t0, trap_entry
  csrw stvec, t0
  ld ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ld s\n, (8 * \n + 8)(sp)
  .endr
  addi sp, sp, 112
  li a0, 0
  ret

/* Suspends without retention; returns 0 when the hart is woken, or the SBI error. */
.globl hart_suspend
hart_suspend:
  addi sp, sp, -112
  sd ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  sd s\n, (8 * \n + 8)(sp)
  .endr
  li a0, 0x80000000
  la a1, hart_resume
  mv a2, sp
  li a6, 3
  li a7, 0x48534D
  ecall
  ld ra, 0(sp)
  addi sp, sp, 112
  ret
