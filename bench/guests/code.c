/* Rows in which code is written. */
#include "bench.h"

static inline void fence_i(void) { asm volatile("fence.i" : : : "memory"); }

/* addi rd, rs, immediate. */
static u32 add_immediate(u32 rd, u32 rs, u64 immediate) { return (u32)(immediate & 0xfff) << 20 | rs << 15 | rd << 7 | 0x13; }

enum { RET = 0x00008067, A0 = 10, A1 = 11 };

/* A function whose first instruction is written before every call. */
u64 run_selfmod(u64 size) {
  u32 *code = take_code_memory(4096);
  code[1] = 0x00b54533; /* xor a0, a0, a1 */
  code[2] = 0x00351593; /* slli a1, a0, 3 */
  code[3] = 0x00b50533; /* add a0, a0, a1 */
  code[4] = RET;
  u64 (*function)(u64, u64) = (u64(*)(u64, u64))(u64)code;
  u64 sum = 0;
  for (u64 i = 0; i < size * 1000; i++) {
    code[0] = add_immediate(A0, A0, i);
    fence_i();
    sum = function(sum, i);
  }
  return sum;
}

/* A loop that counts in a word of its own page. */
u64 run_data_on_code(u64 size) {
  u8 *page = take_code_memory(4096);
  volatile u64 *counter = (volatile u64 *)(page + 2048);
  u32 *code = (u32 *)page;
  code[0] = 0x00053283; /* ld t0, 0(a0) */
  code[1] = 0x00b282b3; /* add t0, t0, a1 */
  code[2] = 0x00553023; /* sd t0, 0(a0) */
  code[3] = add_immediate(A1, A1, -1ul);
  code[4] = 0xfe0598e3; /* bnez a1, .-16 */
  code[5] = RET;
  fence_i();
  void (*count)(volatile u64 *, u64) = (void (*)(volatile u64 *, u64))(u64)code;
  u64 sum = 0;
  for (u64 i = 0; i < size; i++) {
    count(counter, 1000 + i);
    sum = mix(sum, *counter);
  }
  return sum;
}
