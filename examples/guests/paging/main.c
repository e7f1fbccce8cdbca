/*
 * First-stage translation from the inside: Sv39, Sv48 and Sv57, leaves of every size, permissions, sfence.vma, ASIDs and the
 * page faults that must come, with cause, address and pc. `mode=sv48` in the boot arguments chooses one mode; otherwise all.
 */
#include "../runtime/fdt.h"
#include "../runtime/paging.h"
#include "../runtime/print.h"
#include "../runtime/sbi.h"
#include "../runtime/trap.h"

enum { SUM = 1 << 18, MXR = 1 << 19, SPP = 1 << 8 };
enum { USER = PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D };

static int levels;
static u64 *root;
static u64 half; /* lowest address of the upper half */
static u64 checks, failures;

static u64 cause, value, fault_pc; /* of the last exception; cause -1 is none */
static u64 resume;                 /* where a fetch fault or a trap from U-mode goes on */

static volatile u64 page_a[512] __attribute__((aligned(PAGE_SIZE)));
static volatile u64 page_b[512] __attribute__((aligned(PAGE_SIZE)));
static u32 code_page[1024] __attribute__((aligned(PAGE_SIZE)));

void trap(struct trap_frame *frame) {
  cause = csr_read(scause);
  value = csr_read(stval);
  fault_pc = frame->pc;
  if (resume) {
    frame->pc = resume;
    resume = 0;
    csr_set(sstatus, SPP);
  } else if (cause == LOAD_PAGE || cause == STORE_PAGE) {
    frame->pc += (*(u16 *)frame->pc & 3) == 3 ? 4 : 2;
  } else {
    print("FAIL unexpected trap: cause %x, stval %x, pc %x\n", cause, value, frame->pc);
    sbi_shutdown(true);
  }
}

static void check(bool good, const char *what) {
  checks++;
  if (good) return;
  failures++;
  print("FAIL %s (cause %d, stval %x)\n", what, cause, value);
}

static u64 load(u64 address) {
  u64 result = 0;
  cause = ~0ul;
  asm volatile("ld %0, 0(%1)" : "+r"(result) : "r"(address) : "memory");
  return result;
}

static void store(u64 address, u64 data) {
  cause = ~0ul;
  asm volatile("sd %0, 0(%1)" : : "r"(data), "r"(address) : "memory");
}

/* Calls the code at an address; 0 if the fetch faulted. */
static u64 call(u64 address) {
  register u64 a0 asm("a0") = 0;
  cause = ~0ul;
  asm volatile(
      "la t0, 1f\n sd t0, 0(%2)\n jalr %1\n 1:\n sd zero, 0(%2)"
      : "+r"(a0)
      : "r"(address), "r"(&resume)
      : "ra", "t0", "memory");
  return a0;
}

/* Runs the code at an address in U-mode until it traps. */
static void user(u64 address) {
  csr_clear(sstatus, SPP);
  asm volatile(
      "la t0, 1f\n sd t0, 0(%1)\n csrw sepc, %0\n sret\n 1:"
      :
      : "r"(address), "r"(&resume)
      : "t0", "memory");
}

static bool load_faults(u64 address) {
  load(address);
  return cause == LOAD_PAGE && value == address;
}

static bool store_faults(u64 address) {
  store(address, 0);
  return cause == STORE_PAGE && value == address;
}

static bool fetch_faults(u64 address) {
  call(address);
  return cause == FETCH_PAGE && value == address && fault_pc == address;
}

static void map(u64 virtual, volatile void *to, u64 flags) {
  paging_map(root, levels, virtual, (u64)to, PAGE_SIZE, flags, 0);
  sfence_page(virtual);
}

/* A leaf at every level shows the same page. */
static void check_sizes(void) {
  static const char *const names[] = {"4 KiB", "2 MiB", "1 GiB", "512 GiB", "256 TiB"};
  page_a[1] = 0x5eed;
  for (int level = 0; level < levels; level++) {
    u64 size = (u64)PAGE_SIZE << 9 * level, at = half + (u64)(level + 1) * (1ul << (9 * levels + 3) >> 2);
    if (level == levels - 1) at = half + 3 * size;
    u64 physical = (u64)page_a & ~(size - 1), offset = (u64)page_a - physical;
    paging_map(root, levels, at, physical, size, PAGE_RW, level);
    bool same = load(at + offset + 8) == 0x5eed && cause == ~0ul;
    check(same, names[level]);
    print("  leaf of %-8s %s\n", names[level], same ? "ok" : "FAIL");
    if (level == 0) continue;
    *paging_entry(root, levels, at, level) |= 1ul << 10;
    sfence_all();
    check(load_faults(at + offset), "misaligned superpage");
    *paging_entry(root, levels, at, level) = 0;
    sfence_all();
    check(load_faults(at + offset), "superpage taken away");
  }
}

static void check_permissions(void) {
  u64 at = half;
  map(at, page_a, PTE_V | PTE_R | PTE_A | PTE_D);
  check(load(at + 8) == 0x5eed, "load from a read-only page");
  check(store_faults(at + 8), "store to a read-only page");
  check(fetch_faults(at), "fetch from a read-only page");
  map(at, page_a, PTE_V | PTE_W | PTE_A | PTE_D);
  check(load_faults(at), "write without read is reserved");
  map(at, page_a, PTE_V | PTE_X | PTE_A | PTE_D);
  check(load_faults(at), "load from an execute-only page");
  csr_set(sstatus, MXR);
  check(load(at + 8) == 0x5eed, "the same with MXR");
  check(store_faults(at), "store to it with MXR");
  csr_clear(sstatus, MXR);
  map(at, page_a, USER);
  check(load_faults(at), "S loads from a U page");
  csr_set(sstatus, SUM);
  check(load(at + 8) == 0x5eed, "the same with SUM");
  sfence_page(at); /* some harts keep what the load found for fetches too */
  check(fetch_faults(at), "S fetches from a U page with SUM");
  csr_clear(sstatus, SUM);
  map(at, page_a, 0);
  check(load_faults(at) && store_faults(at) && fetch_faults(at), "no page");
  map(at, page_a, PAGE_RW | 1ul << 54);
  check(load_faults(at), "reserved bit of an entry");
  check(load_faults(half - 8) && store_faults(half - 8) && fetch_faults(half - 8), "address that is not canonical");
  check(load_faults(1ul << (9 * levels + 11)), "first address that is not canonical");
}

/* Who sets A and D is the machine's choice; either way nothing is lost. */
static void check_accessed(void) {
  u64 at = half;
  map(at, page_a, PTE_V | PTE_R | PTE_W);
  u64 *entry = paging_entry(root, levels, at, 0), got = load(at + 8);
  if (cause == LOAD_PAGE) check(value == at + 8 && !(*entry & (PTE_A | PTE_D)), "A left to software");
  else check(got == 0x5eed && (*entry & (PTE_A | PTE_D)) == PTE_A, "A set by hardware");
  *entry |= PTE_A;
  sfence_page(at);
  store(at + 16, 77);
  if (cause == STORE_PAGE) check(value == at + 16 && !(*entry & PTE_D), "D left to software");
  else check(page_a[2] == 77 && *entry & PTE_D, "D set by hardware");
}

static void check_remapping(void) {
  u64 at = half + PAGE_SIZE;
  page_b[1] = 0xb;
  map(at, page_a, PAGE_RW);
  check(load(at + 8) == 0x5eed, "before remapping");
  map(at, page_b, PAGE_RW);
  check(load(at + 8) == 0xb, "after remapping and sfence.vma of the address");
  for (u64 i = 0; i < 100; i++) {
    map(at, i & 1 ? page_b : page_a, PAGE_RW);
    store(at + 24, i);
    check((i & 1 ? page_b : page_a)[3] == i, "store after remapping");
  }
  *paging_entry(root, levels, at, 0) &= ~(u64)PTE_W;
  sfence_all();
  check(store_faults(at), "store after write permission was taken");
  *paging_entry(root, levels, at, 0) |= PTE_W;
  sfence_all();
  store(at, 1);
  check(cause == ~0ul, "store after it was given back");
}

static void check_code(void) {
  u64 at = half + 2 * PAGE_SIZE;
  code_page[0] = 0x02a00513; /* li a0, 42 */
  code_page[1] = 0x00008067; /* ret */
  code_page[4] = 0x00000073; /* ecall */
  code_page[8] = 0x00053503; /* ld a0, 0(a0) */
  asm volatile("fence.i" : : : "memory");
  map(at, code_page, PAGE_RX);
  check(call(at) == 42 && cause == ~0ul, "code in the upper half");
  map(at, code_page, USER);
  user(at + 16);
  check(cause == ECALL_U && fault_pc == at + 16, "ecall from U");
  register u64 a0 asm("a0") = (u64)page_a;
  asm volatile("" : : "r"(a0));
  user(at + 32);
  check(cause == LOAD_PAGE, "U loads from an S page");
  map(at, code_page, PAGE_RX);
  user(at + 16);
  check(cause == FETCH_PAGE && value == at + 16, "U fetches from an S page");
}

/* A table with the image, the upper half of `root`, and `page` at `at` in the lower one. */
static u64 *another_root(u64 at, volatile u64 *page) {
  u64 *table = paging_create();
  u64 start = (u64)image_start, size = (u64)image_end - start;
  for (u64 i = 256; i < 512; i++) table[i] = root[i];
  paging_map(table, levels, start, start, size, PAGE_RWX, 0);
  paging_map(table, levels, at, (u64)page, PAGE_SIZE, PAGE_RW, 0);
  return table;
}

/* The same address in two address spaces; a global page in both. */
static void check_asids(void) {
  u64 at = 0x1000, global = half + 4 * PAGE_SIZE;
  map(global, page_b, PAGE_RW | PTE_G);
  u64 *spaces[] = {another_root(at, page_a), another_root(at, page_b)};
  page_a[4] = 0xa4;
  page_b[4] = 0xb4;
  sfence_all();
  csr_write(satp, paging_satp(spaces[0], levels, 1));
  bool asids = (csr_read(satp) >> 44 & 0xffff) == 1;
  for (u64 i = 0; i < 20; i++) {
    csr_write(satp, paging_satp(spaces[i & 1], levels, asids ? 1 + (i & 1) : 0));
    if (!asids) sfence_all();
    check(load(at + 32) == (i & 1 ? 0xb4 : 0xa4), "address space by ASID");
    check(load(global + 32) == 0xb4, "global page");
  }
  csr_write(satp, paging_satp(root, levels, 0));
  sfence_all();
}

static void run(int mode) {
  static const char *const names[] = {"Sv39", "Sv48", "Sv57"};
  u64 start = (u64)image_start, size = (u64)image_end - start;
  levels = mode;
  half = ~0ul << (9 * levels + 11);
  root = paging_create();
  paging_map(root, levels, start, start, size, PAGE_RWX, 0);
  if (!paging_enable(paging_satp(root, levels, 0))) {
    print("%s: not there\n", names[mode - SV39]);
    failures++;
    return;
  }
  u64 before = failures;
  print("%s\n", names[mode - SV39]);
  check_sizes();
  check_permissions();
  check_accessed();
  check_remapping();
  check_code();
  check_asids();
  csr_write(satp, 0);
  sfence_all();
  print("  %u checks so far: %s\n", checks, failures == before ? "OK" : "FAIL");
}

static bool has(const char *text, const char *word) {
  for (; *text; text++) {
    if (memcmp(text, word, string_length(word)) == 0) return true;
  }
  return false;
}

void guest_main(u64 hart, u64 device_tree) {
  (void)hart;
  csr_write(stvec, trap_entry);
  sbi_console();
  const char *arguments = fdt_open(device_tree) ? fdt_text(fdt_named("chosen"), "bootargs") : "";
  bool all = !has(arguments, "mode=");
  if (all || has(arguments, "mode=sv39")) run(SV39);
  if (all || has(arguments, "mode=sv48")) run(SV48);
  if (all || has(arguments, "mode=sv57")) run(SV57);
  print("%s\n", failures ? "FAIL" : "OK");
  sbi_shutdown(failures != 0);
}
