/* Entry into the guest and out of it, and the guest's own handler. */
.section .text
.globl enter_guest /* a0: pc, a1: a0 there */
enter_guest:
  addi sp, sp, -112
  sd ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  sd s\n, (8 * \n + 8)(sp)
  .endr
  la t0, hypervisor_stack
  sd sp, 0(t0)
  csrw sepc, a0
  mv a0, a1
  la sp, guest_stack
  sret

.balign 4
.globl hypervisor_entry
hypervisor_entry:
  la t0, seen
  csrr t1, scause
  sd t1, 0(t0)
  csrr t1, sepc
  sd t1, 8(t0)
  csrr t1, stval
  sd t1, 16(t0)
  csrr t1, htval
  sd t1, 24(t0)
  csrr t1, htinst
  sd t1, 32(t0)
  csrr t1, hstatus
  sd t1, 40(t0)
  csrr t1, sstatus
  sd t1, 48(t0)
  sd a0, 56(t0)
  la t0, hypervisor_stack
  ld sp, 0(t0)
  ld ra, 0(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ld s\n, (8 * \n + 8)(sp)
  .endr
  addi sp, sp, 112
  ret

.balign 4
.globl guest_entry
guest_entry:
  la t0, inner
  csrr t1, scause
  sd t1, 0(t0)
  csrr t1, sepc
  sd t1, 8(t0)
  csrr t1, stval
  sd t1, 16(t0)
  ecall

.section .bss
.balign 16
.zero 256
guest_stack:
hypervisor_stack: .zero 16
.globl seen
seen: .zero 64
.globl inner
inner: .zero 24
