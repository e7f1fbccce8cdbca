/*
 * Trap entry: saves the integer registers in a frame on the current stack and calls
 * void trap(struct trap_frame *); the frame's pc is where it goes on. With MACHINE defined, for M-mode.
 */
#ifdef MACHINE
#define EPC mepc
#define RETURN mret
#else
#define EPC sepc
#define RETURN sret
#endif

.section .text.trap, "ax"
.balign 4
.globl trap_entry
trap_entry:
  addi sp, sp, -256
  .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  sd x\n, (8 * \n)(sp)
  .endr
  addi t0, sp, 256
  sd t0, 16(sp)
  csrr t0, EPC
  sd t0, 0(sp)
  mv a0, sp
  call trap
  ld t0, 0(sp)
  csrw EPC, t0
  .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  ld x\n, (8 * \n)(sp)
  .endr
  addi sp, sp, 256
  RETURN
