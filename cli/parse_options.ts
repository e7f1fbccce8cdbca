/**
 * Command-line options from a table: what is parsed, what is refused and what `--help` shows come from the same rows.
 *
 * @module
 */
import { nearest } from "../core/config_checks.ts";
import { HypervisorError } from "../core/errors.ts";

/** The command line is wrong; the message says how to write it. */
export class UsageError extends HypervisorError {
  /** The class name. */
  override readonly name: string = "UsageError";
}

/** One option. */
export interface OptionRow {
  /** Name without dashes. */
  readonly name: string;
  /** One letter that stands for it. */
  readonly short?: string;
  /** What its value is called in the help; left out: it takes none. */
  readonly value?: string;
  /** Whether it may be given several times. */
  readonly multiple?: boolean;
  /** What it does. */
  readonly help: string;
}

/** A parsed command line. */
export interface ParsedOptions {
  /** Arguments that are no options, in order. */
  readonly positionals: readonly string[];
  /** Whether an option was given. */
  has(name: string): boolean;
  /** The value of an option; undefined if it was not given. */
  value(name: string): string | undefined;
  /** All values of an option, in order. */
  values(name: string): readonly string[];
}

/**
 * Parses arguments.
 *
 * @throws {UsageError} for an unknown option, a missing value or one too many, an option given twice
 */
export function parseOptions(args: readonly string[], rows: readonly OptionRow[]): ParsedOptions {
  const { positionals, options } = split(args, rows);
  const given = new Map<string, string[]>();
  for (const { row, rawName, value, isInline } of options) {
    const checked = checkValue(row, rawName, value, isInline);
    const earlier = given.get(row.name);
    if (earlier !== undefined && !row.multiple) {
      throw new UsageError(`Option "${rawName}" is given twice; give it once`);
    }
    given.set(row.name, [...earlier ?? [], checked]);
  }
  return {
    positionals,
    has: (name) => given.has(name),
    value: (name) => given.get(name)?.[0],
    values: (name) => given.get(name) ?? [],
  };
}

/** An option as it was written. */
interface GivenOption {
  readonly row: OptionRow;
  /** `--name` or `-n`. */
  readonly rawName: string;
  readonly value: string | undefined;
  /** Whether the value is part of the same argument. */
  readonly isInline: boolean;
}

/** Tells options from other arguments, as POSIX and GNU write them: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-ab`, `--`. */
function split(args: readonly string[], rows: readonly OptionRow[]): { positionals: string[]; options: GivenOption[] } {
  const positionals: string[] = [];
  const options: GivenOption[] = [];
  const rest = [...args];
  const add = (row: OptionRow | undefined, rawName: string, inline: string | undefined): void => {
    if (row === undefined) throw unknownOption(rawName, rows);
    const isInline = inline !== undefined;
    const value = isInline || row.value === undefined ? inline : rest.shift();
    options.push({ row, rawName, value, isInline });
  };
  while (rest.length > 0) {
    const argument = rest.shift()!;
    if (argument === "--") return { positionals: [...positionals, ...rest], options };
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(argument);
    if (long !== null) add(rows.find(({ name }) => name === long[1]), `--${long[1]}`, long[2]);
    else if (!/^-./s.test(argument)) positionals.push(argument);
    else {
      for (let letters = argument.slice(1); letters !== "";) {
        const row = rows.find(({ short }) => short === letters[0]);
        const inline = row?.value === undefined ? "" : letters.slice(1);
        add(row, `-${letters[0]}`, inline === "" ? undefined : inline);
        letters = inline === "" ? letters.slice(1) : "";
      }
    }
  }
  return { positionals, options };
}

function unknownOption(rawName: string, rows: readonly OptionRow[]): UsageError {
  const hint = nearest(rawName, rows.map(({ name }) => `--${name}`)) || "; --help lists them all";
  return new UsageError(`There is no option "${rawName}"${hint}`);
}

function checkValue({ value: wanted }: OptionRow, rawName: string, value: string | undefined, inline: boolean): string {
  if (wanted === undefined) {
    if (value === undefined) return "";
    throw new UsageError(`Option "${rawName}" takes no value; leave "=${value}" out`);
  }
  if (value === undefined || value === "") {
    throw new UsageError(`Option "${rawName}" needs a value: ${rawName} ${wanted}`);
  }
  if (!inline && /^-./.test(value)) {
    throw new UsageError(
      `Option "${rawName}" is followed by "${value}"; if that is its value, write ${rawName}=${value}`,
    );
  }
  return value;
}

/** The rows as lines of a help text. */
export function describeOptions(rows: readonly OptionRow[]): string {
  const heads = rows.map(({ name, short, value }) =>
    `  ${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`
  );
  const width = Math.max(...heads.map((head) => head.length)) + 2;
  return rows.map(({ help }, index) => `${heads[index].padEnd(width)}${help}`).join("\n");
}

/** Bytes from text such as `256M`, `1G`, `65536`. */
export function parseSize(text: string, option: string): number {
  const match = /^(\d+)([KMG]?)(?:i?B)?$/i.exec(text);
  const unit = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[match?.[2].toUpperCase() ?? ""];
  const size = match === null || unit === undefined ? NaN : Number(match[1]) * unit;
  if (Number.isSafeInteger(size)) return size;
  throw new UsageError(`Option "${option}" must be a size such as 256M or 1G, not "${text}"`);
}

/** A whole number in a range. */
export function parseCount(text: string, option: string, min: number, max: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (count >= min && count <= max) return count;
  throw new UsageError(`Option "${option}" must be a whole number from ${min} to ${max}, not "${text}"`);
}

/** An address, decimal or hexadecimal. */
export function parseAddress(text: string, option: string): number {
  const address = /^(0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(address)) return address;
  throw new UsageError(`Option "${option}" must be an address such as 0x80200000, not "${text}"`);
}

/** Longest time in seconds: hosts keep no timer for longer than 2^31 milliseconds. */
const LONGEST_SECONDS = 2_000_000;

/** A time in seconds, fractions allowed. */
export function parseSeconds(text: string, option: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (seconds > 0 && seconds <= LONGEST_SECONDS) return seconds;
  throw new UsageError(
    `Option "${option}" must be a number of seconds above 0, ${LONGEST_SECONDS} at most, not "${text}"`,
  );
}

/** One of some words. */
export function parseWord<Word extends string>(text: string, option: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw new UsageError(`Option "${option}" must be ${words.join(" or ")}, not "${text}"${nearest(text, words)}`);
}
