/* The rows of the benchmark: each does `size` units of its work and gives a number that depends on all of it. */
#pragma once
#include "../../examples/guests/runtime/base.h"
#include "../../examples/guests/runtime/trap.h"

#define NOINLINE __attribute__((noinline))

/* One step of the generator that makes all data. */
static inline u32 next_random(u32 *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

static inline u64 mix(u64 sum, u64 value) { return (sum ^ value) * 0x9e3779b97f4a7c15ul; }

/* The table that all rows start with; it maps the image, and what `take_memory` gave, with pages of 4 KiB. */
extern u64 *bench_root;

/* Zeroed pages behind the image, readable and writable at their own address. */
void *take_memory(u64 bytes);
/* The same without a mapping. */
u64 take_frames(u64 bytes);
/* Readable, writable and executable pages. */
void *take_code_memory(u64 bytes);

/* Addresses from here on are mapped to nothing. */
#define WINDOW 0xffffffc000000000ul

/* What the trap vector of the runtime calls; a row that takes traps sets it, and stvec to `trap_entry`. */
extern void (*bench_trap)(struct trap_frame *frame);

/* integer.c */
u64 run_alu(u64 size);
u64 run_atomics(u64 size);
u64 run_sha256(u64 size);
/* coremark.c */
u64 run_coremark(u64 size);
/* calls.c */
u64 run_calls(u64 size);
u64 run_indirect(u64 size);
u64 run_quicksort(u64 size);
u64 run_recursion(u64 size);
/* bytecode.c */
u64 run_bytecode(u64 size);
/* arrays.c */
u64 run_sieve(u64 size);
u64 run_stream(u64 size);
u64 run_stream_2m(u64 size);
u64 run_stream_8m(u64 size);
u64 run_chase(u64 size);
u64 run_strings(u64 size);
/* floating.c */
u64 run_nbody(u64 size);
u64 run_fma(u64 size);
u64 run_mandelbrot(u64 size);
u64 run_matmul(u64 size);
u64 run_division(u64 size);
/* system.c */
u64 run_ecall(u64 size);
u64 run_sbi(u64 size);
u64 run_csr(u64 size);
u64 run_time(u64 size);
u64 run_timer(u64 size);
u64 run_mmio(u64 size);
/* translation.c */
u64 run_tlb_walk(u64 size);
u64 run_tlb_flush(u64 size);
u64 run_fault(u64 size);
u64 run_asid(u64 size);
/* code.c */
u64 run_selfmod(u64 size);
u64 run_data_on_code(u64 size);
/* many.c */
u64 run_cold(u64 size);
u64 run_warm(u64 size);
