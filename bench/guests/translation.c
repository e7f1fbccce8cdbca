/* Rows in which addresses are translated anew all the time. */
#include "../../examples/guests/runtime/paging.h"
#include "bench.h"

/* A word of every page of 64 MiB. */
u64 run_tlb_walk(u64 size) {
  enum { PAGES = 16384 };
  u8 *memory = take_memory((u64)PAGES * PAGE_SIZE);
  for (u64 page = 0; page < PAGES; page++) *(u64 *)(memory + page * PAGE_SIZE + (page * 72 & 4088)) = page * 3;
  u64 sum = 0;
  for (u64 round = 0; round < size; round++) {
    for (u64 page = 0; page < PAGES; page++) sum += *(volatile u64 *)(memory + page * PAGE_SIZE + (page * 72 & 4088)) ^ round;
  }
  return sum;
}

/* Forgetting everything, then a page, with accesses to eight pages after each. */
u64 run_tlb_flush(u64 size) {
  enum { PAGES = 8 };
  volatile u64 *memory = take_memory(PAGES * PAGE_SIZE);
  u64 sum = 0;
  for (u64 i = 0; i < size * 1000; i++) {
    sfence_all();
    for (u64 page = 0; page < PAGES; page++) sum += memory[page * 512 + page]++;
    for (u64 page = 0; page < PAGES; page++) {
      sfence_page((u64)&memory[page * 512]);
      sum ^= memory[page * 512 + page] << page;
    }
  }
  return sum;
}

static u64 demand_frames, demanded;

/* Maps the page that was missed; each address has its frame. */
static void on_missing_page(struct trap_frame *frame) {
  u64 at = csr_read(stval), cause = csr_read(scause);
  if ((cause != LOAD_PAGE && cause != STORE_PAGE) || at < WINDOW) {
    bench_trap = NULL;
    return trap(frame);
  }
  u64 page = at & ~(u64)(PAGE_SIZE - 1);
  paging_map(bench_root, SV39, page, demand_frames + (page - WINDOW), PAGE_SIZE, PAGE_RW, 0);
  sfence_page(page);
  demanded++;
}

/* Pages that come when they are touched, and go all together. */
u64 run_fault(u64 size) {
  enum { PAGES = 256 };
  demand_frames = take_frames(PAGES * PAGE_SIZE);
  bench_trap = on_missing_page;
  volatile u64 *memory = (volatile u64 *)WINDOW;
  u64 sum = 0;
  for (u64 round = 0; round < size; round++) {
    for (u64 page = 0; page < PAGES; page++) {
      u64 at = page * 512 + (round + page) % 512;
      if (page & 1) memory[at] += round;
      else sum += memory[at]++;
    }
    for (u64 page = 0; page < PAGES; page++) *paging_entry(bench_root, SV39, WINDOW + page * PAGE_SIZE, 0) = 0;
    sfence_all();
  }
  return mix(sum, demanded);
}

/* Eight address spaces with ASIDs of their own, the image in all of them, and four pages at the same addresses in each. */
u64 run_asid(u64 size) {
  enum { SPACES = 8, PAGES = 4 };
  u64 satps[SPACES], sum = 0;
  for (u64 space = 0; space < SPACES; space++) {
    u64 *root = paging_create();
    for (u64 i = 0; i < 512; i++) root[i] = bench_root[i];
    paging_map(root, SV39, WINDOW, take_frames(PAGES * PAGE_SIZE), PAGES * PAGE_SIZE, PAGE_RW, 0);
    satps[space] = paging_satp(root, SV39, space + 1);
  }
  sfence_all();
  volatile u64 *memory = (volatile u64 *)WINDOW;
  for (u64 i = 0; i < size * 1000; i++) {
    u64 space = (i * 5) % SPACES;
    csr_write(satp, satps[space]);
    for (u64 page = 0; page < PAGES; page++) sum = sum * 3 + (memory[page * 512 + space] += i + page);
  }
  csr_write(satp, paging_satp(bench_root, SV39, 0));
  return sum;
}
