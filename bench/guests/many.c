/* Code that is large and used little: a thousand functions, and copies of them at other addresses. */
#include "bench.h"

/* All in one section, so that they can be copied together; they refer to nothing outside of themselves. */
#define FUNCTION(n)                                                                             \
  __attribute__((noinline, section(".text.many"))) static u64 many_##n(u64 x, u64 y) {          \
    u64 z = x * (2 * n + 1) + y;                                                                \
    if (z & 1ul << n % 13) z ^= z >> (n % 7 + 1);                                               \
    else z += n * 77;                                                                           \
    for (u64 i = 0; i <= (n + x) % 4; i++) z = z * 5 + (y >> i);                                \
    if (z > y * n) z -= y ^ n;                                                                  \
    return z ^ z >> (17 + n % 3);                                                               \
  }
#define NAME(n) many_##n,

#define TEN(what, n) what(n##0) what(n##1) what(n##2) what(n##3) what(n##4) what(n##5) what(n##6) what(n##7) what(n##8) what(n##9)
#define HUNDRED(what, n) \
  TEN(what, n##0) TEN(what, n##1) TEN(what, n##2) TEN(what, n##3) TEN(what, n##4) TEN(what, n##5) TEN(what, n##6) TEN(what, n##7) \
  TEN(what, n##8) TEN(what, n##9)
#define THOUSAND(what, n) \
  HUNDRED(what, n##0) HUNDRED(what, n##1) HUNDRED(what, n##2) HUNDRED(what, n##3) HUNDRED(what, n##4) HUNDRED(what, n##5) \
  HUNDRED(what, n##6) HUNDRED(what, n##7) HUNDRED(what, n##8) HUNDRED(what, n##9)

THOUSAND(FUNCTION, 1)

typedef u64 (*function)(u64, u64);

static const function functions[] = {THOUSAND(NAME, 1)};

enum { LONGEST = 256 }; /* bytes of the longest function, or more */

/* Copies all functions; gives what is to be added to their addresses. */
static u64 copy_functions(void) {
  u64 low = ~0ul, high = 0;
  for (u64 i = 0; i < LENGTH(functions); i++) {
    u64 at = (u64)functions[i];
    if (at < low) low = at;
    if (at > high) high = at;
  }
  low &= ~7ul;
  u64 *to = take_code_memory(high + LONGEST - low);
  for (u64 at = low; at < high + LONGEST; at += 8) to[(at - low) / 8] = *(u64 *)at;
  asm volatile("fence.i" : : : "memory");
  return (u64)to - low;
}

static u64 call_all(u64 distance, u64 sum) {
  for (u64 i = 0; i < LENGTH(functions); i++) sum = ((function)((u64)functions[i] + distance))(sum, i);
  return sum;
}

/* Every copy is called three times. */
u64 run_cold(u64 size) {
  u64 sum = 0;
  for (u64 i = 0; i < size; i++) {
    u64 distance = copy_functions();
    for (u64 round = 0; round < 3; round++) sum = call_all(distance, sum);
  }
  return sum;
}

/* Three copies, called again and again. */
u64 run_warm(u64 size) {
  u64 distances[3], sum = 0;
  for (u64 i = 0; i < LENGTH(distances); i++) distances[i] = copy_functions();
  for (u64 round = 0; round < size; round++) {
    for (u64 i = 0; i < LENGTH(distances); i++) sum = call_all(distances[i], sum);
  }
  return sum;
}
