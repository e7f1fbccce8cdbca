/* Formatted text to whatever `print_sink` is. */
#pragma once
#include "base.h"

/* Takes text that is to appear; a guest sets it before it prints. */
extern void (*print_sink)(const char *text, u64 length);

/*
 * Prints `format`: %s text, %c character, %d signed, %u unsigned, %x hexadecimal, %% percent; all numbers have 64 bits.
 * A width pads on the left (%08x, %5d) or, with a minus, on the right (%-12s).
 */
void print(const char *format, ...);
