/* Page tables from a fixed pool. */
#include "paging.h"

#ifndef TABLE_PAGES
#define TABLE_PAGES 96
#endif

static u64 pool[TABLE_PAGES][512] __attribute__((aligned(PAGE_SIZE)));
static u64 used;

u64 *paging_create(void) {
  if (used == TABLE_PAGES) asm volatile("ebreak");
  return pool[used++];
}

u64 *paging_entry(u64 *root, int levels, u64 virtual, int level) {
  u64 *table = root;
  for (int at = levels - 1; at > level; at--) {
    u64 *entry = &table[virtual >> (12 + 9 * at) & 511];
    if (!(*entry & PTE_V)) *entry = (u64)paging_create() >> 12 << 10 | PTE_V;
    table = (u64 *)(*entry >> 10 << 12);
  }
  return &table[virtual >> (12 + 9 * level) & 511];
}

void paging_map(u64 *root, int levels, u64 virtual, u64 physical, u64 size, u64 flags, int level) {
  u64 page = (u64)PAGE_SIZE << 9 * level;
  for (u64 at = 0; at < size; at += page) {
    *paging_entry(root, levels, virtual + at, level) = (physical + at) >> 12 << 10 | flags;
  }
}

u64 paging_satp(u64 *root, int levels, u64 asid) { return (u64)(levels + 5) << 60 | asid << 44 | (u64)root >> 12; }

bool paging_enable(u64 satp) {
  csr_write(satp, satp);
  sfence_all();
  return csr_read(satp) >> 60 == satp >> 60;
}

u64 paging_pages(void) { return used; }
