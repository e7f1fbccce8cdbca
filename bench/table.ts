/**
 * From measured seconds to the table of results: medians, ratios, their mean, Markdown.
 *
 * @module
 */

/** Seconds of CPU time of one row, a number for each run. */
export interface RowTimes {
  /** Name of the row. */
  readonly name: string;
  /** What it does. */
  readonly what: string;
  /** QEMU's. */
  readonly qemu: readonly number[];
  /** Ours. */
  readonly ours: readonly number[];
}

/** A pair of figures that are no CPU time. */
export interface Figure {
  /** What was measured. */
  readonly what: string;
  /** Unit of both. */
  readonly unit: string;
  /** QEMU's. */
  readonly qemu: number;
  /** Ours. */
  readonly ours: number;
}

/** The middle one of some numbers; the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The geometric mean of some numbers. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** How many times faster than QEMU a row is. */
export function ratio({ qemu, ours }: RowTimes): number {
  return median(qemu) / median(ours);
}

/** A paragraph, in lines as long as the formatter makes them. */
export function fill(text: string): string {
  return text.replace(/(?=.{121})(.{1,120}) /g, "$1\n");
}

/** A Markdown table, with columns as wide as their widest cell; columns after `left` are of numbers. */
function markdown(head: readonly string[], rows: readonly (readonly string[])[], left: number): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join(" | ")} |`;
  const rule = `| ${
    widths.map((width, i) => i < left ? "-".repeat(width) : `${"-".repeat(width - 1)}:`).join(" | ")
  } |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** The rows as a Markdown table, followed by what they come to. */
export function timesTable(rows: readonly RowTimes[]): string {
  const cells = rows.map((row) => [
    row.name,
    row.what,
    median(row.qemu).toFixed(2),
    median(row.ours).toFixed(2),
    ratio(row).toFixed(2),
  ]);
  return `${markdown(["row", "what it does", "QEMU, CPU s", "ours, CPU s", "QEMU / ours"], cells, 2)}\n\n${
    fill(summary(rows))
  }`;
}

/** The row with the least of some value, as text. */
function least(rows: readonly RowTimes[], value: (row: RowTimes) => number): string {
  const row = rows.reduce((least, row) => value(row) < value(least) ? row : least);
  return `${value(row).toFixed(2)} (${row.name})`;
}

/** What the ratios come to: their mean, the least of the medians, the least of any single run, and how many are below one. */
function summary(rows: readonly RowTimes[]): string {
  const worst = ({ qemu, ours }: RowTimes): number => Math.min(...qemu.map((seconds, run) => seconds / ours[run]));
  const below = rows.filter((row) => ratio(row) < 1).map(({ name }) => name);
  return `Geometric mean ${geometricMean(rows.map(ratio)).toFixed(2)}, least ${least(rows, ratio)}, ` +
    `least of any run ${least(rows, worst)}, ` +
    `${below.length} of ${rows.length} below 1.00${below.length > 0 ? `: ${below.join(", ")}` : ""}.`;
}

/** Three significant digits, and all of a number before its point. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Other figures as a Markdown table. */
export function figuresTable(figures: readonly Figure[]): string {
  const cells = figures.map(({ what, unit, qemu, ours }) => [
    what,
    `${short(qemu)} ${unit}`,
    `${short(ours)} ${unit}`,
    (qemu / ours).toFixed(2),
  ]);
  return markdown(["figure", "QEMU", "ours", "QEMU / ours"], cells, 1);
}
