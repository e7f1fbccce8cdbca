/**
 * The command line of `deno task bench`.
 *
 * @module
 */
import { describeOptions, type OptionRow, parseCount, parseOptions, UsageError } from "../cli/parse_options.ts";
import { QEMU } from "./machines.ts";
import { type BenchRow, DEBIAN, ROWS, START } from "./rows.ts";

const OPTIONS: readonly OptionRow[] = [
  {
    name: "row",
    value: "NAME",
    multiple: true,
    help: "run only this row; may be given again; NAME:SIZE gives it another size",
  },
  { name: "runs", value: "N", help: "how often each is run (default 3); medians are shown" },
  { name: "engine", value: "NAME", help: "engine of ours (default jit)" },
  { name: "write", help: "write the results to bench/results.md" },
  { name: "help", short: "h", help: "show this help" },
];

/** All that can be measured. */
const ALL: readonly BenchRow[] = [...ROWS, DEBIAN, START];

/** What `--help` shows. */
export const HELP: string = `deno task bench [ROW...]: guests of ours on ${QEMU} and here, in seconds of CPU time

Options:
${describeOptions(OPTIONS)}

Rows:
${ALL.map(({ name, what }) => `  ${name.padEnd(14)}${what}`).join("\n")}

The table goes to standard output. The exit code is 2 if the command line is wrong or QEMU is missing, 1 for every other error,
such as results that differ.
`;

/** What is to be measured. */
export interface BenchOptions {
  /** The guest's rows, with their sizes if they were given. */
  readonly rows: readonly BenchRow[];
  /** Whether Debian is booted; if it was named, it must be there. */
  readonly debian: "named" | "if there" | "no";
  /** Whether the start of a process is measured. */
  readonly start: boolean;
  /** Runs of each. */
  readonly runs: number;
  /** Engine of ours. */
  readonly engine: string;
  /** Whether the results are written. */
  readonly write: boolean;
}

/** The row of a name, with its size if that has one. */
function findRow(wanted: string): BenchRow {
  const [name, size] = wanted.split(":", 2);
  const row = ALL.find((row) => row.name === name);
  if (row === undefined) throw new UsageError(`There is no row "${name}"; --help lists them all`);
  if (size === undefined) return row;
  if (!ROWS.includes(row) || !/^\d{1,9}$/.test(size)) throw new UsageError(`"${wanted}" is no row with a size`);
  return { name: wanted, what: row.what };
}

/**
 * Reads the command line.
 *
 * @returns undefined if it asks for help
 * @throws {UsageError} if it is wrong
 */
export function parseBench(args: readonly string[]): BenchOptions | undefined {
  const parsed = parseOptions(args, OPTIONS);
  if (parsed.has("help")) return undefined;
  const wanted = [...parsed.values("row"), ...parsed.positionals].map(findRow);
  const write = parsed.has("write");
  if (write && wanted.length > 0) throw new UsageError("Only all results are written; leave out --write, or the rows");
  const all = wanted.length === 0;
  return {
    rows: all ? ROWS : wanted.filter((row) => row !== DEBIAN && row !== START),
    debian: all ? "if there" : wanted.includes(DEBIAN) ? "named" : "no",
    start: all || wanted.includes(START),
    runs: parseCount(parsed.value("runs") ?? "3", "--runs", 1, 99),
    engine: parsed.value("engine") ?? "jit",
    write,
  };
}
