/**
 * `deno task bench`: every row on QEMU and on ours, with the same binary in the same run, as a table of CPU times and ratios.
 *
 * @module
 */
import { USAGE_CODE } from "../cli/exit_code.ts";
import { describeOptions, type OptionRow, parseCount, parseOptions, UsageError } from "../cli/parse_options.ts";
import { runProgram } from "../cli/process.ts";
import type { Terminal } from "../host/terminal.ts";
import { QEMU, runRow } from "./machines.ts";
import { ask } from "./process.ts";
import { type BenchRow, ROWS } from "./rows.ts";
import { median, ratio, type RowTimes, timesTable } from "./table.ts";

const OPTIONS: readonly OptionRow[] = [
  {
    name: "row",
    value: "NAME",
    multiple: true,
    help: "run this row, may be given again; NAME:SIZE gives it another size",
  },
  { name: "runs", value: "N", help: "how often each is run (default 3)" },
  { name: "engine", value: "NAME", help: "engine of ours (default jit)" },
  { name: "write", help: "write the results to bench/results.md" },
  { name: "help", short: "h", help: "show this help" },
];

const HELP =
  `deno task bench: the speed of guests of ours on ${QEMU} and here, as seconds of CPU time of the whole process

Options:
${describeOptions(OPTIONS)}

Rows: ${ROWS.map(({ name }) => name).join(" ")}
`;

interface BenchOptions {
  readonly rows: readonly BenchRow[];
  readonly runs: number;
  readonly engine: string;
  readonly write: boolean;
}

/** The row of a name, with its size if that has one. */
function findRow(wanted: string): BenchRow {
  const [name] = wanted.split(":", 1);
  const row = ROWS.find((row) => row.name === name);
  if (row === undefined || !/^\w+(:\d+)?$/.test(wanted)) {
    throw new UsageError(`There is no row "${wanted}"; there are ${ROWS.map(({ name }) => name).join(", ")}`);
  }
  return { name: wanted, what: row.what };
}

/** The command line; undefined if it asks for help. */
function parse(args: readonly string[]): BenchOptions | undefined {
  const parsed = parseOptions(args, OPTIONS);
  if (parsed.has("help")) return undefined;
  const names = [...parsed.values("row"), ...parsed.positionals];
  const write = parsed.has("write");
  if (write && names.length > 0) throw new UsageError("Results are written of all rows; leave --write or the rows out");
  return {
    rows: names.length === 0 ? ROWS : names.map(findRow),
    runs: parseCount(parsed.value("runs") ?? "3", "--runs", 1, 99),
    engine: parsed.value("engine") ?? "jit",
    write,
  };
}

/** Runs a row as often as wanted. */
async function measure({ name, what }: BenchRow, { runs, engine }: BenchOptions): Promise<RowTimes> {
  const qemu: number[] = [];
  const ours: number[] = [];
  for (let run = 0; run < runs; run++) {
    const times = await runRow(name, engine);
    qemu.push(times.qemu);
    ours.push(times.ours);
  }
  return { name, what, qemu, ours };
}

/** Measures what the command line asks for. @returns the exit code */
async function bench(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = parse(args);
  const write = (text: string): void => terminal.write(new TextEncoder().encode(text));
  if (options === undefined) {
    write(HELP);
    return 0;
  }
  if (await ask(QEMU, "--version") === undefined) {
    terminal.message(`denovisor: The benchmark needs ${QEMU} and bash; on Debian: apt install qemu-system-misc bash`);
    return USAGE_CODE;
  }
  const rows: RowTimes[] = [];
  for (const row of options.rows) {
    const times = await measure(row, options);
    rows.push(times);
    const { qemu, ours } = times;
    terminal.message(
      `${row.name}: QEMU ${median(qemu).toFixed(2)}, ours ${median(ours).toFixed(2)}, ratio ${ratio(times).toFixed(2)}`,
    );
  }
  write(`${timesTable(rows)}\n`);
  return 0;
}

if (import.meta.main) void runProgram((terminal) => bench(Deno.args, terminal));
