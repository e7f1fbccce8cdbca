/**
 * `deno task bench`: every row on QEMU and on ours, with the same binary in the same run, as a table of CPU times and ratios.
 *
 * @module
 */
import { USAGE_CODE } from "../cli/exit_code.ts";
import { UsageError } from "../cli/parse_options.ts";
import { runProgram } from "../cli/process.ts";
import type { Terminal } from "../host/terminal.ts";
import { boot, findDebian } from "./linux.ts";
import { BENCH_IMAGE, BUILT, oursCommand, QEMU, qemuCommand, type RowRun, runRow, SOURCES } from "./machines.ts";
import { type BenchOptions, HELP, parseBench } from "./options.ts";
import { ask, timeProcess } from "./process.ts";
import { document } from "./report.ts";
import { DEBIAN, MMIO, MMIO_EXITS, START, WARM_UP } from "./rows.ts";
import { HELLO_IMAGE, timeToFirstWords } from "./startup.ts";
import { type Figure, figuresTable, median, ratio, type RowTimes, timesTable } from "./table.ts";

/** Where results go. */
const RESULTS = new URL("results.md", import.meta.url);

/** One comparison: what both took. */
interface Pair {
  readonly qemu: number;
  readonly ours: number;
}

/** Measures, and keeps what came out. */
class Bench {
  readonly #times: RowTimes[] = [];
  readonly #figures: Figure[] = [];
  readonly #options: BenchOptions;
  readonly #progress: (line: string) => void;

  constructor(options: BenchOptions, progress: (line: string) => void) {
    this.#options = options;
    this.#progress = progress;
  }

  /** Measures all that was asked for. */
  async run(): Promise<void> {
    await this.#warmUp();
    for (const { name, what } of this.#options.rows) {
      const runs = await this.#repeat(() => runRow(name, this.#options.engine));
      this.#addTimes(name, what, runs);
      if (name === MMIO) await this.#exits(runs);
    }
    if (this.#options.debian !== "no") await this.#debian();
    if (this.#options.start) await this.#start();
  }

  /** Of a program that is new Deno keeps what it compiled, if the process lasts for long enough to write it down. */
  async #warmUp(): Promise<void> {
    for (const program of this.#options.start ? [BUILT, SOURCES] : [BUILT]) {
      await timeProcess(oursCommand({ kernel: BENCH_IMAGE, append: WARM_UP.row }, WARM_UP.engine, program));
    }
  }

  /** All that was measured, as Markdown. */
  tables(): string {
    const tables = [];
    if (this.#times.length > 0) tables.push(timesTable(this.#times));
    if (this.#figures.length > 0) tables.push(figuresTable(this.#figures));
    return tables.join("\n\n");
  }

  async #repeat<Result>(once: () => Promise<Result>): Promise<Result[]> {
    const results: Result[] = [];
    for (let run = 0; run < this.#options.runs; run++) results.push(await once());
    return results;
  }

  #addTimes(name: string, what: string, pairs: readonly Pair[]): void {
    const times = { name, what, qemu: pairs.map(({ qemu }) => qemu), ours: pairs.map(({ ours }) => ours) };
    this.#times.push(times);
    const [qemu, ours] = [median(times.qemu), median(times.ours)];
    this.#progress(`${name}: QEMU ${qemu.toFixed(2)} s, ours ${ours.toFixed(2)} s, ratio ${ratio(times).toFixed(2)}`);
  }

  #addFigure(what: string, unit: string, pairs: readonly Pair[]): void {
    const figure = {
      what,
      unit,
      qemu: median(pairs.map(({ qemu }) => qemu)),
      ours: median(pairs.map(({ ours }) => ours)),
    };
    this.#figures.push(figure);
    this.#progress(`${what}: QEMU ${figure.qemu.toFixed(1)} ${unit}, ours ${figure.ours.toFixed(1)} ${unit}`);
  }

  /** What one exit costs: the time of many less that of hardly any, by their number. */
  async #exits(many: readonly RowRun[]): Promise<void> {
    const few = await this.#repeat(() => runRow(`${MMIO}:0`, this.#options.engine));
    const cost = (who: keyof Pair): number => {
      const seconds = median(many.map((run) => run[who])) - median(few.map((run) => run[who]));
      return seconds / (many[0].size * MMIO_EXITS) * 1e9;
    };
    this.#addFigure("exit to a device and back", "ns", [{ qemu: cost("qemu"), ours: cost("ours") }]);
  }

  async #debian(): Promise<void> {
    const { debian, engine } = this.#options;
    const guest = await findDebian();
    if (guest === undefined) {
      const hint = `there is no Debian guest; "deno task linux" makes one`;
      if (debian === "named") throw new UsageError(`The row "${DEBIAN.name}" cannot be measured: ${hint}`);
      this.#progress(`${DEBIAN.name}: left out, as ${hint}`);
      return;
    }
    const boots = await this.#repeat(async () => {
      const qemu = await boot(qemuCommand(guest));
      return { qemu, ours: await boot(oursCommand(guest, engine)) };
    });
    this.#addTimes(DEBIAN.name, DEBIAN.what, boots.map(({ qemu, ours }) => ({ qemu: qemu.cpu, ours: ours.cpu })));
    const memory = boots.map(({ qemu, ours }) => ({ qemu: qemu.memory, ours: ours.memory }));
    this.#addFigure("resident memory at the shell of a Debian guest with 512 MiB", "MiB", memory);
  }

  async #start(): Promise<void> {
    const guest = { kernel: HELLO_IMAGE };
    const starts = await this.#repeat(async () => {
      const qemu = await timeToFirstWords(qemuCommand(guest));
      const [built, sources] = [BUILT, SOURCES].map((program) => oursCommand(guest, this.#options.engine, program));
      return { qemu, built: await timeToFirstWords(built), sources: await timeToFirstWords(sources) };
    });
    this.#addFigure(START.what, "ms", starts.map(({ qemu, built }) => ({ qemu, ours: built })));
    this.#addFigure(
      "the same, ours from its sources",
      "ms",
      starts.map(({ qemu, sources }) => ({ qemu, ours: sources })),
    );
  }
}

/** Measures what the command line asks for. @returns the exit code */
async function bench(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = parseBench(args);
  const print = (text: string): void => terminal.write(new TextEncoder().encode(text));
  if (options === undefined) {
    print(HELP);
    return 0;
  }
  const version = await ask(QEMU, "--version");
  if (version === undefined) {
    terminal.message(`denovisor: The benchmark needs ${QEMU} and bash; on Debian, install qemu-system-misc`);
    return USAGE_CODE;
  }
  const bench = new Bench(options, (line) => terminal.message(line));
  await bench.run();
  const tables = bench.tables();
  print(`${tables}\n`);
  if (options.write) {
    const { deno, v8 } = Deno.version;
    const [qemu] = version.split("\n");
    const { runs, engine } = options;
    const processors = navigator.hardwareConcurrency;
    await Deno.writeTextFile(RESULTS, document(tables, { qemu, deno, v8, processors, runs, engine }));
  }
  return 0;
}

if (import.meta.main) void runProgram((terminal) => bench(Deno.args, terminal));
