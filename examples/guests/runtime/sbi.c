/* Console and power over SBI. Text must be identity-mapped: SBI takes physical addresses. */
#include "sbi.h"

#include "print.h"

static void write_debug_console(const char *text, u64 length) {
  while (length) {
    struct sbi_result written = sbi_call(SBI_DBCN, 0, length, (u64)text, 0);
    if (written.error) return;
    text += written.value;
    length -= written.value;
  }
}

static void write_legacy(const char *text, u64 length) {
  for (u64 i = 0; i < length; i++) sbi_call(SBI_LEGACY_PUTCHAR, 0, (u8)text[i], 0, 0);
}

void sbi_console(void) { print_sink = sbi_probe(SBI_DBCN) ? write_debug_console : write_legacy; }

void sbi_shutdown(bool failed) {
  sbi_call(SBI_SRST, 0, 0, failed, 0);
  sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0);
  for (;;) asm volatile("wfi");
}
