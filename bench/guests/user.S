/* A loop in U-mode, on a page of its own, and the smallest trap vector that serves its system calls. */

/* a1 += a0 by a system call, a0 times; then the call that ends it. */
.section .text.user, "ax"
.balign 4096
.globl user_page
user_page:
  li a7, 0
1:
  ecall
  addi a0, a0, -1
  bnez a0, 1b
  li a7, 1
  ecall
.balign 4096

/* u64 enter_user(u64 pc, u64 count): runs the code at pc in U-mode with a0 = count and a1 = 0 until it ends; gives a1. */
.section .text.enter_user, "ax"
.globl enter_user
enter_user:
  addi sp, sp, -32
  sd ra, 24(sp)
  csrw sscratch, sp
  csrw sepc, a0
  li t0, 1 << 8
  csrc sstatus, t0
  mv a0, a1
  li a1, 0
  sret

.balign 4
.globl user_vector
user_vector:
  csrrw sp, sscratch, sp
  sd t0, 0(sp)
  csrr t0, scause
  addi t0, t0, -8
  bnez t0, 3f
  bnez a7, 2f
  add a1, a1, a0
  csrr t0, sepc
  addi t0, t0, 4
  csrw sepc, t0
  ld t0, 0(sp)
  csrrw sp, sscratch, sp
  sret
2:
  ld ra, 24(sp)
  addi sp, sp, 32
  mv a0, a1
  ret
3:
  call trap_entry
