/*
 * The benchmark's guest: S-mode under Sv39 with pages of 4 KiB. The boot arguments choose the row, `sieve` or `sieve:3`; the
 * number is the size, which is chosen here for two to three seconds of QEMU's time. Prints the size and a checksum of the row's work.
 */
#include "../../examples/guests/runtime/fdt.h"
#include "../../examples/guests/runtime/paging.h"
#include "../../examples/guests/runtime/print.h"
#include "../../examples/guests/runtime/sbi.h"
#include "bench.h"

enum { FLOATING_POINT = 1 << 13 };

static const struct {
  const char *name;
  u64 (*run)(u64 size);
  u64 size;
} rows[] = {
    {"alu", run_alu, 300000},
    {"coremark", run_coremark, 18000},
    {"calls", run_calls, 1700},
    {"indirect", run_indirect, 85000},
    {"bytecode", run_bytecode, 9000},
    {"sieve", run_sieve, 400},
    {"stream", run_stream, 3600},
    {"stream_2m", run_stream_2m, 400},
    {"stream_8m", run_stream_8m, 400},
    {"chase", run_chase, 16000},
    {"sha256", run_sha256, 3800},
    {"quicksort", run_quicksort, 260},
    {"nbody", run_nbody, 2200},
    {"fma", run_fma, 17000},
    {"mandelbrot", run_mandelbrot, 100},
    {"matmul", run_matmul, 350},
    {"division", run_division, 28000},
    {"atomics", run_atomics, 260000},
    {"strings", run_strings, 60000},
    {"recursion", run_recursion, 1800},
    {"ecall", run_ecall, 13000},
    {"sbi", run_sbi, 4000},
    {"csr", run_csr, 11000},
    {"time", run_time, 29000},
    {"timer", run_timer, 9500},
    {"mmio", run_mmio, 32000},
    {"tlb_walk", run_tlb_walk, 900},
    {"tlb_flush", run_tlb_flush, 240},
    {"fault", run_fault, 2800},
    {"asid", run_asid, 1500},
    {"selfmod", run_selfmod, 580},
    {"data_on_code", run_data_on_code, 5500},
    {"cold", run_cold, 90},
    {"warm", run_warm, 3500},
};

u64 *bench_root;
void (*bench_trap)(struct trap_frame *frame);

static u64 free_memory;

void trap(struct trap_frame *frame) {
  if (bench_trap) return bench_trap(frame);
  print("FAIL unexpected trap: cause %x, stval %x, pc %x\n", csr_read(scause), csr_read(stval), frame->pc);
  sbi_shutdown(true);
}

u64 take_frames(u64 bytes) {
  u64 start = free_memory;
  free_memory += (bytes + PAGE_SIZE - 1) & ~(u64)(PAGE_SIZE - 1);
  return start;
}

static void *take_mapped(u64 bytes, u64 flags) {
  u64 start = take_frames(bytes);
  paging_map(bench_root, SV39, start, start, free_memory - start, flags, 0);
  sfence_all();
  return (void *)start;
}

void *take_memory(u64 bytes) { return take_mapped(bytes, PAGE_RW); }

void *take_code_memory(u64 bytes) { return take_mapped(bytes, PAGE_RWX); }

static void enable_paging(void) {
  u64 start = (u64)image_start, code = (u64)text_end - start, data = (u64)image_end - (u64)text_end;
  bench_root = paging_create();
  free_memory = (u64)image_end;
  paging_map(bench_root, SV39, start, start, code, PAGE_RX, 0);
  paging_map(bench_root, SV39, start + code, start + code, data, PAGE_RW, 0);
  if (!paging_enable(paging_satp(bench_root, SV39, 0))) sbi_shutdown(true);
}

/* The number behind a colon at `text`, or `otherwise`. */
static u64 size_at(const char *text, u64 otherwise) {
  if (*text++ != ':') return otherwise;
  u64 value = 0;
  for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (u64)(*text - '0');
  return value;
}

void guest_main(u64 hart, u64 device_tree) {
  (void)hart;
  csr_write(stvec, trap_entry);
  csr_set(sstatus, FLOATING_POINT);
  sbi_console();
  const char *wanted = fdt_open(device_tree) ? fdt_text(fdt_named("chosen"), "bootargs") : "";
  for (u64 i = 0; i < LENGTH(rows); i++) {
    u64 length = string_length(rows[i].name);
    if (memcmp(wanted, rows[i].name, length) != 0 || (wanted[length] && wanted[length] != ':')) continue;
    u64 size = size_at(wanted + length, rows[i].size);
    enable_paging();
    u64 sum = rows[i].run(size);
    print("%s:%u checksum 0x%016x\n", rows[i].name, size, sum);
    sbi_shutdown(false);
  }
  print("FAIL the boot arguments name no row: \"%s\"\n", wanted);
  sbi_shutdown(true);
}
