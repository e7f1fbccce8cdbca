/**
 * Finds the functions of a source text and how many lines each takes.
 *
 * @module
 */
import { closing, code, scan, type Token } from "./scan.ts";

/** A function, method, accessor, constructor or arrow with a body in braces. */
export interface FunctionSite {
  /** Its name as far as the tokens tell; `=>` for an arrow. */
  readonly name: string;
  /** First line: of the name or the arrow. */
  readonly line: number;
  /** Lines from the first to the closing brace. */
  readonly lines: number;
}

/** Words before parentheses and braces that are no function. */
const CONTROL: ReadonlySet<string> = new Set(["if", "for", "while", "switch", "catch", "with", "await"]);

/** Tokens after which a brace in a type opens an object type, not the function's body. */
const BEFORE_TYPE_BRACE: ReadonlySet<string> = new Set([
  ":",
  "|",
  "&",
  "<",
  ",",
  "(",
  "[",
  "=>",
  "is",
  "extends",
  "readonly",
]);

/** All functions of a source text, outer ones before inner ones. */
export function functionsOf(source: string): FunctionSite[] {
  const tokens = code(scan(source));
  const sites: FunctionSite[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const { text, kind } = tokens[i];
    if (kind !== "punctuation") continue;
    if (text === "=>" && tokens[i + 1]?.text === "{") sites.push(site(tokens, i, i + 1, "=>"));
    if (text === "(" && isParameterList(tokens, i)) {
      const body = bodyAfter(tokens, closing(tokens, i) + 1);
      if (body !== undefined) sites.push(site(tokens, i - 1, body, tokens[i - 1].text));
    }
  }
  return sites;
}

function site(tokens: readonly Token[], start: number, body: number, name: string): FunctionSite {
  const { line } = tokens[start];
  return { name, line, lines: tokens[closing(tokens, body)].line - line + 1 };
}

/** Whether a parenthesis may open the parameters of a function or method. */
function isParameterList(tokens: readonly Token[], open: number): boolean {
  const before = tokens[open - 1];
  if (before === undefined || CONTROL.has(before.text)) return false;
  return before.kind === "word" || before.kind === "string" || ["]", ">", "*"].includes(before.text);
}

/** Index of the brace that opens a body behind `)`: at once, or behind a return type. */
function bodyAfter(tokens: readonly Token[], start: number): number | undefined {
  if (tokens[start]?.text === "{") return start;
  if (tokens[start]?.text !== ":") return undefined;
  for (let i = start + 1; i < tokens.length; i++) {
    const { text, kind } = tokens[i];
    if (text === "{" && !BEFORE_TYPE_BRACE.has(tokens[i - 1].text)) return i;
    if (text === "{" || text === "(" || text === "[") i = closing(tokens, i);
    else if (kind === "punctuation" && !"<>.|&=>?,".includes(text)) return undefined;
  }
  return undefined;
}
