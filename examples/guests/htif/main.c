/*
 * A guest for a host-target interface (Spike's HTIF): prints through tohost, fills the signature region, and exits with a
 * code of its own through tohost.
 */
#include "../runtime/print.h"

enum { EXIT_CODE = 42, PUTCHAR_COMMAND = 0x0101 };

volatile u64 tohost __attribute__((section(".tohost"), aligned(64)));
volatile u64 fromhost __attribute__((section(".tohost"), aligned(64)));
static u64 signature[8] __attribute__((section(".signature"), aligned(16)));

static void write_htif(const char *text, u64 length) {
  for (u64 i = 0; i < length; i++) {
    tohost = (u64)PUTCHAR_COMMAND << 48 | (u8)text[i];
    while (tohost) fromhost = 0;
  }
  fromhost = 0;
}

void guest_main(u64 hart, u64 device_tree) {
  (void)hart, (void)device_tree;
  print_sink = write_htif;
  print("Hello through HTIF\n");
  for (u64 i = 0, value = 1; i < LENGTH(signature); i++, value *= 0x9e3779b97f4a7c15) signature[i] = value;
  for (u64 i = 0; i < LENGTH(signature); i++) print("%016x\n", signature[i]);
  for (;;) tohost = EXIT_CODE << 1 | 1;
}
