/*
 * Entry of a guest, in S-mode under SBI or, with MACHINE defined, in M-mode after reset: a0 is the hart, a1 the device tree.
 * Only one hart comes here in S-mode; in M-mode all do, and all but hart 0 wait for ever.
 */
.section .text.start, "ax"
.globl _start
_start:
#ifdef MACHINE
  csrw mie, zero
  csrr a0, mhartid
1:
  beqz a0, 1f
  wfi
  csrr a0, mhartid
  j 1b
1:
#else
  csrw sie, zero
#endif
  la sp, stack_top
  la t0, bss_start
  la t1, image_end
1:
  bgeu t0, t1, 2f
  sd zero, 0(t0)
  addi t0, t0, 8
  j 1b
2:
  j guest_main
