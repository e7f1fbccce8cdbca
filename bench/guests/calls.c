/* Rows that are mostly calls. */
#include "bench.h"

static NOINLINE u64 fib(u64 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

u64 run_calls(u64 size) {
  u64 sum = 0;
  for (u64 i = 0; i < size; i++) sum = mix(sum, fib(20 + (i & 7)));
  return sum;
}

static NOINLINE u64 op_add(u64 x, u64 i) { return x + i * 3; }
static NOINLINE u64 op_xor(u64 x, u64 i) { return x ^ i << 7; }
static NOINLINE u64 op_rotate(u64 x, u64 i) { return (x << 9 | x >> 55) - i; }
static NOINLINE u64 op_multiply(u64 x, u64 i) { return x * (i | 1); }
static NOINLINE u64 op_shift(u64 x, u64 i) { return (x >> 3) + i; }
static NOINLINE u64 op_not(u64 x, u64 i) { return ~x ^ i; }
static NOINLINE u64 op_count(u64 x, u64 i) { return x & 1 ? x * 3 + i : x / 2 + 0x1234567; }
static NOINLINE u64 op_swap(u64 x, u64 i) { return (x >> 32 | x << 32) + i; }

u64 run_indirect(u64 size) {
  static u64 (*const operations[])(u64, u64) = {op_add, op_xor, op_rotate, op_multiply, op_shift, op_not, op_count, op_swap};
  u64 x = 88172645463325252ul;
  u32 random = 2463534242;
  for (u64 i = 0; i < size * 1000; i++) x = operations[next_random(&random) >> 13 & 7](x, i);
  return x;
}

struct record {
  u32 key, value;
};

static NOINLINE int by_key(const void *a, const void *b) {
  u32 x = ((const struct record *)a)->key, y = ((const struct record *)b)->key;
  return x < y ? -1 : x > y;
}

static NOINLINE int by_value(const void *a, const void *b) {
  u32 x = ((const struct record *)a)->value, y = ((const struct record *)b)->value;
  return x < y ? -1 : x > y;
}

static inline void swap(struct record *a, struct record *b) {
  struct record kept = *a;
  *a = *b;
  *b = kept;
}

/* As qsort of a C library: order is a function that the caller hands over. */
static NOINLINE void quicksort(struct record *list, i64 count, int (*compare)(const void *, const void *)) {
  while (count > 8) {
    swap(list, list + count / 2);
    i64 low = 0, high = count;
    for (;;) {
      while (++low < count && compare(list + low, list) < 0) continue;
      while (compare(list + --high, list) > 0) continue;
      if (low >= high) break;
      swap(list + low, list + high);
    }
    swap(list, list + high);
    quicksort(list, high, compare);
    list += high + 1;
    count -= high + 1;
  }
  for (i64 i = 1; i < count; i++) {
    for (i64 at = i; at > 0 && compare(list + at - 1, list + at) > 0; at--) swap(list + at - 1, list + at);
  }
}

u64 run_quicksort(u64 size) {
  enum { RECORDS = 20000 };
  struct record *list = take_memory(RECORDS * sizeof(struct record));
  u32 seed = 99;
  u64 sum = 0;
  for (u64 round = 0; round < size; round++) {
    for (u32 i = 0; i < RECORDS; i++) list[i] = (struct record){next_random(&seed), next_random(&seed)};
    quicksort(list, RECORDS, round & 1 ? by_value : by_key);
    for (u32 i = 1; i < RECORDS; i++) sum = mix(sum, list[i].key - list[i - 1].value);
  }
  return sum;
}

/* Each call has its frame, and uses it when it comes back. */
static NOINLINE u64 descend(u64 depth, u64 x) {
  if (depth == 0) return x;
  volatile u64 kept = x * 31 + depth;
  u64 below = descend(depth - 1, x ^ depth << 5);
  return below * 3 + kept;
}

/* Calls `descend` with a stack of its own. */
static NOINLINE u64 descend_on(void *stack_end, u64 depth, u64 x) {
  register u64 a0 asm("a0") = depth;
  register u64 a1 asm("a1") = x;
  register u64 (*function)(u64, u64) asm("t1") = descend;
  asm volatile(
      "mv s1, sp\n mv sp, %[stack]\n jalr t1\n mv sp, s1"
      : "+r"(a0), "+r"(a1), "+r"(function)
      : [stack] "r"(stack_end)
      : "ra", "s1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t2", "t3", "t4", "t5", "t6", "memory");
  return a0;
}

u64 run_recursion(u64 size) {
  enum { DEPTH = 100000, STACK = 8 << 20 };
  u8 *stack = take_memory(STACK);
  u64 sum = 0;
  for (u64 i = 0; i < size; i++) sum = mix(sum, descend_on(stack + STACK, DEPTH, i));
  return sum;
}
