/*
 * The integer benchmark: S-mode under Sv39 with 4 KiB pages of its own, no WFI, no interrupt. A mix as in CoreMark: list,
 * matrix, CRC, state machine, hash table, sort, calls. `rounds=N` in the boot arguments changes how long it runs.
 */
#include "../runtime/fdt.h"
#include "../runtime/paging.h"
#include "../runtime/print.h"
#include "../runtime/sbi.h"
#include "mips.h"

enum { ROUNDS = 250 };

/* The number behind `rounds=`, or the default. */
static u64 rounds(u64 device_tree) {
  const char *at = fdt_open(device_tree) ? fdt_text(fdt_named("chosen"), "bootargs") : "";
  for (; *at; at++) {
    if (memcmp(at, "rounds=", 7) != 0) continue;
    u64 value = 0;
    for (at += 7; *at >= '0' && *at <= '9'; at++) value = value * 10 + (u64)(*at - '0');
    return value;
  }
  return ROUNDS;
}

static void enable_paging(void) {
  u64 *root = paging_create();
  u64 start = (u64)image_start, code = (u64)text_end - start, data = (u64)image_end - (u64)text_end;
  paging_map(root, SV39, start, start, code, PAGE_RX, 0);
  paging_map(root, SV39, start + code, start + code, data, PAGE_RW, 0);
  if (!paging_enable(paging_satp(root, SV39, 0))) sbi_shutdown(true);
}

void guest_main(u64 hart, u64 device_tree) {
  static const struct {
    const char *name;
    u32 (*round)(u32 seed);
  } parts[] = {{"list", list_round},       {"matrix", matrix_round}, {"hash", hash_round},
               {"scanner", scanner_round}, {"calls", call_round},    {"sort", sort_round}};
  u32 sums[LENGTH(parts)] = {0};
  (void)hart;
  sbi_console();
  u64 count = rounds(device_tree);
  enable_paging();
  u64 before = csr_read(instret);
  for (u64 i = 0; i < count; i++) {
    for (u64 part = 0; part < LENGTH(parts); part++) {
      sums[part] = sums[part] * 33 + parts[part].round((u32)(i * LENGTH(parts) + part + 1));
    }
  }
  u64 retired = csr_read(instret) - before;
  for (u64 part = 0; part < LENGTH(parts); part++) print("%-8s 0x%08x\n", parts[part].name, (u64)sums[part]);
  print("checksum 0x%08x after %u rounds\n", (u64)crc32(0, sums, sizeof sums), count);
  print("retired  %u instructions\n", retired);
  sbi_shutdown(false);
}
