/**
 * Checks of single values of a configuration: each says what is wrong in words, never throws, and returns the value to use.
 *
 * @module
 */
import { hex } from "./address.ts";

/** Takes one problem: what is wrong with the value, without the key's path; `below` names a part of the value. */
export type Fail = (problem: string, below?: string) => void;

/** Checks a value that is present. Returns the value to use, undefined if it called `fail`. */
export type Check = (value: unknown, fail: Fail) => unknown;

/** Describes a value in a message, shortly. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 37)}...` : value);
  if (typeof value === "bigint" || typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  return typeof value === "object" ? "a table" : `a ${typeof value}`;
}

/** Whether a value is a plain table. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** A whole number in a range. TOML readers may give large ones as `bigint`. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  return (value, fail) => {
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isSafeInteger(number)) {
      return void fail(`must be a whole number, not ${show(value)}`);
    }
    if (number < min) return void fail(`must be ${min} or more, not ${number}`);
    if (number > max) return void fail(`must be ${max} or less, not ${number}`);
    return number;
  };
}

/** A guest-physical address. */
export function address(alignment: number = 1): Check {
  const whole = integer(0, 2 ** 50 - 1);
  return (value, fail) => {
    const number = whole(value, fail) as number | undefined;
    if (number === undefined || number % alignment === 0) return number;
    return void fail(`must be a multiple of ${hex(alignment)}, not ${hex(number)}`);
  };
}

/** Text that is not empty. */
export const text: Check = (value, fail) => {
  if (typeof value !== "string") return void fail(`must be a string, not ${show(value)}`);
  if (value === "") return void fail("must not be empty; leave the key out instead");
  return value;
};

/** Text that may be empty. */
export const anyText: Check = (value, fail) =>
  typeof value === "string" ? value : void fail(`must be a string, not ${show(value)}`);

/** Bytes, given by a program. */
export const bytes: Check = (value, fail) =>
  value instanceof Uint8Array
    ? value
    : void fail(`must be a Uint8Array, not ${show(value)}; a file's path goes to the _path key`);

/** One of some words; `aliases` maps others to them. */
export function oneOf(words: readonly string[], aliases: Readonly<Record<string, string>> = {}): Check {
  return (value, fail) => {
    if (typeof value === "string") {
      if (words.includes(value)) return value;
      if (Object.hasOwn(aliases, value)) return aliases[value];
    }
    return void fail(`must be ${words.map((word) => `"${word}"`).join(" or ")}, not ${show(value)}`);
  };
}

/** A table whose keys somebody else checks. */
export const table: Check = (value, fail) => isTable(value) ? value : void fail(`must be a table, not ${show(value)}`);

/** A list, each item checked. */
export function list(item: Check): Check {
  return (value, fail) => {
    if (!Array.isArray(value)) return void fail(`must be a list, not ${show(value)}`);
    return value.map((entry, index) => item(entry, (why, below = "") => fail(why, `[${index}]${below}`)));
  };
}

/** A key of a record: its check and what stands for it when it is left out; no default: required. */
export interface Field {
  /** Check of the value. */
  readonly check: Check;
  /** What stands for the value when it is left out. */
  readonly fallback?: unknown;
  /** Whether it may be left out without a fallback. */
  readonly optional?: boolean;
}

/** A record written as a table, or as a list of its values in order. */
export function record(fields: Readonly<Record<string, Field>>): Check {
  const names = Object.keys(fields);
  return (value, fail) => {
    let source: Record<string, unknown>;
    if (Array.isArray(value)) {
      if (value.length > names.length) {
        return void fail(`has ${value.length} values, but ${names.length} are known: ${names.join(", ")}`);
      }
      source = Object.fromEntries(value.map((entry, index) => [names[index], entry]));
    } else if (isTable(value)) source = value;
    else return void fail(`must be a table or a list of ${names.join(", ")}, not ${show(value)}`);
    for (const key of Object.keys(source)) {
      if (!Object.hasOwn(fields, key)) fail(`is not a known key${nearest(key, names)}`, `.${key}`);
    }
    const result: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      if (source[name] !== undefined) {
        result[name] = field.check(source[name], (why, below = "") => fail(why, `.${name}${below}`));
      } else if (field.fallback !== undefined) result[name] = field.fallback;
      else if (!field.optional) fail("is missing", `.${name}`);
    }
    return result;
  };
}

/** Refuses whatever says something; an empty list or string says nothing. */
export function refuse(reason: string): Check {
  return (value, fail) => {
    if (value === "" || (Array.isArray(value) && value.length === 0)) return undefined;
    return void fail(`is refused: ${reason}`);
  };
}

/** ` (did you mean "x"?)` for the known word that is nearest, or nothing if none is near. */
export function nearest(word: string, known: readonly string[]): string {
  let best = "";
  // A word of which every letter differs is not near.
  let bestDistance = Math.min(Math.max(2, Math.floor(word.length / 3)) + 1, word.length);
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best === "" ? "" : ` (did you mean "${best}"?)`;
}

/** Fewest insertions, deletions and replacements that turn one word into the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
