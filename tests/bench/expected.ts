/**
 * What the rows of the benchmark come to in small sizes; `tests/qemu/bench_test.ts` asks QEMU.
 *
 * @module
 */

/** The line that the guest ends with, by row. */
export const EXPECTED: readonly string[] = [
  "alu:20 checksum 0xd005b012fab230d8",
  "coremark:3 checksum 0x0106c0691e0d3820",
  "calls:3 checksum 0x5adebe725d2e9500",
  "indirect:20 checksum 0x70785aa6f2ba9218",
  "bytecode:5 checksum 0xfffffd9cc6e0b31a",
  "sieve:1 checksum 0x3ce8cc3250a7249d",
  "stream:1 checksum 0x0f14624d1e9c0000",
  "stream_2m:1 checksum 0x0f14624d1e9c0000",
  "stream_8m:1 checksum 0x0f14624d1e9c0000",
  "chase:20 checksum 0x37bce1cadcfab730",
  "sha256:1 checksum 0xdbf16150af6b1f0f",
  "quicksort:1 checksum 0xec3fe0ca740f907f",
  "nbody:2 checksum 0x3d9e435c09b4e6df",
  "fma:10 checksum 0x687f500b29e6e5e3",
  "mandelbrot:1 checksum 0xe347138a852e867d",
  "matmul:1 checksum 0x3cd52809be6c0754",
  "division:10 checksum 0x48dda9ddc30e99f1",
  "atomics:20 checksum 0xc2b76da1945c8d90",
  "strings:50 checksum 0x737ad22ac2bd350d",
  "recursion:1 checksum 0xb0765ffe75a28c50",
  "ecall:3 checksum 0xdabddd92ab97f3eb",
  "sbi:2 checksum 0x3c6ef372fe94f82a",
  "csr:3 checksum 0xf01f5a953dbd1c3c",
  "time:2 checksum 0x3c6ef372fe94f82a",
  "timer:1 checksum 0x6be3062f3862f449",
  "mmio:3 checksum 0x8625f278cb64a200",
  "tlb_walk:1 checksum 0x0000000017ffa000",
  "tlb_flush:1 checksum 0x000000000022dc78",
  "fault:2 checksum 0x6ef372fe94f82a00",
  "asid:2 checksum 0xc868f6e3d2884a90",
  "selfmod:1 checksum 0x0000000000000000",
  "data_on_code:3 checksum 0xb788c165b6bd06b5",
  "cold:1 checksum 0x9d464b5a336486bc",
  "warm:2 checksum 0x282a1bf7cb1af69f",
];
