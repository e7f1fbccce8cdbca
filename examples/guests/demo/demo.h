/* What the parts of the demo share. */
#pragma once
#include "../runtime/base.h"

/* Prints the left column of the transcript. */
void label(const char *name);
/* Counts a check and says so if it failed. */
void check(bool good, const char *what);

/* traps.c */

/* Where the PLIC is and which of its contexts is S-mode of this hart. */
extern u64 plic_base, plic_context;
/* Lets a source's interrupts through to `handler`. */
void irq_enable(u32 source, void (*handler)(void));
/* Sleeps with WFI until `done` says true; interrupts are taken between its calls. */
void wait_until(bool (*done)(void));
/* Timer: counts `ticks` interrupts, 1 ms apart; false stands for SBI TIME, true for Sstc. */
void timer_start(u64 ticks, u64 interval, bool sstc);
bool timer_done(void);
/* After it, one exception is skipped over and told to `last_cause` and `last_value`. */
void expect_exception(void);
extern u64 last_cause, last_value;

/* uart.c: an interrupt-driven 16550. */

void uart_start(u64 base, u32 source);
void uart_write(const char *text, u64 length);
bool uart_idle(void);
extern u64 uart_interrupts, uart_sent;
/* Sends `text` around the loopback; gives the bytes that came back and, by `interrupts`, in how many. */
u64 uart_loopback(const char *text, u64 length, char *back, u64 *interrupts);

/* arithmetic.c */

void show_arithmetic(void);
