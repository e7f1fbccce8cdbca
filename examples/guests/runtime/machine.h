/* What M-mode guests have in place of an SBI: QEMU's virt board, by its addresses. */
#pragma once
#include "base.h"

enum { FINISHER = 0x100000, CLINT = 0x2000000, PLIC = 0xc000000, UART = 0x10000000 };

/* Makes the UART `print`'s sink, without interrupts. */
void machine_console(void);
/* Stops the machine by the test finisher; a code that is not 0 is a failure. */
NORETURN void machine_finish(u32 code);
