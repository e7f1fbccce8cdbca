/*
 * All harts together: HSM start, stop and suspend, inter-processor interrupts, remote fences, spin locks from LR/SC,
 * atomic instructions. Prints totals, so a lost increment, interrupt or flush shows.
 */
#include "../runtime/paging.h"
#include "../runtime/print.h"
#include "../runtime/sbi.h"
#include "../runtime/trap.h"

enum { HARTS = 8, WORK = 5000, TURNS = 40, REMAPS = 25 };
enum { HSM_START, HSM_STOP, HSM_STATUS, HSM_SUSPEND };
enum { STARTED, STOPPED, START_PENDING, STOP_PENDING, SUSPENDED };

#define WINDOW 0xffffffc000000000ul

extern char hart_entry[];
i64 hart_suspend(void);

static char stacks[HARTS][4096] __attribute__((aligned(16)));
static u64 ids[HARTS]; /* hart ID by our own number; the boot hart is number 0 */
static u64 harts;
static u64 *root;
static u64 failures;

static void report(bool good, const char *what) {
  print("%-4s %s\n", good ? "ok" : "FAIL", what);
  failures += !good;
}

static u64 add(volatile u64 *counter, u64 value) {
  return __atomic_fetch_add(counter, value, __ATOMIC_SEQ_CST);
}

/* Lets all harts go on together. */
static void barrier(void) {
  static volatile u64 arrived, generation;
  u64 mine = generation;
  if (add(&arrived, 1) == harts - 1) {
    arrived = 0;
    add(&generation, 1);
  } else {
    while (generation == mine) {}
  }
}

/* A lock from LR/SC by hand. */
static volatile u32 lock_word;

static void lock(void) {
  u32 old, failed;
  do {
    asm volatile(
        "1: lr.w.aq %0, (%2)\n bnez %0, 2f\n sc.w.rl %1, %3, (%2)\n bnez %1, 1b\n 2:"
        : "=&r"(old), "=&r"(failed)
        : "r"(&lock_word), "r"(1)
        : "memory");
  } while (old);
}

static void unlock(void) { asm volatile("amoswap.w.rl zero, zero, (%0)" : : "r"(&lock_word) : "memory"); }

static volatile u64 under_lock, by_amo, toggled, largest;
static volatile u32 narrow[2];

static void count_together(u64 number) {
  for (u64 i = 0; i < WORK; i++) {
    lock();
    under_lock = under_lock + 1;
    unlock();
    add(&by_amo, 1);
    __atomic_fetch_xor(&toggled, 1ul << (i % 64), __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&narrow[1], 3, __ATOMIC_SEQ_CST);
    asm volatile("amomaxu.d zero, %1, (%0)" : : "r"(&largest), "r"(i * HARTS + number) : "memory");
  }
}

/* A token goes round by inter-processor interrupts; the harts sleep in WFI. */
static volatile u64 token_at, hops, received[HARTS];
static u64 numbers_by_stack(void);

void trap(struct trap_frame *frame) {
  u64 cause = csr_read(scause);
  if (cause == INTERRUPT(SOFTWARE_S)) {
    csr_clear(sip, 1 << SOFTWARE_S);
    received[numbers_by_stack()]++;
    return;
  }
  print("FAIL trap: cause %x, pc %x, stval %x\n", cause, frame->pc, csr_read(stval));
  sbi_shutdown(true);
}

/* The hart that runs on this stack. */
static u64 numbers_by_stack(void) {
  u64 at = (u64)__builtin_frame_address(0);
  return at >= (u64)stacks && at < (u64)stacks + sizeof stacks ? (at - (u64)stacks) / sizeof stacks[0] : 0;
}

static void pass_token(u64 number) {
  for (u64 turn = 0; turn < TURNS; turn++) {
    while (received[number] <= turn) {
      csr_clear(sstatus, 2);
      if (received[number] <= turn) asm volatile("wfi");
      csr_set(sstatus, 2);
    }
    if (token_at != number) received[number] = 1ul << 32;
    hops++;
    token_at = (number + 1) % harts;
    if (number == harts - 1 && turn == TURNS - 1) break;
    u64 next = ids[token_at];
    sbi_call(SBI_IPI, 0, 1, next, 0);
  }
  csr_clear(sstatus, 2);
}

/* The boot hart changes a mapping and flushes the others from afar; they must see the change. */
static volatile u64 pages[2][512] __attribute__((aligned(PAGE_SIZE)));
static volatile u64 stale;

static void remap(u64 number) {
  volatile u64 *window = (u64 *)WINDOW;
  for (u64 i = 0; i < REMAPS; i++) {
    barrier();
    if (*window != (i & 1)) add(&stale, 1);
    barrier();
    if (number == 0) {
      paging_map(root, SV39, WINDOW, (u64)pages[~i & 1], PAGE_SIZE, PAGE_RW, 0);
      /* SBI numbers harts by their IDs; a base of -1 means all. */
      sbi_call5(SBI_RFENCE, 1, 0, ~0ul, WINDOW, PAGE_SIZE, 0);
    }
  }
  barrier();
}

/* The boot hart rewrites a function and has the others fetch it anew. */
static u32 code[2] __attribute__((aligned(64)));
static volatile u64 wrong_code;

static void rewrite(u64 number) {
  u64 (*function)(void) = (u64(*)(void))(u64)code;
  for (u64 i = 0; i < REMAPS; i++) {
    barrier();
    if (number == 0) {
      code[0] = (u32)(i << 20) | 0x513; /* li a0, i */
      code[1] = 0x8067;                 /* ret */
      sbi_call5(SBI_RFENCE, 0, 0, ~0ul, 0, 0, 0);
      asm volatile("fence.i" : : : "memory");
    }
    barrier();
    if (function() != i) add(&wrong_code, 1);
  }
  barrier();
}

static volatile u64 woken, restarted;

static void run(u64 number) {
  paging_enable(paging_satp(root, SV39, 0));
  barrier();
  count_together(number);
  barrier();
  csr_write(sie, 1 << SOFTWARE_S);
  if (number == 0) {
    for (u64 i = 0; i < harts; i++) received[i] = 0;
    token_at = 0;
  }
  barrier();
  if (number == 0) sbi_call(SBI_IPI, 0, 1, ids[0], 0);
  pass_token(number);
  barrier();
  remap(number);
  rewrite(number);
}

/* The secondary harts: work, sleep without retention until an interrupt, stop. Started again, they only say so. */
void hart_main(u64 hart, u64 stack) {
  (void)hart;
  u64 number = (stack - (u64)stacks) / sizeof stacks[0] - 1;
  static volatile u64 lives[HARTS];
  if (lives[number]++ == 0) {
    run(number);
    csr_write(satp, 0);
    if (hart_suspend() == 0) add(&woken, 1);
  } else {
    add(&restarted, 1);
  }
  sbi_call(SBI_HSM, HSM_STOP, 0, 0, 0);
}

static u64 status(u64 number) { return sbi_call(SBI_HSM, HSM_STATUS, ids[number], 0, 0).value; }

static void wait_for_status(u64 wanted) {
  for (u64 i = 1; i < harts; i++) {
    while (status(i) != wanted) {}
  }
}

static void start_others(void) {
  for (u64 i = 1; i < harts; i++) {
    struct sbi_result started = sbi_call(SBI_HSM, HSM_START, ids[i], (u64)hart_entry, (u64)stacks[i + 1]);
    if (started.error) print("FAIL start: %d\n", started.error);
  }
}

static void find_harts(u64 boot_hart) {
  ids[harts++] = boot_hart;
  for (u64 id = 0; id < HARTS; id++) {
    struct sbi_result found = sbi_call(SBI_HSM, HSM_STATUS, id, 0, 0);
    if (id != boot_hart && !found.error && found.value == STOPPED && harts < HARTS - 1) ids[harts++] = id;
  }
}

static void map_all(void) {
  u64 start = (u64)image_start, size = (u64)image_end - start;
  root = paging_create();
  paging_map(root, SV39, start, start, size, PAGE_RWX, 0);
  paging_map(root, SV39, WINDOW, (u64)pages[0], PAGE_SIZE, PAGE_RW, 0);
  pages[1][0] = 1;
}

static void show_errors(void) {
  report(sbi_call(SBI_HSM, HSM_STATUS, 4095, 0, 0).error == -3, "status of a hart that is not: invalid parameter");
  report(sbi_call(SBI_HSM, HSM_START, 4095, 0, 0).error == -3, "start of a hart that is not: invalid parameter");
  report(sbi_call(SBI_HSM, HSM_START, ids[0], 0, 0).error == -6, "start of a hart that runs: already available");
}

void guest_main(u64 hart, u64 device_tree) {
  (void)device_tree;
  csr_write(stvec, trap_entry);
  sbi_console();
  find_harts(hart);
  map_all();
  print("%u harts\n", harts);
  show_errors();
  start_others();
  run(0);
  print("under a lock of LR/SC: %u, by AMO: %u, of 32 bits: %u, largest: %u\n", under_lock, by_amo, (u64)narrow[1], largest);
  report(under_lock == harts * WORK && by_amo == harts * WORK, "no increment lost");
  report(toggled == (harts & 1 ? 0xff : 0) && narrow[1] == 3 * harts * WORK && narrow[0] == 0, "atomic xor and add of a word");
  print("token passed %u times\n", hops);
  report(hops == harts * TURNS, "inter-processor interrupts");
  report(stale == 0, "remote sfence.vma");
  report(wrong_code == 0, "remote fence.i");
  csr_write(satp, 0);
  wait_for_status(SUSPENDED);
  for (u64 i = 1; i < harts; i++) sbi_call(SBI_IPI, 0, 1, ids[i], 0);
  wait_for_status(STOPPED);
  report(woken == harts - 1, "suspended without retention, woken, stopped");
  start_others();
  while (restarted != harts - 1) {}
  wait_for_status(STOPPED);
  report(true, "started and stopped once more");
  print("%s\n", failures ? "FAILED" : "done");
  sbi_shutdown(failures != 0);
}
