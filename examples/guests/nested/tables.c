/* The guest's two stages of tables: Sv39x4 with a root of 16 KiB and U on every leaf, and Sv39 in identity. */
#include "nested.h"

static u64 g_root[2048] __attribute__((aligned(16384)));
static u64 g_middle[2][512] __attribute__((aligned(PAGE_SIZE)));
static u64 g_low[512] __attribute__((aligned(PAGE_SIZE)));

volatile u64 frames[PAGES][512] __attribute__((aligned(PAGE_SIZE)));
u64 *guest_root;

static u64 pointer(const u64 *table) { return (u64)table >> 12 << 10 | PTE_V; }

static void hfence_gvma(void) { asm volatile("hfence.gvma" : : : "memory"); }

void map_guest_page(u64 address, volatile void *frame, u64 flags) {
  g_low[address >> 12 & 511] = (u64)frame >> 12 << 10 | flags;
  hfence_gvma();
}

void make_tables(void) {
  u64 large = 2ul << 20, image = 0x80000000;
  g_root[image >> 30] = pointer(g_middle[0]);
  for (u64 i = 0; i < 4; i++) g_middle[0][i] = (image + i * large) >> 12 << 10 | PAGE_RWX | PTE_U;
  g_middle[0][GUEST_PAGE(0) >> 21 & 511] = pointer(g_low);
  g_root[2047] = pointer(g_middle[1]); /* the last GiB of 41 bits of address */
  g_middle[1][511] = image >> 12 << 10 | PAGE_RWX | PTE_U;
  for (u64 i = 0; i < PAGES; i++) {
    static const u64 flags[PAGES] = {PAGE_RWX | PTE_U, 0, PTE_V | PTE_R | PTE_U | PTE_A | PTE_D, PAGE_RWX, 0, PAGE_RWX | PTE_U};
    map_guest_page(GUEST_PAGE(i), frames[i], flags[i]);
    frames[i][0] = 0x8899aabbccddeef0 + i;
  }
  csr_write(hgatp, 8ul << 60 | 1ul << 44 | (u64)g_root >> 12);
  hfence_gvma();
  guest_root = paging_create();
  paging_map(guest_root, SV39, image, image, 4 * large, PAGE_RWX, 1);
  for (u64 i = 0; i < PAGES; i++) paging_map(guest_root, SV39, GUEST_PAGE(i), GUEST_PAGE(i), PAGE_SIZE, PAGE_RWX, 0);
}
