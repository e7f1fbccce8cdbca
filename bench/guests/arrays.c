/* Rows that go through memory. */
#include "bench.h"

u64 run_sieve(u64 size) {
  enum { LIMIT = 1 << 20 };
  u8 *composite = take_memory(LIMIT);
  u64 sum = 0;
  for (u64 round = 0; round < size; round++) {
    u64 limit = LIMIT - round, primes = 0;
    for (u64 i = 0; i < limit; i++) composite[i] = 0;
    for (u64 i = 2; i < limit; i++) {
      if (composite[i]) continue;
      primes++;
      for (u64 at = i * i; at < limit; at += i) composite[at] = 1;
    }
    sum = mix(sum, primes);
  }
  return sum;
}

/* a = b + c * k, then a copy, over arrays of 1 MiB that are `distance` bytes apart. */
static u64 stream(u64 size, u64 distance) {
  enum { WORDS = 1 << 17 };
  u8 *memory = take_memory(2 * distance + WORDS * 8);
  u64 *a = (u64 *)memory, *b = (u64 *)(memory + distance), *c = (u64 *)(memory + 2 * distance);
  for (u64 i = 0; i < WORDS; i++) b[i] = i * 0x10001, c[i] = ~i;
  for (u64 round = 0; round < size; round++) {
    for (u64 i = 0; i < WORDS; i++) a[i] = b[i] + c[i] * 3;
    for (u64 i = 0; i < WORDS; i++) b[i] = a[i];
    c[round % WORDS] += round;
  }
  u64 sum = 0;
  for (u64 i = 0; i < WORDS; i++) sum = mix(sum, a[i]);
  return sum;
}

u64 run_stream(u64 size) { return stream(size, 0x134560); }
u64 run_stream_2m(u64 size) { return stream(size, 2 << 20); }
u64 run_stream_8m(u64 size) { return stream(size, 8 << 20); }

/* One cycle through nodes of 64 bytes in random order (Sattolo's shuffle). */
u64 run_chase(u64 size) {
  enum { NODES = 1 << 16 };
  struct node {
    struct node *next;
    u64 value, rest[6];
  } *nodes = take_memory(NODES * sizeof(struct node));
  u32 *order = take_memory(NODES * 4), seed = 7;
  for (u32 i = 0; i < NODES; i++) order[i] = i;
  for (u32 i = NODES - 1; i > 0; i--) {
    u32 other = (u32)((u64)next_random(&seed) * i >> 32), kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
  for (u32 i = 0; i < NODES; i++) {
    nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
    nodes[order[i]].value = i;
  }
  u64 sum = 0;
  struct node *at = nodes;
  for (u64 i = 0; i < size * 1000; i++) {
    sum = sum * 5 + at->value;
    at = at->next;
  }
  return sum;
}

static NOINLINE u64 length_of(const char *text) {
  const char *end = text;
  while (*end) end++;
  return (u64)(end - text);
}

static NOINLINE i64 compare(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (u8)*a - (u8)*b;
}

static NOINLINE char *find(char *text, const char *word) {
  for (; *text; text++) {
    u64 i = 0;
    while (word[i] && text[i] == word[i]) i++;
    if (!word[i]) return text;
  }
  return NULL;
}

static NOINLINE void upper(char *to, const char *from) {
  do *to++ = *from >= 'a' && *from <= 'z' ? *from - 32 : *from;
  while (*from++);
}

/* Length, comparison, search, upper case and a hash of text, byte by byte. */
u64 run_strings(u64 size) {
  enum { BYTES = 4096 };
  char *text = take_memory(BYTES), *other = take_memory(BYTES);
  u32 seed = 5;
  u64 sum = 0;
  for (u64 i = 0; i < BYTES - 1; i++) text[i] = "etaoin shrdlu"[next_random(&seed) % 13];
  for (u64 round = 0; round < size; round++) {
    upper(other, text);
    char *found = find(text, "noise");
    u64 hash = 5381;
    for (const char *at = other; *at; at++) hash = hash * 33 + (u8)*at;
    sum = mix(sum, hash + length_of(text + round % 64) + (found ? (u64)(found - text) : 1));
    text[(sum >> 20) % (BYTES - 1)] = "etaoin shrdlu"[next_random(&seed) % 13];
    upper(other + BYTES / 2, text + BYTES / 2);
    sum += (u64)compare(other + BYTES / 2, other + BYTES / 2 + (round & 1));
  }
  return sum;
}
