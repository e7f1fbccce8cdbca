/* Types, CSR access and what every guest takes from the runtime. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed int i32;
typedef signed long i64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define NORETURN __attribute__((noreturn))

#define csr_read(csr)                                            \
  ({                                                             \
    u64 value_;                                                  \
    asm volatile("csrr %0, " #csr : "=r"(value_) : : "memory");  \
    value_;                                                      \
  })
#define csr_write(csr, value) ({ asm volatile("csrw " #csr ", %0" : : "rK"((u64)(value)) : "memory"); })
#define csr_set(csr, value) ({ asm volatile("csrs " #csr ", %0" : : "rK"((u64)(value)) : "memory"); })
#define csr_clear(csr, value) ({ asm volatile("csrc " #csr ", %0" : : "rK"((u64)(value)) : "memory"); })
#define csr_swap(csr, value)                                                           \
  ({                                                                                   \
    u64 old_;                                                                          \
    asm volatile("csrrw %0, " #csr ", %1" : "=r"(old_) : "rK"((u64)(value)) : "memory"); \
    old_;                                                                              \
  })

/* MMIO: one access of exactly this width. */
static inline u32 read32(u64 address) { return *(volatile u32 *)address; }
static inline void write32(u64 address, u32 value) { *(volatile u32 *)address = value; }
static inline u8 read8(u64 address) { return *(volatile u8 *)address; }
static inline void write8(u64 address, u8 value) { *(volatile u8 *)address = value; }
static inline void fence(void) { asm volatile("fence iorw, iorw" : : : "memory"); }

void *memset(void *to, int byte, u64 length);
void *memcpy(void *to, const void *from, u64 length);
int memcmp(const void *a, const void *b, u64 length);
u64 string_length(const char *text);
bool string_equal(const char *a, const char *b);

/* Set by the linker script. */
extern char image_start[], image_end[], text_end[], stack_top[];

/* The guest itself: what start.S calls on the first hart; it must not return. */
NORETURN void guest_main(u64 hart, u64 device_tree);
