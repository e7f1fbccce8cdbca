/*
 * What makes an engine that remembers decoded code wrong: code that changes under it, data on code pages, instructions across
 * two pages, misaligned accesses within and across pages, misaligned atomics. S-mode under Sv39; prints ok or FAIL by topic.
 */
#include "../runtime/paging.h"
#include "../runtime/print.h"
#include "../runtime/sbi.h"
#include "../runtime/trap.h"

enum { RET = 0x8067, C_RET = 0x8082 };

#define WINDOW 0xffffffc000000000ul /* two pages side by side whose frames are not */

static u64 *root;
static u8 frames[5][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u64 failures, topic_failures;
static u64 cause, value, fault_pc, resume;

void trap(struct trap_frame *frame) {
  cause = csr_read(scause);
  value = csr_read(stval);
  fault_pc = frame->pc;
  if (!resume) {
    print("FAIL unexpected trap: cause %x, stval %x, pc %x\n", cause, value, frame->pc);
    sbi_shutdown(true);
  }
  frame->pc = resume;
  resume = 0;
}

static void expect(bool good, u64 detail) {
  if (good) return;
  topic_failures++;
  print("     at %x: cause %d, stval %x\n", detail, cause, value);
}

static void topic(const char *name) {
  print("%-4s %s\n", topic_failures ? "FAIL" : "ok", name);
  failures += topic_failures;
  topic_failures = 0;
}

static void fence_i(void) { asm volatile("fence.i" : : : "memory"); }

/* Runs `instruction` with x in %0; after a trap goes on behind it. */
#define TRAPPING(instruction, ...)                                             \
  ({                                                                           \
    cause = ~0ul;                                                              \
    asm volatile("la t0, 1f\n sd t0, 0(%[resume])\n" instruction               \
                 "\n 1:\n sd zero, 0(%[resume])"                               \
                 :                                                             \
                 : [resume] "r"(&resume), __VA_ARGS__                          \
                 : "t0", "t1", "ra", "a0", "memory");                          \
  })

static u64 call(u64 address) {
  register u64 a0 asm("a0") = ~0ul;
  cause = ~0ul;
  asm volatile("la t0, 1f\n sd t0, 0(%2)\n jalr %1\n 1:\n sd zero, 0(%2)"
               : "+r"(a0)
               : "r"(address), "r"(&resume)
               : "ra", "t0", "t1", "memory");
  return a0;
}

static void map(u64 virtual, void *frame, u64 flags) {
  paging_map(root, SV39, virtual, (u64)frame, PAGE_SIZE, flags, 0);
  sfence_page(virtual);
}

static u32 load_immediate(u64 immediate) { return (u32)(immediate << 20 | 10 << 7 | 0x13); }

static void put16(u8 *at, u32 half) { *(u16 *)at = (u16)half; }

static void put32(u8 *at, u32 word) {
  put16(at, word);
  put16(at + 2, word >> 16);
}

static void check_rewriting(void) {
  u8 *code = frames[0];
  put32(code + 4, RET);
  for (u64 i = 0; i < 500; i++) {
    put32(code, load_immediate(i));
    fence_i();
    expect(call((u64)code) == i, i);
  }
  topic("code rewritten before every call");

  map(WINDOW, code, PAGE_RWX);
  for (u64 i = 0; i < 100; i++) {
    put32((u8 *)(i & 1 ? (u64)code : WINDOW), load_immediate(i));
    fence_i();
    expect(call(i & 1 ? WINDOW : (u64)code) == i, i);
  }
  topic("code written at one address and run at another");
}

/* Code that replaces the instruction behind its own fence.i. */
static __attribute__((noinline)) void check_own_block(void) {
  extern u8 own_target[];
  for (u64 i = 0; i < 200; i++) {
    register u64 a0 asm("a0") = 0;
    asm volatile(
        ".balign 4\n"
        "sw %1, 0(%2)\n fence.i\n"
        ".option push\n .option norvc\n .globl own_target\n own_target:\n addi a0, zero, 2047\n .option pop"
        : "+r"(a0)
        : "r"(load_immediate(i)), "r"(own_target)
        : "memory");
    expect(a0 == i, i);
  }
  topic("a block that changes its own next instruction");
}

/* Stores to the page that runs, far from what runs. */
static void check_data_on_code_page(void) {
  u8 *code = frames[1];
  volatile u64 *counter = (u64 *)(code + 2048);
  put32(code, 0x00053283);      /* ld t0, 0(a0) */
  put32(code + 4, 0x00128293);  /* addi t0, t0, 1 */
  put32(code + 8, 0x00553023);  /* sd t0, 0(a0) */
  put32(code + 12, 0xfff58593); /* addi a1, a1, -1 */
  put32(code + 16, 0xfe0598e3); /* bnez a1, .-16 */
  put32(code + 20, RET);
  fence_i();
  void (*count)(volatile u64 *, u64) = (void (*)(volatile u64 *, u64))(u64)code;
  count(counter, 100000);
  expect(*counter == 100000, *counter);
  for (u64 i = 0; i < 1000; i++) count(counter, 1);
  expect(*counter == 101000, *counter);
  topic("data on the page of the code that changes it");
}

/* An instruction of four bytes whose halves lie on two pages. */
static void check_straddling(void) {
  u64 at = WINDOW + PAGE_SIZE - 2;
  map(WINDOW, frames[0], PAGE_RWX);
  map(WINDOW + PAGE_SIZE, frames[2], PAGE_RWX);
  u8 *low = frames[0] + PAGE_SIZE - 2, *high = frames[2];
  put16(low, load_immediate(0));
  put32(high + 2, RET);
  for (u64 i = 0; i < 200; i++) {
    put16(high, load_immediate(i) >> 16);
    fence_i();
    expect(call(at) == i, i);
  }
  put16(low, 0x4541); /* c.li a0, 16; then the old upper half is an instruction of its own */
  put16(high, C_RET);
  fence_i();
  expect(call(at) == 16, 16);
  put16(low, load_immediate(0));
  put16(high, load_immediate(55) >> 16);
  fence_i();
  expect(call(at) == 55, 55);
  topic("an instruction across two pages, either half rewritten");

  memcpy(frames[3], frames[2], 64);
  put16(frames[3], load_immediate(99) >> 16);
  fence_i();
  for (u64 i = 0; i < 50; i++) {
    map(WINDOW + PAGE_SIZE, i & 1 ? frames[3] : frames[2], PAGE_RWX);
    expect(call(at) == (i & 1 ? 99 : 55), i);
  }
  topic("an instruction across two pages, the second remapped");

  map(WINDOW + PAGE_SIZE, frames[2], 0);
  call(at);
  expect(cause == FETCH_PAGE && value == WINDOW + PAGE_SIZE && fault_pc == at, at);
  map(WINDOW + PAGE_SIZE, frames[2], PAGE_RW);
  call(at);
  expect(cause == FETCH_PAGE && value == WINDOW + PAGE_SIZE && fault_pc == at, at);
  map(WINDOW + PAGE_SIZE, frames[2], PAGE_RWX);
  map(WINDOW, frames[0], 0);
  call(at);
  expect(cause == FETCH_PAGE && value == at && fault_pc == at, at);
  map(WINDOW, frames[0], PAGE_RWX);
  expect(call(at) == 55, 55);
  topic("fetch faults of either half");
}

static u64 reference(const u8 *at, u64 bytes) {
  u64 result = 0;
  for (u64 i = 0; i < bytes; i++) result |= (u64)at[i] << 8 * i;
  return result;
}

/* The byte at an address of the window, as its frame holds it. */
static u8 *behind(u64 address) {
  u64 offset = address - WINDOW;
  return frames[offset < PAGE_SIZE ? 0 : 2] + offset % PAGE_SIZE;
}

static void check_load(u64 at) {
  u8 bytes[8];
  u64 d, w, h, f;
  for (u64 i = 0; i < 8; i++) bytes[i] = *behind(at + i);
  asm volatile("ld %0, 0(%4)\n lwu %1, 0(%4)\n lhu %2, 0(%4)\n fld ft0, 0(%4)\n fmv.x.d %3, ft0"
               : "=&r"(d), "=&r"(w), "=&r"(h), "=&r"(f)
               : "r"(at)
               : "ft0", "memory");
  expect(d == reference(bytes, 8) && f == d && w == reference(bytes, 4) && h == reference(bytes, 2), at);
}

static void check_store(u64 at, u64 bytes, u64 data) {
  u8 before[16], after[16];
  for (u64 i = 0; i < 16; i++) before[i] = *behind(at - 4 + i);
  if (bytes == 8) asm volatile("sd %0, 0(%1)" : : "r"(data), "r"(at) : "memory");
  if (bytes == 4) asm volatile("fmv.d.x ft0, %0\n fsw ft0, 0(%1)" : : "r"(data), "r"(at) : "ft0", "memory");
  if (bytes == 2) asm volatile("sh %0, 0(%1)" : : "r"(data), "r"(at) : "memory");
  for (u64 i = 0; i < 16; i++) after[i] = *behind(at - 4 + i);
  for (u64 i = 0; i < bytes; i++) before[4 + i] = (u8)(data >> 8 * i);
  expect(memcmp(before, after, 16) == 0, at);
}

static void check_misaligned(void) {
  map(WINDOW, frames[0], PAGE_RW);
  map(WINDOW + PAGE_SIZE, frames[2], PAGE_RW);
  for (u64 i = 0; i < 64; i++) *behind(WINDOW + PAGE_SIZE - 32 + i) = (u8)(i * 37 + 11);
  for (u64 i = 8; i < 40; i++) check_load(WINDOW + PAGE_SIZE - 32 + i);
  for (u64 i = 8; i < 40; i++) {
    for (u64 bytes = 2; bytes <= 8; bytes *= 2) check_store(WINDOW + PAGE_SIZE - 32 + i, bytes, i * 0x0123456789abcdef);
  }
  topic("misaligned loads and stores, within and across pages");

  u64 end = WINDOW + PAGE_SIZE;
  map(end, frames[2], 0);
  for (u64 i = 1; i < 8; i++) {
    TRAPPING("ld t1, 0(%[at])", [at] "r"(end - i));
    expect(cause == LOAD_PAGE && value == end, i);
    TRAPPING("sd t1, 0(%[at])", [at] "r"(end - i));
    expect(cause == STORE_PAGE && value == end, i);
  }
  map(end, frames[2], PAGE_RW);
  map(WINDOW, frames[0], 0);
  TRAPPING("ld t1, 0(%[at])", [at] "r"(end - 3));
  expect(cause == LOAD_PAGE && value == end - 3, 3);
  map(WINDOW, frames[0], PAGE_RW);
  topic("page faults of either part of a misaligned access");
}

/* The cause of an AMO is 6; QEMU before 8.0 said 4. */
static bool misaligned_at(u64 address) {
  return (cause == STORE_MISALIGNED || cause == LOAD_MISALIGNED) && value == address;
}

static void check_atomics(void) {
  for (u64 i = 1; i < 4; i++) {
    u64 at = WINDOW + 64 + i;
    TRAPPING("amoadd.w t1, t1, (%[at])", [at] "r"(at));
    expect(misaligned_at(at), at);
    TRAPPING("lr.w t1, (%[at])", [at] "r"(at));
    expect(cause == LOAD_MISALIGNED && value == at, at);
    TRAPPING("amomax.d t1, t1, (%[at])", [at] "r"(at + 1));
    expect(misaligned_at(at + 1), at + 1);
  }
  TRAPPING("amoswap.d t1, t1, (%[at])", [at] "r"(WINDOW + PAGE_SIZE - 4));
  expect(misaligned_at(WINDOW + PAGE_SIZE - 4), 4);
  topic("misaligned atomics trap");
}

void guest_main(u64 hart, u64 device_tree) {
  (void)hart, (void)device_tree;
  csr_write(stvec, trap_entry);
  csr_set(sstatus, 1ul << 13);
  sbi_console();
  u64 start = (u64)image_start, size = (u64)image_end - start;
  root = paging_create();
  paging_map(root, SV39, start, start, size, PAGE_RWX, 0);
  if (!paging_enable(paging_satp(root, SV39, 0))) sbi_shutdown(true);
  check_rewriting();
  check_own_block();
  check_data_on_code_page();
  check_straddling();
  check_misaligned();
  check_atomics();
  print("%s\n", failures ? "FAIL" : "OK");
  sbi_shutdown(failures != 0);
}
