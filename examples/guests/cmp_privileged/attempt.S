/* Leaves a mode by any trap: M-mode's entries come back to the caller of `enter`, S-mode's hand over to M-mode by ecall. */
.section .text
.globl enter /* a0: where, a1: stack, a2: a0 there */
enter:
  addi sp, sp, -112
  sd ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  sd s\n, (8 * \n + 8)(sp)
  .endr
  la t0, enter_stack
  sd sp, 0(t0)
  csrw mepc, a0
  mv sp, a1
  mv a0, a2
  li t6, 0
  mret

.balign 4
.globl machine_entry
machine_entry:
  csrw mscratch, t0
  la t0, taken
  sd t1, 56(t0)
  ld t1, 0(t0)
  bnez t1, 1f /* S-mode has told already */
  li t1, 3
  sd t1, 0(t0)
  csrr t1, mcause
  sd t1, 8(t0)
  csrr t1, mepc
  sd t1, 16(t0)
  csrr t1, mtval
  sd t1, 24(t0)
  csrr t1, mstatus
  sd t1, 32(t0)
  sd a0, 40(t0)
  sd t6, 48(t0)
1:
  la t0, enter_stack
  ld sp, 0(t0)
  ld ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ld s\n, (8 * \n + 8)(sp)
  .endr
  addi sp, sp, 112
  ret

.balign 4
.globl supervisor_entry
supervisor_entry:
  la t0, taken
  li t1, 1
  sd t1, 0(t0)
  csrr t1, scause
  sd t1, 8(t0)
  csrr t1, sepc
  sd t1, 16(t0)
  csrr t1, stval
  sd t1, 24(t0)
  csrr t1, sstatus
  sd t1, 32(t0)
  sd a0, 40(t0)
  sd t6, 48(t0)
  ecall

/* Each entry notes its place in t6. */
.option push
.option norvc
.balign 256
.globl machine_table
machine_table:
  .rept 16
  jal t6, machine_entry
  .endr
.balign 256
.globl supervisor_table
supervisor_table:
  .rept 16
  jal t6, supervisor_entry
  .endr
.option pop

.section .bss
.balign 16
enter_stack: .zero 16
.globl taken
taken: .zero 64
