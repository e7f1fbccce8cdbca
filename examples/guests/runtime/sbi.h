/* Calls to the SBI (RISC-V SBI specification 3.0, chapter 3), and a console and power switch made of them. */
#pragma once
#include "base.h"

struct sbi_result {
  i64 error;
  u64 value;
};

enum { SBI_BASE = 0x10, SBI_TIME = 0x54494D45, SBI_IPI = 0x735049, SBI_RFENCE = 0x52464E43 };
enum { SBI_HSM = 0x48534D, SBI_SRST = 0x53525354, SBI_DBCN = 0x4442434E };
enum { SBI_LEGACY_PUTCHAR = 1, SBI_LEGACY_SHUTDOWN = 8 };

static inline struct sbi_result sbi_call5(u64 eid, u64 fid, u64 x0, u64 x1, u64 x2, u64 x3, u64 x4) {
  register u64 a0 asm("a0") = x0;
  register u64 a1 asm("a1") = x1;
  register u64 a2 asm("a2") = x2;
  register u64 a3 asm("a3") = x3;
  register u64 a4 asm("a4") = x4;
  register u64 a6 asm("a6") = fid;
  register u64 a7 asm("a7") = eid;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
  return (struct sbi_result){(i64)a0, a1};
}

static inline struct sbi_result sbi_call(u64 eid, u64 fid, u64 x0, u64 x1, u64 x2) {
  return sbi_call5(eid, fid, x0, x1, x2, 0, 0);
}

/* Non-zero if the extension is there. */
static inline u64 sbi_probe(u64 eid) { return sbi_call(SBI_BASE, 3, eid, 0, 0).value; }

/* Chooses the debug console as `print`'s sink, or the legacy one on firmware that is too old for it. */
void sbi_console(void);

/* Powers off by SRST; `failed` gives the reason "system failure". */
NORETURN void sbi_shutdown(bool failed);
