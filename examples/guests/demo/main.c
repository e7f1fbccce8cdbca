/*
 * The demo: a guest in S-mode that shows, one after the other, what it runs on and what it can use: SBI, device tree, Sv39,
 * page faults, PLIC, UART with transmit and receive interrupts, timer, virtio-blk, floating point and an SBI extension that
 * a plugin brings. It reads addresses from the device tree, prints no time, and powers off.
 */
#include "../runtime/fdt.h"
#include "../runtime/paging.h"
#include "../runtime/print.h"
#include "../runtime/sbi.h"
#include "../runtime/trap.h"
#include "../runtime/virtio_blk.h"
#include "demo.h"

#define WINDOW 0xffffffc000000000ul /* lowest address of Sv39's upper half */
enum { GREETER = 0x08000001, GREETER_COUNT = 0, GREETER_GREET = 1 }; /* an experimental EID: what our example plugin has */

static u64 checks, failures;
static struct virtio_blk disk;
static bool has_sstc;
static u64 timebase;

void label(const char *name) { print(" %-11s", name); }

void check(bool good, const char *what) {
  checks++;
  if (good) return;
  failures++;
  label("FAILED");
  print("%s\n", what);
}

static void show_banner(void) {
  print("\n"
        "   ___                          _\n"
        "  |   \\ ___ _ _  _____ _(_)___ ___ _ _\n"
        "  | |) / -_) ' \\/ _ \\ V / (_-</ _ \\ '_|\n"
        "  |___/\\___|_||_\\___/\\_/|_/__/\\___/_|    the demo guest\n"
        "\n");
}

static const char *implementation_name(u64 id) {
  static const char *const names[] = {"BBL",    "OpenSBI", "Xvisor",       "KVM",      "RustSBI", "Diosix",
                                      "Coffer", "Xen",     "PolarFire HSS", "coreboot", "oreboot", "bhyve"};
  if (id == 0x44656e6f) return "Denovisor";
  return id < LENGTH(names) ? names[id] : "unknown";
}

static void show_firmware(void) {
  static const struct {
    u64 eid;
    const char *name;
  } known[] = {{SBI_BASE, "BASE"}, {SBI_TIME, "TIME"}, {SBI_IPI, "IPI"},      {SBI_RFENCE, "RFENCE"}, {SBI_HSM, "HSM"},
               {SBI_SRST, "SRST"}, {SBI_DBCN, "DBCN"}, {0x53555350, "SUSP"}, {0x504D55, "PMU"},      {0x46574654, "FWFT"}};
  u64 version = sbi_call(SBI_BASE, 0, 0, 0, 0).value;
  u64 id = sbi_call(SBI_BASE, 1, 0, 0, 0).value;
  label("firmware");
  print("SBI %u.%u by %s\n", version >> 24 & 0x7f, version & 0xffffff, implementation_name(id));
  print(" %-10s", "");
  for (u64 i = 0; i < LENGTH(known); i++) {
    if (sbi_probe(known[i].eid)) print(" %s", known[i].name);
  }
  print("\n");
  check(version >= 2, "SBI 0.2 or later");
}

/* Whether `names` separated by _ has `name`. */
static bool isa_has(const char *isa, const char *name) {
  u64 length = string_length(name);
  for (const char *at = isa; *at; at++) {
    if (*at == '_' && memcmp(at + 1, name, length) == 0 && (at[1 + length] == '_' || at[1 + length] == 0)) return true;
  }
  return false;
}

/* Prints the ISA string in lines of bearable length. */
static void show_isa(const char *isa) {
  u64 column = 0;
  label("cpu");
  for (; *isa; isa++, column++) {
    if (*isa == '_' && column > 60) {
      print("\n");
      label("");
      column = 0;
    }
    print("%c", (u64)*isa);
  }
  print("\n");
}

static void show_board(void) {
  fdt_node memory = fdt_named("memory"), cpus = fdt_named("cpus");
  u64 count = 0;
  for (fdt_node cpu = fdt_compatible(0, "riscv"); cpu; cpu = fdt_compatible(cpu, "riscv")) count++;
  timebase = fdt_cell(cpus, "timebase-frequency", 0);
  label("board");
  print("%s: %u CPU%s, %u MiB of RAM at 0x%x\n", fdt_text(fdt_named(""), "model"), count, count == 1 ? "" : "s",
        fdt_reg_size(memory) >> 20, fdt_address(memory));
  const char *isa = fdt_text(fdt_compatible(0, "riscv"), "riscv,isa");
  has_sstc = isa_has(isa, "sstc");
  show_isa(isa);
}

/* Devices by a leaf of 1 GiB, RAM by leaves of 2 MiB, the image by pages of 4 KiB, its code read-only. */
static u64 *build_tables(void) {
  fdt_node memory = fdt_named("memory");
  u64 start = fdt_address(memory), size = fdt_reg_size(memory), huge = 1ul << 30, large = 2ul << 20;
  u64 image = (u64)image_start, code = (u64)text_end - image;
  u64 *root = paging_create();
  paging_map(root, SV39, 0, 0, huge, PAGE_RW, 2);
  for (u64 at = start; at < start + size; at += at < start + huge ? large : huge) {
    if (at == image) paging_map(root, SV39, at + code, at + code, large - code, PAGE_RW, 0);
    else paging_map(root, SV39, at, at, large, PAGE_RW, at < start + huge ? 1 : 2);
  }
  paging_map(root, SV39, image, image, code, PAGE_RX, 0);
  return root;
}

static void show_paging(void) {
  static volatile u64 page[512] __attribute__((aligned(PAGE_SIZE)));
  u64 *root = build_tables();
  volatile u64 *window = (u64 *)WINDOW, *locked = (u64 *)(WINDOW + PAGE_SIZE);
  paging_map(root, SV39, WINDOW, (u64)page, PAGE_SIZE, PAGE_RW, 0);
  paging_map(root, SV39, WINDOW + PAGE_SIZE, (u64)page, PAGE_SIZE, PTE_V | PTE_R | PTE_A, 0);
  bool on = paging_enable(paging_satp(root, SV39, 0));
  label("paging");
  print("Sv39 %s: %u tables with pages of 1 GiB, 2 MiB and 4 KiB\n", on ? "on" : "REFUSED", paging_pages());
  check(on, "Sv39");
  window[7] = 0x600dcafe;
  label("");
  print("0x%x shows the page at 0x%x: wrote and read 0x%x\n", WINDOW, (u64)page, page[7]);
  check(page[7] == 0x600dcafe, "two addresses of one page");
  expect_exception();
  locked[7] = 0;
  label("");
  print("store to a read-only page: trap, cause %u, at 0x%x\n", last_cause, last_value);
  check(last_cause == STORE_PAGE && last_value == WINDOW + PAGE_SIZE + 56 && page[7] == 0x600dcafe, "page fault");
}

/* Which context of the PLIC is S-mode of `hart`: the place of (its interrupt controller, 9) in interrupts-extended. */
static bool find_plic(u64 hart) {
  fdt_node plic = fdt_compatible(0, "sifive,plic-1.0.0");
  u32 controller = 0;
  for (fdt_node cpu = fdt_compatible(0, "riscv"); cpu; cpu = fdt_compatible(cpu, "riscv")) {
    if (fdt_cell(cpu, "reg", 0) == hart) controller = fdt_cell(fdt_compatible(cpu, "riscv,cpu-intc"), "phandle", 0);
  }
  u32 entries = fdt_property(plic, "interrupts-extended").length / 8;
  for (u32 i = 0; i < entries; i++) {
    if (fdt_cell(plic, "interrupts-extended", 2 * i) != controller) continue;
    if (fdt_cell(plic, "interrupts-extended", 2 * i + 1) != EXTERNAL_S) continue;
    plic_base = fdt_address(plic);
    plic_context = i;
    return true;
  }
  return false;
}

static void show_uart(void) {
  static const char text[] = "round the loop";
  fdt_node node = fdt_compatible(0, "ns16550a");
  char back[64];
  u64 interrupts;
  if (!node) {
    label("uart");
    print("none\n");
    return;
  }
  uart_start(fdt_address(node), fdt_cell(node, "interrupts", 0));
  csr_set(sstatus, 2);
  void (*before)(const char *, u64) = print_sink;
  print_sink = uart_write;
  label("uart");
  print("16550 at 0x%x, interrupt %u of the PLIC: these lines leave by transmit interrupts\n", fdt_address(node),
        fdt_cell(node, "interrupts", 0));
  u64 length = uart_loopback(text, sizeof text - 1, back, &interrupts);
  bool same = length == sizeof text - 1 && memcmp(text, back, length) == 0;
  label("");
  print("\"%s\" through loopback: %u bytes, %u receive interrupts\n", text, length, interrupts);
  check(same && interrupts >= length && uart_sent > 0, "UART");
  if (!same) print_sink = before;
}

static void show_timer(void) {
  if (has_sstc) {
    expect_exception();
    csr_write(0x14d, ~0ul);
    has_sstc = last_cause == 0;
  }
  u64 ticks = 20, interval = timebase / 1000, start = csr_read(time);
  timer_start(ticks, interval, has_sstc);
  wait_until(timer_done);
  u64 passed = csr_read(time) - start;
  label("timer");
  print("%u interrupts, 1 ms apart, set by %s; asleep in WFI between them\n", ticks, has_sstc ? "stimecmp" : "SBI TIME");
  check(passed >= ticks * interval, "time that passed");
}

static void disk_interrupt(void) { virtio_blk_acknowledge(&disk); }

static bool transfer(bool write, u64 sector, void *data, u32 length) {
  virtio_blk_submit(&disk, write, sector, data, length);
  wait_until(virtio_blk_done);
  return virtio_blk_status() == 0;
}

static fdt_node find_disk(void) {
  for (fdt_node slot = fdt_compatible(0, "virtio,mmio"); slot; slot = fdt_compatible(slot, "virtio,mmio")) {
    if (virtio_device_id(fdt_address(slot)) == 2) return slot;
  }
  return 0;
}

/* Writes sectors that tell what they should hold, and reads them back. */
static bool write_and_compare(void) {
  enum { SECTORS = 16, FIRST = 8 };
  static u64 out[SECTORS * SECTOR_SIZE / 8], in[LENGTH(out)];
  for (u64 i = 0; i < LENGTH(out); i++) out[i] = i * 0x9e3779b97f4a7c15;
  if (!transfer(true, FIRST, out, sizeof out) || !transfer(false, FIRST, in, sizeof in)) return false;
  return memcmp(out, in, sizeof in) == 0;
}

static void show_disk(void) {
  static char first[SECTOR_SIZE + 1];
  fdt_node node = find_disk();
  label("disk");
  if (!node || !virtio_blk_start(&disk, fdt_address(node))) {
    print("none\n");
    return;
  }
  irq_enable(fdt_cell(node, "interrupts", 0), disk_interrupt);
  print("virtio-blk at 0x%x, interrupt %u, %u sectors%s\n", disk.base, fdt_cell(node, "interrupts", 0), disk.sectors,
        disk.read_only ? ", read-only" : "");
  bool read = transfer(false, 0, first, SECTOR_SIZE);
  for (char *at = first; *at; at++) {
    if (*at < ' ' || *at > '~') *at = 0;
  }
  label("");
  print("sector 0 says: %s\n", first);
  check(read, "reading sector 0");
  if (disk.read_only || disk.sectors < 24) return;
  bool same = write_and_compare();
  label("");
  print("16 sectors written, read and compared: %s\n", same ? "the same" : "DIFFERENT");
  check(same, "sectors that come back");
}

static void show_extension(void) {
  static char text[128];
  label("extension");
  if (!sbi_probe(GREETER)) {
    struct sbi_result result = sbi_call(GREETER, GREETER_COUNT, 0, 0, 0);
    print("0x%08x is not there (probe says 0, a call says %d); a plugin could bring it\n", GREETER, result.error);
    check(result.error == -2, "SBI_ERR_NOT_SUPPORTED");
    return;
  }
  u64 first = sbi_call(GREETER, GREETER_COUNT, 0, 0, 0).value;
  u64 second = sbi_call(GREETER, GREETER_COUNT, 0, 0, 0).value;
  struct sbi_result greeting = sbi_call(GREETER, GREETER_GREET, (u64)text, 0, sizeof text - 1);
  print("0x%08x, brought by a plugin: it counts %u, %u\n", GREETER, first, second);
  label("");
  print("and wrote into the guest's memory: %s\n", text);
  check(second == first + 1 && greeting.error == 0 && greeting.value == string_length(text), "the plugin's answers");
}

void guest_main(u64 hart, u64 device_tree) {
  csr_write(stvec, trap_entry);
  csr_set(sstatus, 1ul << 13);
  sbi_console();
  show_banner();
  show_firmware();
  if (fdt_open(device_tree)) {
    show_board();
    show_paging();
    if (find_plic(hart)) {
      show_uart();
      show_timer();
      show_disk();
    }
  } else {
    check(false, "device tree");
  }
  show_arithmetic();
  show_extension();
  print("\n %u of %u checks passed. Powering off.\n\n", checks - failures, checks);
  if (print_sink == uart_write) wait_until(uart_idle);
  sbi_shutdown(failures != 0);
}
