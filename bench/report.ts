/**
 * The document that `deno task bench --write` leaves.
 *
 * @module
 */
import { fill } from "./table.ts";

/** What the results depend on. */
export interface Circumstances {
  /** First line of `qemu-system-riscv64 --version`. */
  readonly qemu: string;
  /** Version of Deno. */
  readonly deno: string;
  /** Version of V8. */
  readonly v8: string;
  /** Number of processors. */
  readonly processors: number;
  /** Runs of each row. */
  readonly runs: number;
  /** Engine of ours. */
  readonly engine: string;
}

/** The document around the tables. */
export function document(tables: string, { qemu, deno, v8, processors, runs, engine }: Circumstances): string {
  const introduction =
    `Seconds of CPU time (user and system) of whole processes, start and compilation included: the same binary on QEMU ` +
    `and here, one after the other on one processor, the median of ${runs} ${
      runs === 1 ? "run" : "runs"
    } each. Above 1.00, ours is faster. ` +
    `Both must print the same checksum. Ours is the program that \`deno task build\` writes. The guest is ` +
    `\`bench/guests/\`: S-mode under Sv39 with pages of 4 KiB, compiled for rv64gc with -O2.`;
  return `# Results of the benchmark

${fill(introduction)}

- Command: \`deno task bench --write${runs === 3 ? "" : ` --runs ${runs}`}${
    engine === "jit" ? "" : ` --engine ${engine}`
  }\`
- Engine: \`${engine}\`
- ${qemu}: \`-M virt -bios default\`
- Deno ${deno}, V8 ${v8}, ${processors} processors

${tables}
`;
}
