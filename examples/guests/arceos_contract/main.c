/*
 * Keeps the platform contract of ArceOS on riscv64-qemu-virt: a flat image at 0x80200000, a device tree that is never read,
 * RAM of 128 MiB, its boot table, the debug console in pieces of at most 256 bytes that must make progress, one hart more by
 * HSM, 100 timer interrupts a second by TIME, idling in WFI, virtio-mmio polled in all eight slots, power off by SRST.
 */
#include "../runtime/print.h"
#include "../runtime/sbi.h"
#include "../runtime/trap.h"
#include "../runtime/virtio_blk.h"

#define UPPER 0xffffffc000000000ul
#define physical(address) ((u64)(address) & ~UPPER)

enum { CHUNK = 256, TICKS_PER_SECOND = 100, TIMEBASE = 10000000, TICKS = 10, SLOTS = 8, PHYSICAL_END = 0x88000000 };

extern u64 boot_table[512];
extern char second_entry[];
void to_upper_half(void);

static volatile u64 ticks, second_hart_up;
static char second_stack[8192] __attribute__((aligned(16)));
static struct virtio_blk disk;

/* As ArceOS writes: whatever the firmware takes of 256 bytes; nothing taken would hang here for ever. */
static void write_console(const char *text, u64 length) {
  while (length) {
    u64 piece = length < CHUNK ? length : CHUNK;
    u64 taken = sbi_call(SBI_DBCN, 0, piece, physical(text), 0).value;
    text += taken;
    length -= taken;
  }
}

void trap(struct trap_frame *frame) {
  u64 cause = csr_read(scause);
  if (cause != INTERRUPT(TIMER_S)) {
    print("unhandled trap: cause %x, pc %x, stval %x\n", cause, frame->pc, csr_read(stval));
    sbi_shutdown(true);
  }
  ticks++;
  sbi_call(SBI_TIME, 0, csr_read(time) + TIMEBASE / TICKS_PER_SECOND, 0, 0);
}

void second_main(u64 hart) {
  (void)hart;
  second_hart_up = 1;
  fence();
  for (;;) asm volatile("wfi");
}

static void start_second_hart(u64 hart) {
  u64 other = hart == 0;
  if (!sbi_probe(SBI_HSM)) return;
  struct sbi_result started =
      sbi_call(SBI_HSM, 0, other, physical(second_entry), physical(second_stack + sizeof second_stack));
  if (started.error) {
    print("No second CPU: error %d\n", started.error);
    return;
  }
  while (!second_hart_up) {}
  print("Secondary CPU init OK.\n");
}

/* Timer as ArceOS: armed for "at once" first, then one shot after the other. */
static void count_ticks(void) {
  sbi_call(SBI_TIME, 0, 0, 0, 0);
  csr_set(sie, 1 << TIMER_S);
  csr_set(sstatus, 2);
  while (ticks < TICKS) asm volatile("wfi");
  csr_clear(sstatus, 2);
  print("%u timer interrupts at %u Hz\n", (u64)TICKS, (u64)TICKS_PER_SECOND);
}

/* Reads a sector by polling. */
static void read_sector(void) {
  static char sector[SECTOR_SIZE + 1];
  virtio_blk_submit(&disk, false, 0, sector, SECTOR_SIZE);
  while (!virtio_blk_done()) {}
  for (char *at = sector; *at; at++) {
    if (*at < ' ' || *at > '~') *at = 0;
  }
  print("Sector 0, status %u: %s\n", (u64)virtio_blk_status(), sector);
}

static void probe_slots(void) {
  for (u64 slot = 0; slot < SLOTS; slot++) {
    u64 base = UPPER + 0x10001000 + 0x1000 * slot;
    if (virtio_device_id(base) != 2) continue;
    print("virtio-mmio slot %u: a disk\n", slot);
    if (virtio_blk_start(&disk, base)) read_sector();
  }
  print("Probed %u virtio-mmio slots.\n", (u64)SLOTS);
}

/* Inline, so that no return address of the lower half is left on the stack. */
static inline __attribute__((always_inline)) void enable_paging(void) {
  asm volatile("sfence.vma" : : : "memory");
  csr_write(satp, 8ul << 60 | (u64)boot_table >> 12);
  asm volatile("sfence.vma" : : : "memory");
  to_upper_half();
}

void guest_main(u64 hart, u64 device_tree) {
  enable_paging();
  csr_write(stvec, (u64)trap_entry | UPPER);
  print_sink = (void (*)(const char *, u64))((u64)write_console | UPPER);
  print("\n"
        "arch = riscv64\n"
        "platform = riscv64-qemu-virt\n"
        "smp = 2\n\n");
  print("Logging is enabled.\n");
  print("Primary CPU %u started, dtb %s.\n", hart, device_tree ? "given" : "missing");
  volatile u64 *last = (u64 *)(UPPER + PHYSICAL_END - 8);
  *last = 0x1234;
  print("RAM up to 0x%x %s.\n", (u64)PHYSICAL_END, *last == 0x1234 ? "works" : "is missing");
  probe_slots();
  start_second_hart(hart);
  print("Primary CPU %u init OK.\n", hart);
  count_ticks();
  print("Hello, world!\n");
  print("Shutting down...\n");
  sbi_shutdown(false);
}
