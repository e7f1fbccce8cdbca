/* The four functions that GCC may call on its own, and two for strings. */
#include "base.h"

void *memset(void *to, int byte, u64 length) {
  u8 *bytes = to;
  while (length--) *bytes++ = (u8)byte;
  return to;
}

void *memcpy(void *to, const void *from, u64 length) {
  u8 *target = to;
  const u8 *source = from;
  while (length--) *target++ = *source++;
  return to;
}

void *memmove(void *to, const void *from, u64 length) {
  u8 *target = to;
  const u8 *source = from;
  if (target < source) return memcpy(to, from, length);
  while (length--) target[length] = source[length];
  return to;
}

int memcmp(const void *a, const void *b, u64 length) {
  const u8 *x = a, *y = b;
  for (; length; length--, x++, y++) {
    if (*x != *y) return *x - *y;
  }
  return 0;
}

u64 string_length(const char *text) {
  u64 length = 0;
  while (text[length]) length++;
  return length;
}

bool string_equal(const char *a, const char *b) {
  u64 length = string_length(a);
  return length == string_length(b) && memcmp(a, b, length) == 0;
}
