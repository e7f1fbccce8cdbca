/**
 * The rows of the benchmark, as the table of results names them; `bench/guests/main.c` has the work and its size.
 *
 * @module
 */

/** One row. */
export interface BenchRow {
  /** What the guest's boot arguments call it. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly what: string;
}

/** All rows, in the order of the guest's table. */
export const ROWS: readonly BenchRow[] = [
  { name: "alu", what: "integer arithmetic" },
  { name: "coremark", what: "list, matrix, state machine, CRC" },
  { name: "calls", what: "recursive Fibonacci numbers" },
  { name: "indirect", what: "calls through a table of functions" },
  { name: "bytecode", what: "a bytecode interpreter" },
  { name: "sieve", what: "primes, a byte each" },
  { name: "stream", what: "three arrays, added and copied" },
  { name: "stream_2m", what: "the same, 2 MiB apart" },
  { name: "stream_8m", what: "the same, 8 MiB apart" },
  { name: "chase", what: "a random cycle through 4 MiB" },
  { name: "sha256", what: "SHA-256" },
  { name: "quicksort", what: "sorting by callbacks" },
  { name: "nbody", what: "f64 n-body" },
  { name: "fma", what: "f32 and f64 with fused multiply-add" },
  { name: "mandelbrot", what: "f64 Mandelbrot set" },
  { name: "matmul", what: "f64 matrix product" },
  { name: "division", what: "f64 and f32 division, root, conversion, comparison" },
  { name: "atomics", what: "swap, add, LR/SC loops" },
  { name: "strings", what: "text, byte by byte" },
  { name: "recursion", what: "100,000 nested calls" },
  { name: "ecall", what: "system call from U-mode and back" },
  { name: "sbi", what: "SBI call" },
  { name: "csr", what: "CSRs without side effects" },
  { name: "time", what: "time and instret read" },
  { name: "timer", what: "timer set by SBI, and its interrupt" },
  { name: "mmio", what: "device register read" },
  { name: "tlb_walk", what: "a word of each page of 64 MiB" },
  { name: "tlb_flush", what: "sfence.vma of all and of a page" },
  { name: "fault", what: "page fault that maps the page" },
  { name: "asid", what: "address spaces by ASID" },
  { name: "selfmod", what: "code written, fence.i, called" },
  { name: "data_on_code", what: "stores to the page that runs" },
  { name: "cold", what: "thousands of functions, called three times each" },
  { name: "warm", what: "3,000 functions, called often" },
];

/** What takes about a second here. */
export const WARM_UP = { row: "nbody", engine: "jit" } as const;

/** The row of exits to a device. */
export const MMIO = "mmio";

/** Exits of {@link MMIO} for each unit of its size. */
export const MMIO_EXITS = 1000;

/** Linux, which is no row of the guest. */
export const DEBIAN: BenchRow = { name: "debian", what: "Debian's kernel boots to its shell" };

/** What is no CPU time. */
export const START: BenchRow = { name: "start", what: "start of the process to the guest's first output" };
