/* Page tables for Sv39, Sv48 and Sv57 (Privileged ISA, "Sv39" and the sections after it). */
#pragma once
#include "base.h"

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_G = 32, PTE_A = 64, PTE_D = 128 };
/* Leaves with A and D set, so that nothing depends on who sets them. */
enum { PAGE_RW = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D, PAGE_RX = PTE_V | PTE_R | PTE_X | PTE_A | PTE_D };
enum { PAGE_RWX = PAGE_RW | PTE_X };
enum { PAGE_SIZE = 4096, SV39 = 3, SV48 = 4, SV57 = 5 }; /* a mode is its number of levels */

/* An empty table; its page comes from a pool in the image. */
u64 *paging_create(void);
/* Maps [virtual, virtual + size) to `physical` with pages of 4 KiB << 9 * level. */
void paging_map(u64 *root, int levels, u64 virtual, u64 physical, u64 size, u64 flags, int level);
/* The entry that maps `virtual` at `level`, made if need be. */
u64 *paging_entry(u64 *root, int levels, u64 virtual, int level);
/* satp for a table and an ASID. */
u64 paging_satp(u64 *root, int levels, u64 asid);
/* Writes satp and orders it; true if the hart took the mode. */
bool paging_enable(u64 satp);
/* Number of pages that tables take. */
u64 paging_pages(void);

static inline void sfence_all(void) { asm volatile("sfence.vma" : : : "memory"); }
static inline void sfence_page(u64 virtual) { asm volatile("sfence.vma %0, zero" : : "r"(virtual) : "memory"); }
